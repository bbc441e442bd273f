"""A host's part in the matrix: plain servers, plain clients, and who looks at the wire.

Runs in the host, and does what the lines of JSON on its standard input say, a line of JSON each:

    {"serve": [[family, port], ...]}                   TCP and UDP servers on the wildcard, that tell who a client is
    {"ask": {protocol, family, flags, loop, targets}}  a plain client, at each target in turn; a target is a name and a
                                                       port, and behind a SOCKS5 proxy both of the server
    {"wires": [protocol, address, port]}               the ethertypes of the frames seen that have this end
"""

import json
import select
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from dualstack.core.address.address import SOCKET_FAMILIES, Address, SocketTuple
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.errors import WireError
from dualstack.kernel.packets import open_packet_socket
from dualstack.kernel.sockets import open_sockets
from dualstack.kernel.textbook_client import Relay, Reply, ask, ask_beside
from dualstack.net.names.getaddrinfo import getaddrinfo
from dualstack.wire.socks5 import client_association, client_greeting, client_request, read_bound, reply_size
from dualstack.wire.socks5_udp import header, header_size

__all__ = ["ETHERTYPES", "Sighting", "main", "sighting"]

ETHERTYPES = {0x0800: "ipv4", 0x86DD: "ipv6"}
_PROTOCOLS = {6: "tcp", 17: "udp"}
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_ETHERNET, _IPV6 = 14, 40
_FRAME_BYTES = 1 << 16
_LIMIT_S = 3.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """A protocol, both ends (address and port), and the wire that the ethertype says."""

    protocol: str
    ends: tuple[tuple[str, int], ...]
    wire: str


def sighting(frame: bytes) -> Sighting | None:
    """What a frame shows, where it is TCP or UDP over either protocol (RFC 791, RFC 8200)."""
    wire = ETHERTYPES.get(int.from_bytes(frame[12:14], "big"))
    if wire is None or len(frame) < _ETHERNET + _IPV6:
        return None
    ipv4 = wire == "ipv4"
    protocol = _PROTOCOLS.get(frame[_ETHERNET + (9 if ipv4 else 6)])
    start = _ETHERNET + ((frame[_ETHERNET] & 0x0F) * 4 if ipv4 else _IPV6)
    if protocol is None or len(frame) < start + 4:
        return None
    ports = (int.from_bytes(frame[at : at + 2], "big") for at in (start, start + 2))
    size, at = (4, _ETHERNET + 12) if ipv4 else (16, _ETHERNET + 8)
    addresses = (str(Address(frame[here : here + size])) for here in (at, at + size))
    return Sighting(protocol, tuple(zip(addresses, ports, strict=True)), wire)


class _Agent:
    def __init__(self) -> None:
        self._frames = open_packet_socket("eth0")
        self._seen: dict[tuple[str, str, int], set[str]] = {}
        self._servers: dict[int, socket.socket] = {}

    def run(self) -> None:
        while True:
            ready, _, _ = select.select([sys.stdin.fileno(), *self._servers], [], [])
            for descriptor in ready:
                if descriptor in self._servers:
                    _answer(self._servers[descriptor])
            if sys.stdin.fileno() in ready:
                line = sys.stdin.readline()
                if not line:
                    return
                sys.stdout.write(json.dumps(self._obey(json.loads(line))) + "\n")
                sys.stdout.flush()

    def _obey(self, order: dict[str, list[list[object]]]) -> object:
        ((verb, details),) = order.items()
        return _VERBS[verb](self, details)

    def _serve(self, servers: Iterable[tuple[int, int]]) -> object:
        specs = [_spec(family, port, protocol) for family, port in servers for protocol in _KINDS]
        self._servers |= {sock.fileno(): sock for sock in open_sockets(specs)}
        return len(specs)

    def _ask(self, client: dict[str, object]) -> object:
        targets = client.pop("targets")
        return [_asked(*target, **client) for target in targets]  # type: ignore[arg-type, attr-defined]

    def _wires(self, end: tuple[str, str, int]) -> object:
        self._look()
        protocol, address, port = end
        return sorted(self._seen.get((protocol, str(Address(address).canonical), port), ()))

    def _look(self) -> None:
        while True:
            try:
                seen = sighting(self._frames.recv(_FRAME_BYTES))
            except BlockingIOError:
                return
            if seen is not None:
                for end in seen.ends:
                    self._seen.setdefault((seen.protocol, *end), set()).add(seen.wire)


_VERBS: dict[str, Callable[..., object]] = {
    "serve": _Agent._serve,  # noqa: SLF001 - the table of what its methods are called in an order
    "ask": _Agent._ask,  # noqa: SLF001
    "wires": _Agent._wires,  # noqa: SLF001
}


def _spec(family: int, port: int, protocol: str) -> SocketSpec:
    """As Stevens has it: an IPv6 server on the wildcard takes IPv4 too."""
    return SocketSpec("server", protocol, family, UNSPECIFIED[family], port, False if family == 6 else None, protocol)


def _answer(server: socket.socket) -> None:
    """Tell one client, or the sender of one datagram, who it is, as accept or recvfrom gave it."""
    try:
        if server.type == socket.SOCK_DGRAM:
            _, peer = server.recvfrom(_FRAME_BYTES)
            server.sendto(_told(peer), peer)
            return
        client, peer = server.accept()
    except BlockingIOError:
        return
    with client:
        client.settimeout(_LIMIT_S)
        client.recv(_FRAME_BYTES)
        client.send(_told(peer))


def _told(peer: SocketTuple) -> bytes:
    return json.dumps([peer[0], peer[1]]).encode()


def _asked(
    name: str, port: int, wanted: tuple[str, int] | None = None, *, protocol: str, family: int, flags: int, loop: bool
) -> dict[str, object]:
    """One client at one target: what it asked for, what failed, and how it was reached, if it was."""
    failures: list[str] = []
    client = _client(protocol, wanted)
    try:
        found = getaddrinfo(name, port, SOCKET_FAMILIES[family], _KINDS[protocol], flags=flags, timeout=_LIMIT_S)
    except OSError as error:
        return {"reached": False, "failures": [str(error)]}
    for af, kind, _, _, sockaddr in found if loop else found[:1]:
        try:
            reply = client(af, kind, sockaddr)
        except (OSError, WireError) as error:
            failures.append(f"{sockaddr[0]}: {getattr(error, 'strerror', None) or error}")
            continue
        return {"reached": True, "failures": failures, "local": reply.local[:2], "peer": json.loads(reply.text)}
    return {"reached": False, "failures": failures}


def _client(protocol: str, wanted: tuple[str, int] | None) -> Callable[[int, int, SocketTuple], Reply]:
    """Who asks: whoever speaks to the server, or has a proxy speak to it."""
    if wanted is None:
        return lambda family, kind, sockaddr: ask(family, kind, sockaddr, _LIMIT_S)
    target = Endpoint(*wanted)
    if protocol == "udp":
        return lambda family, _, sockaddr: ask_beside(family, sockaddr, _LIMIT_S, introduce=partial(_associate, target))
    return lambda family, kind, sockaddr: ask(family, kind, sockaddr, _LIMIT_S, introduce=partial(_connect, target))


def _connect(target: Endpoint, sock: socket.socket) -> None:
    """Have the proxy at the other end connect to a name, which it looks up itself (RFC 1928)."""
    _granted(sock, client_request(target))


def _associate(target: Endpoint, sock: socket.socket) -> Relay:
    """Have it relay datagrams to a name, which each of them says (RFC 1928 section 7)."""
    bound = read_bound(_granted(sock, client_association()))
    return Relay(bound.to_tuple(), header(target), lambda datagram: datagram[header_size(datagram) :])


def _granted(sock: socket.socket, request: bytes) -> bytes:
    """The answer to a request, where it was granted."""
    sock.sendall(client_greeting())
    _read(sock, 2)
    sock.sendall(request)
    start = _read(sock, 4)
    return start + _read(sock, reply_size(start) - len(start))


def _read(sock: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        piece = sock.recv(size - len(content))
        if not piece:
            raise WireError("SOCKS5", "the proxy hung up")
        content += piece
    return content


def main() -> int:
    """Be the agent until standard input ends."""
    _Agent().run()
    return 0
