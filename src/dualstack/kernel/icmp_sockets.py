"""Sockets for ICMP and ICMPv6 echo: the datagram ones that need no right where the system has them, else raw ones.

Linux' datagram sockets (net/ipv4/ping.c) are for the groups in net.ipv4.ping_group_range, of both families. They choose
the identifier, and take in nothing but replies to it. A raw socket takes in what reaches the host, so a filter is set
that lets replies alone through. On both, errors come from the error queue, where the kernel says who sent them
(ip(7), IP_RECVERR). Systems without it give errors as messages on the raw socket, and their filter lets them through.

Nothing here reads a message: bytes go out and come in. What comes in carries when the kernel received it, on the
clock of `time.monotonic`.
"""

import errno
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from dualstack.core.address.address import SOCKET_FAMILIES, Address
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.kernel.error_queue import RECVERR, icmp_errors
from dualstack.kernel.socket_options import CAN_KEEP_TO_INTERFACE, keep_to_interface
from dualstack.kernel.zones import scoped_address

__all__ = ["EchoSocket", "Message", "QueuedError", "open_echo_socket"]

_IS_LINUX = sys.platform == "linux"
_PROTOCOL = {4: socket.IPPROTO_ICMP, 6: 58}  # IPPROTO_ICMPV6, which some Pythons lack
_IPPROTO_IPV6 = 41
_NO_RIGHT = frozenset({errno.EACCES, errno.EPERM})
_REMEDY = (
    "no right to ICMP sockets; let your group use them (sysctl -w net.ipv4.ping_group_range='0 2147483647'), "
    "give CAP_NET_RAW, or run as root"
)
_REMEDY_ELSEWHERE = "no right to ICMP sockets; run as root"

# include/uapi/linux/in.h and in6.h, include/uapi/asm-generic/socket.h
_IP_TTL, _IP_RECVTTL = 2, 12
_IPV6_RECVHOPLIMIT, _IPV6_HOPLIMIT = 51, 52
_SO_TIMESTAMPNS_NEW = 64
_TIMESPEC = struct.Struct("=qq")
_INT = struct.Struct("=i")
_IP_MREQN = struct.Struct("=4s4si")  # dualstack: ignore[DS224] ip_mreqn: group, our address, interface

# RFC 4443 section 2.1
_ECHO_REPLY_6, _ERRORS_6 = 129, (1, 2, 3, 4)
_SOL_RAW, _ICMP_FILTER = 255, 1  # include/uapi/linux/icmp.h: a bit that is set keeps its type out

_DATA_BYTES, _CONTROL_BYTES = 1 << 16, 1 << 9
# The kernel's stamp is on the clock of the day: what seems older is a step of that clock.
_STAMP_MAX_AGE_S = 10.0
# How often a message is sent again that failed for an earlier one's error.
_EARLIER_ERRORS_MAX = 3


@dataclass(frozen=True, slots=True)
class Message:
    """An ICMP message, from its type on, or with its IP header where `has_ip_header`."""

    content: bytes
    source: Address
    hop_limit: int | None
    at_s: float
    has_ip_header: bool = False


@dataclass(frozen=True, slots=True)
class QueuedError:
    """An ICMP error of the kernel's queue.

    Args:
        content: the message that failed, from its type on, perhaps cut short.
        destination: where it was going.
        reporter: who sent the error; None where the kernel does not say.
        type: of the ICMP error.
        code: likewise.
        number: its MTU or pointer.
    """

    content: bytes
    destination: Address | None
    reporter: Address | None
    type: int
    code: int
    number: int


class EchoSocket:
    """A non-blocking socket for echo requests to one address; the block's end closes it.

    Args:
        sock: it.
        target: who is asked.
        is_raw: it is a raw socket.
        is_linux: its system has an error queue, and its datagram sockets identifiers of their own.
    """

    def __init__(self, sock: socket.socket, target: SocketAddress, *, is_raw: bool, is_linux: bool = _IS_LINUX) -> None:
        self._sock = sock
        self._is_linux = is_linux
        self._target = target.to_tuple()
        self._earlier: list[QueuedError] = []
        self.version = target.address.version
        self.is_raw = is_raw
        # Only Linux leaves it out, and on datagram sockets alone.
        self._has_ip_header = self.version == 4 and (is_raw or not is_linux)
        chosen = None if is_raw or not is_linux else sock.getsockname()[1]
        self.identifier: int = int.from_bytes(os.urandom(2), "big") if chosen is None else chosen

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it; again is no error."""
        self._sock.close()

    def fileno(self) -> int:
        """Its descriptor, for a selector or a loop."""
        return self._sock.fileno()

    def send(self, message: bytes) -> None:
        """Send a request; `receive` afterwards has the errors of earlier ones that had to be read first.

        Raises:
            OSError: the kernel does not send it, for a reason of this message's own.
        """
        for _ in range(_EARLIER_ERRORS_MAX):
            try:
                self._sock.sendto(message, self._target)
            except OSError:
                # An error of an earlier message fails this one (net/core/sock.c: sock_alloc_send_pskb), once.
                before = len(self._earlier)
                self._earlier += self._queued()
                if len(self._earlier) == before:
                    raise
            else:
                return
        self._sock.sendto(message, self._target)

    def receive(self) -> Iterator[Message | QueuedError | OSError]:
        """Everything that waits, errors first; an `OSError` is a failure that comes without a message."""
        earlier, self._earlier = self._earlier, []
        yield from earlier
        while True:
            yield from self._queued()
            try:
                message = self._message()
            except BlockingIOError:
                return
            except OSError as error:
                # The queue says more, where it has something.
                queued = list(self._queued())
                yield from queued or (error,)
                if not queued:
                    # It may last: the next call tells.
                    return
            else:
                yield message

    def _message(self) -> Message:
        if not hasattr(self._sock, "recvmsg"):
            content, sockaddr = self._sock.recvfrom(_DATA_BYTES)
            return Message(content, _address(sockaddr), None, time.monotonic(), self._has_ip_header)
        content, ancillary, _, sockaddr = self._sock.recvmsg(_DATA_BYTES, _CONTROL_BYTES)
        return Message(content, _address(sockaddr), _hop_limit(ancillary), _received_s(ancillary), self._has_ip_header)

    def _queued(self) -> Iterator[QueuedError]:
        while self._is_linux:
            try:
                content, ancillary, _, sockaddr = self._sock.recvmsg(_DATA_BYTES, _CONTROL_BYTES, socket.MSG_ERRQUEUE)
            except BlockingIOError:
                return
            destination = _address(sockaddr) if sockaddr else None
            for error in icmp_errors(ancillary):
                yield QueuedError(content, destination, error.reporter, error.kind, error.code, error.info)


def open_echo_socket(
    target: Address,
    *,
    interface: int = 0,
    source: Address | None = None,
    hop_limit: int | None = None,
    raw: bool | None = None,
) -> EchoSocket:
    """A socket to ask `target` with.

    Args:
        target: who is asked; its scope is an interface of this host.
        interface: the number of the interface to go out by; 0 for the kernel's choice.
        source: the address to ask from; None for the kernel's choice.
        hop_limit: 1 to 255; None for the kernel's default.
        raw: whether it is a raw socket; None for a datagram socket where it may be had.

    Raises:
        OSError: EACCES or EPERM with the remedy where there is no right to it; EADDRNOTAVAIL where `source` is not
            this host's; EAFNOSUPPORT and others as the system gives them.
        AddressError: there is no interface of a scope.
    """
    scoped = SocketAddress(target, 0).with_scope_id(socket.if_nametoindex)
    with ExitStack() as undo:
        sock, is_raw = _open(target.version, raw=raw)
        undo.callback(sock.close)
        sock.setblocking(False)
        _ask_for_more(sock, target.version)
        if is_raw:
            # It spares work: whoever reads the messages tells the others' apart all the same.
            with suppress(OSError):
                _filter(sock, target.version)
        _choose_way(sock, target, interface, hop_limit)
        own = source or Address("::" if target.version == 6 else "0.0.0.0")
        # Without bind, Linux' datagram sockets choose their identifier when they first send.
        try:
            sock.bind(SocketAddress(own, 0).to_tuple(socket.if_nametoindex))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            raise OSError(error.errno, f"no interface of this host has {own} to ask from") from error
        opened = EchoSocket(sock, scoped, is_raw=is_raw)
        undo.pop_all()
    return opened


def _open(version: int, *, raw: bool | None) -> tuple[socket.socket, bool]:
    kinds = ((socket.SOCK_DGRAM, False), (socket.SOCK_RAW, True))
    refusals: list[OSError] = []
    for kind, is_raw in kinds:
        if raw is not None and is_raw != raw:
            continue
        try:
            return socket.socket(SOCKET_FAMILIES[version], kind, _PROTOCOL[version]), is_raw
        except OSError as error:
            refusals.append(error)
    last = refusals[-1]
    if last.errno in _NO_RIGHT:
        raise OSError(last.errno, _REMEDY if _IS_LINUX else _REMEDY_ELSEWHERE) from last
    raise last


def _ask_for_more(sock: socket.socket, version: int) -> None:
    """Hop limits, times and errors with what the kernel knows of them; what a system has not is done without."""
    wanted: list[tuple[int, int]] = []
    if version == 6 and hasattr(socket, "IPV6_RECVHOPLIMIT"):
        wanted.append((_IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT))
    if _IS_LINUX:
        wanted += [RECVERR[version], (socket.SOL_SOCKET, _SO_TIMESTAMPNS_NEW)]
        if version == 4:
            wanted.append((socket.IPPROTO_IP, _IP_RECVTTL))
    for level, option in wanted:
        with suppress(OSError):
            sock.setsockopt(level, option, 1)


def _filter(sock: socket.socket, version: int) -> None:
    """Replies alone, and errors where no queue has them."""
    if version == 6:
        option, passes = _icmp6_filter(_IS_LINUX)
        sock.setsockopt(_PROTOCOL[6], option, passes)
    elif _IS_LINUX:
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", 0xFFFFFFFE))


def _icmp6_filter(is_linux: bool) -> tuple[int, bytes]:  # noqa: FBT001 - one of two systems
    """RFC 3542 section 3.2 in its two layouts: a bit that is set keeps a type out on Linux, lets it in on the BSDs."""
    passing = (_ECHO_REPLY_6,) if is_linux else (_ECHO_REPLY_6, *_ERRORS_6)
    words = [0] * 8
    for kind in passing:
        words[kind >> 5] |= 1 << (kind & 31)
    if is_linux:
        return 1, struct.pack("=8I", *(word ^ 0xFFFFFFFF for word in words))
    return 18, struct.pack("=8I", *words)


def _choose_way(sock: socket.socket, target: Address, interface: int, hop_limit: int | None) -> None:
    level = _IPPROTO_IPV6 if target.version == 6 else socket.IPPROTO_IP
    if hop_limit is not None:
        unicast, multicast = (
            (socket.IPV6_UNICAST_HOPS, socket.IPV6_MULTICAST_HOPS)
            if target.version == 6
            else (socket.IP_TTL, socket.IP_MULTICAST_TTL)
        )
        sock.setsockopt(level, multicast if target.is_multicast else unicast, hop_limit)
    # A scope says the interface by itself.
    if interface and not target.needs_scope:
        _bind_to_interface(sock, target, interface)


def _bind_to_interface(sock: socket.socket, target: Address, interface: int) -> None:
    if CAN_KEEP_TO_INTERFACE:
        keep_to_interface(sock, socket.if_indextoname(interface))
    elif not target.is_multicast:
        raise OSError(errno.EOPNOTSUPP, "this system cannot bind a socket to an interface")
    elif target.version == 6:
        sock.setsockopt(_IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _IP_MREQN.pack(bytes(4), bytes(4), interface))


def _address(sockaddr: Sequence[object]) -> Address:
    address = Address(str(sockaddr[0]))
    scope_id = sockaddr[3] if len(sockaddr) == 4 else 0
    return scoped_address(address.packed, scope_id if isinstance(scope_id, int) else 0)


def _hop_limit(ancillary: Sequence[tuple[int, int, bytes]]) -> int | None:
    for level, kind, value in ancillary:
        if (level, kind) in ((socket.IPPROTO_IP, _IP_TTL), (_IPPROTO_IPV6, _IPV6_HOPLIMIT)):
            return int(_INT.unpack_from(value)[0])
    return None


def _received_s(ancillary: Sequence[tuple[int, int, bytes]]) -> float:
    """When the kernel had it, on the monotonic clock; now, where the kernel does not say or its clock was set."""
    now = time.monotonic()
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS_NEW):
            seconds, nanoseconds = _TIMESPEC.unpack_from(value)
            age_s = (time.time_ns() - int(seconds) * 1_000_000_000 - int(nanoseconds)) / 1e9
            if 0 <= age_s < _STAMP_MAX_AGE_S:
                return now - age_s
    return now
