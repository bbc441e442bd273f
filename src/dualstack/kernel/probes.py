"""Small questions to other hosts, all at once and within one limit: does anything come back, and from whom?

An echo request, a datagram to a port that nobody has (traceroute's), a datagram with a question, or a TCP connection
that is closed once it is made. No right is needed: ICMP errors are read from the sockets' own error queues (ip(7),
IP_RECVERR), which say who sent them. A datagram is sent again while nothing comes back. Nothing is decided here.
"""

import errno
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import Enum

from dualstack.core.address.address import SOCKET_FAMILIES, Address
from dualstack.errors import AddressError
from dualstack.kernel.attempts import failure_of, sockaddr_of
from dualstack.kernel.error_queue import RECVERR, icmp_errors
from dualstack.kernel.unsent import unsent

__all__ = ["Heard", "Probe", "Way", "probe_all"]

_IPPROTO_ICMPV6 = 58
# include/uapi/linux/in.h, in6.h: by family the level, and the options that are of it.
_LEVEL = {4: socket.IPPROTO_IP, 6: socket.IPPROTO_IPV6}
_HOPS, _MTU_DISCOVER = {4: 2, 6: 16}, {4: 10, 6: 23}
# Send as large as was asked with "do not fragment" set, whatever was learnt of the path (ip(7)).
_PMTUDISC_PROBE = 3
_ECHO = {4: 8, 6: 128}
_MAX_BYTES = 1 << 16
# A datagram is sent again so often; a stream is looked at, whether its other end has all.
_AGAIN_S, _LOOK_S = 0.35, 0.1
_IP_BYTES = {4: 20, 6: 40}  # a header without options
_DATAGRAM_BYTES = 8  # UDP's header and ICMP's echo alike


class Way(Enum):
    """What is sent."""

    ECHO = "echo"
    UDP = "udp"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Probe:
    """One question.

    Args:
        way: what is sent.
        address: to whom.
        port: where to; an echo request has none.
        content: what a datagram carries.
        size: of the whole packet, bytes, filled up with zeros; 0 for as it comes.
        hops: how many routers and hosts it may pass (hop limit, TTL); 0 for the system's own.
        limit_s: how long an answer is waited for.
        moot_with: the others of this name are no more waited for once one of them has been answered.
        is_answer: whether a datagram is the answer; all are where it is None.
    """

    way: Way
    address: Address
    port: int = 0
    content: bytes = b""
    size: int = 0
    hops: int = 0
    limit_s: float = 1.0
    moot_with: str = ""
    is_answer: Callable[[bytes], bool] | None = None

    @property
    def payload(self) -> bytes:
        """What is behind the headers."""
        room = self.size - _IP_BYTES[self.address.version] - _DATAGRAM_BYTES
        return self.content.ljust(max(0, room), b"\0")


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back: an answer, or an error with who sent it.

    Args:
        content: of the datagram; empty for a TCP connection.
        errno: 0 for an answer.
        sender: who sent the ICMP error, be it this host itself, whose neighbour is not there; None where a call failed.
        is_unasked: nothing was sent, for no socket could be made (ICMP without the right, too many open files).
    """

    content: bytes = b""
    errno: int = 0
    sender: Address | None = None
    is_unasked: bool = False

    @property
    def is_too_big(self) -> bool:
        """Whether somebody on the way says that it takes no packet of that size (RFC 1191, RFC 8201)."""
        return self.errno == errno.EMSGSIZE and self.sender is not None

    def is_from(self, address: Address) -> bool:
        """Whether it shows that somebody is at this address: its answer, its refusal, or its ICMP error."""
        if self.sender is not None:
            return self.sender == address.without_scope
        return self.errno in _SAID_BY_ITSELF


# What TCP's own answers make of a connection; a datagram's refusal has a sender.
_SAID_BY_ITSELF = frozenset({0, errno.ECONNREFUSED, errno.ECONNRESET})


class _Sent:
    """A probe on its socket."""

    def __init__(self, probe: Probe, sock: socket.SocketType, now: float) -> None:
        self.probe, self.sock = probe, sock
        self.until = now + probe.limit_s
        self.again = now
        self.is_connected = False

    def send(self, now: float) -> Heard | None:
        """Send it once more, where it is a datagram."""
        self.again = now + (_LOOK_S if self.probe.way is Way.TCP else _AGAIN_S)
        if self.probe.way is Way.TCP:
            return self._acknowledged()
        head = struct.pack("!BBHHH", _ECHO[self.probe.address.version], 0, 0, 0, 1)
        try:
            self.sock.send((head if self.probe.way is Way.ECHO else b"") + self.probe.payload)
        except OSError as error:
            return self._heard_of(error)
        return None

    def read(self) -> Heard | None:
        """What has come; None where it was nothing for us."""
        if self.probe.way is Way.TCP and not self.is_connected:
            return self._connected()
        try:
            content = self.sock.recv(_MAX_BYTES)
        except BlockingIOError:
            return self._queued()
        except OSError as error:
            return self._heard_of(error)
        return Heard(content) if (self.probe.is_answer or bool)(content) or not content else None

    def _connected(self) -> Heard | None:
        """A connection that is made, or failed; where it has something to carry, that is sent now."""
        number = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number or not self.probe.content:
            return self._queued() or Heard(errno=number)
        self.is_connected = True
        try:
            self.sock.send(self.probe.content)
        except OSError as error:
            return self._heard_of(error)
        return None

    def _acknowledged(self) -> Heard | None:
        """Where the other end has all that was sent, that is the answer."""
        if self.is_connected and not unsent(self.sock.fileno()):
            return Heard()
        return None

    def _heard_of(self, error: OSError) -> Heard | None:
        if error.errno in {errno.EAGAIN, errno.ENOBUFS}:
            return None
        return self._queued() or Heard(errno=error.errno or errno.EIO)

    def _queued(self) -> Heard | None:
        """What ICMP says of it."""
        try:
            _, ancillary, _, _ = self.sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
        except (OSError, AttributeError):
            return None
        error = next(icmp_errors(ancillary), None)
        return None if error is None else Heard(b"", error.errno, error.reporter)


def probe_all(probes: Sequence[Probe]) -> list[Heard | None]:
    """What came back to each; None where nothing did within its limit, or it was moot."""
    heard: list[Heard | None] = [None] * len(probes)
    with ExitStack() as opened, selectors.DefaultSelector() as selector:
        waiting: dict[int, _Sent] = {}
        for index, probe in enumerate(probes):
            found = _open(probe, opened)
            if isinstance(found, _Sent):
                waiting[index] = found
                selector.register(found.sock, _events(probe), index)
                heard[index] = found.send(time.monotonic())
            else:
                heard[index] = found
        _forget(waiting, heard, probes, selector, waiting)
        while waiting:
            now = time.monotonic()
            next_s = min(min(each.again, each.until) for each in waiting.values()) - now
            ready = [key.data for key, _ in selector.select(max(0.0, next_s))]
            for index in ready:
                heard[index] = waiting[index].read()
                if waiting[index].is_connected:
                    selector.modify(waiting[index].sock, selectors.EVENT_READ, index)
            _forget(waiting, heard, probes, selector, ready)
            now = time.monotonic()
            for index, each in list(waiting.items()):
                if now >= each.until:
                    selector.unregister(waiting.pop(index).sock)
                elif now >= each.again:
                    heard[index] = each.send(now)
            _forget(waiting, heard, probes, selector, waiting)
    return heard


def _forget(
    waiting: dict[int, _Sent],
    heard: Sequence[Heard | None],
    probes: Sequence[Probe],
    selector: selectors.BaseSelector,
    looked_at: Iterable[int],
) -> None:
    """Wait no more for those that were heard of, nor for what is moot with one whose own address has answered."""
    done = [index for index in looked_at if heard[index] is not None]
    if not done:
        return
    moot = {probes[index].moot_with for index in done if _is_answered(probes[index], heard[index])} - {""}
    for index in [index for index in waiting if index in done or probes[index].moot_with in moot]:
        selector.unregister(waiting.pop(index).sock)


def _is_answered(probe: Probe, heard: Heard | None) -> bool:
    """A filter or a router on the way that rejects one way says nothing of the others."""
    return heard is not None and heard.is_from(probe.address)


def _events(probe: Probe) -> int:
    return selectors.EVENT_WRITE if probe.way is Way.TCP else selectors.EVENT_READ


def _open(probe: Probe, opened: ExitStack) -> _Sent | Heard:
    """The socket, connected; or why it cannot be made, or why there is no way to the address."""
    version = probe.address.version
    kind = socket.SOCK_STREAM if probe.way is Way.TCP else socket.SOCK_DGRAM
    echo = socket.IPPROTO_ICMP if version == 4 else _IPPROTO_ICMPV6
    try:
        sock = socket.SocketType(SOCKET_FAMILIES[version], kind, echo if probe.way is Way.ECHO else 0)
    except OSError as error:
        return Heard(errno=failure_of(error)[0], is_unasked=True)
    opened.callback(sock.close)
    sock.setblocking(False)
    if sys.platform == "linux":
        with suppress(OSError):
            sock.setsockopt(*RECVERR[version], 1)
            if probe.hops:
                sock.setsockopt(_LEVEL[version], _HOPS[version], probe.hops)
            if probe.size:
                sock.setsockopt(_LEVEL[version], _MTU_DISCOVER[version], _PMTUDISC_PROBE)
    try:
        number = sock.connect_ex(sockaddr_of(probe.address, probe.port))
    except (OSError, AddressError) as error:
        number = failure_of(error)[0]
    if number not in {0, errno.EINPROGRESS}:
        return Heard(errno=number)
    return _Sent(probe, sock, time.monotonic())
