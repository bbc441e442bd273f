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
from dualstack.kernel.attempts import sockaddr_of
from dualstack.kernel.unsent import unsent
from dualstack.kernel.zones import scoped_address

__all__ = ["IP_BYTES", "Heard", "Probe", "Way", "probe_all"]

_IPPROTO_ICMPV6 = 58
# include/uapi/linux/in.h, in6.h: by family the level, and the options that are of it.
_LEVEL = {4: socket.IPPROTO_IP, 6: socket.IPPROTO_IPV6}
_RECVERR, _HOPS, _MTU_DISCOVER = {4: 11, 6: 25}, {4: 2, 6: 16}, {4: 10, 6: 23}
# Send as large as was asked with "do not fragment" set, whatever was learnt of the path (ip(7)).
_PMTUDISC_PROBE = 3
# include/uapi/linux/errqueue.h: struct sock_extended_err {errno; origin, type, code, pad; info, data}
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
_ORIGIN_ICMP = frozenset({2, 3})
# By family where the offender's address stands in the sockaddr that follows: its start and length.
_OFFENDER = {4: (4, 4), 6: (8, 16)}
_ECHO = {4: 8, 6: 128}
_MAX_BYTES = 1 << 16
# A datagram is sent again so often; a stream is looked at, whether its other end has all.
_AGAIN_S, _LOOK_S = 0.35, 0.1
IP_BYTES = {4: 20, 6: 40}
"""What the header of a packet takes, without options."""
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
        room = self.size - IP_BYTES[self.address.version] - _DATAGRAM_BYTES
        return self.content.ljust(max(0, room), b"\0")


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back: an answer, or an error with who sent it; `sender` None where the error is this host's own.

    Args:
        after_s: when.
        content: of the datagram; empty for a TCP connection.
        errno: 0 for an answer.
        sender: who sent the ICMP error.
        kind: its type and code.
        mtu: of a message that a packet was too big: what would pass, bytes.
    """

    after_s: float
    content: bytes = b""
    errno: int = 0
    sender: Address | None = None
    kind: tuple[int, int] | None = None
    mtu: int = 0


class _Sent:
    """A probe on its socket."""

    def __init__(self, probe: Probe, sock: socket.SocketType, started: float) -> None:
        self.probe, self.sock, self.started = probe, sock, started
        self.until = started + probe.limit_s
        self.again = started
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
        return Heard(self._after(), content) if (self.probe.is_answer or bool)(content) or not content else None

    def _connected(self) -> Heard | None:
        """A connection that is made, or failed; where it has something to carry, that is sent now."""
        number = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number or not self.probe.content:
            return self._queued() or Heard(self._after(), errno=number)
        self.is_connected = True
        try:
            self.sock.send(self.probe.content)
        except OSError as error:
            return self._heard_of(error)
        return None

    def _acknowledged(self) -> Heard | None:
        """Where the other end has all that was sent, that is the answer."""
        if self.is_connected and not unsent(self.sock.fileno()):
            return Heard(self._after())
        return None

    def _heard_of(self, error: OSError) -> Heard | None:
        if error.errno in {errno.EAGAIN, errno.ENOBUFS}:
            return None
        return self._queued() or Heard(self._after(), errno=error.errno or errno.EIO)

    def _queued(self) -> Heard | None:
        """What the error queue says of it (recvmsg(2), MSG_ERRQUEUE)."""
        version = self.probe.address.version
        try:
            _, ancillary, _, _ = self.sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
        except (OSError, AttributeError):
            return None
        for level, kind, said in ancillary:
            if (level, kind) == (_LEVEL[version], _RECVERR[version]) and len(said) >= _EXTENDED_ERROR.size:
                number, origin, icmp, code, _, more, _ = _EXTENDED_ERROR.unpack_from(said)
                if origin not in _ORIGIN_ICMP:
                    return Heard(self._after(), errno=number)
                start, length = (_EXTENDED_ERROR.size + each for each in _OFFENDER[version])
                packed = said[start : start - _EXTENDED_ERROR.size + length]
                sender = scoped_address(packed, 0) if len(packed) in {4, 16} else None
                return Heard(self._after(), b"", number, sender, (icmp, code), more)
        return None

    def _after(self) -> float:
        return time.monotonic() - self.started


def probe_all(probes: Sequence[Probe]) -> list[Heard | None]:
    """What came back to each; None where nothing did within its limit, or where it could not be sent at all.

    A socket that this process may not make (ICMP without the right, too many open files) is as one that was not heard
    of. Waits until all are answered, moot, or over.
    """
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
    """Wait no more for those that were heard of, nor for what is moot with them."""
    done = [index for index in looked_at if heard[index] is not None]
    if not done:
        return
    moot = {probes[index].moot_with for index in done} - {""}
    for index in [index for index in waiting if index in done or probes[index].moot_with in moot]:
        selector.unregister(waiting.pop(index).sock)


def _events(probe: Probe) -> int:
    return selectors.EVENT_WRITE if probe.way is Way.TCP else selectors.EVENT_READ


def _open(probe: Probe, opened: ExitStack) -> _Sent | Heard | None:
    """The socket, connected: None where it cannot be made, what was heard where there is no way to the address."""
    version, started = probe.address.version, time.monotonic()
    kind = socket.SOCK_STREAM if probe.way is Way.TCP else socket.SOCK_DGRAM
    echo = socket.IPPROTO_ICMP if version == 4 else _IPPROTO_ICMPV6
    try:
        sock = socket.SocketType(SOCKET_FAMILIES[version], kind, echo if probe.way is Way.ECHO else 0)
    except OSError:
        return None
    opened.callback(sock.close)
    sock.setblocking(False)
    if sys.platform == "linux":
        with suppress(OSError):
            sock.setsockopt(_LEVEL[version], _RECVERR[version], 1)
            if probe.hops:
                sock.setsockopt(_LEVEL[version], _HOPS[version], probe.hops)
            if probe.size:
                sock.setsockopt(_LEVEL[version], _MTU_DISCOVER[version], _PMTUDISC_PROBE)
    try:
        number = sock.connect_ex(sockaddr_of(probe.address, probe.port))
    except OSError as error:
        number = error.errno or errno.EIO
    if number not in {0, errno.EINPROGRESS}:
        return Heard(time.monotonic() - started, errno=number)
    return _Sent(probe, sock, started)
