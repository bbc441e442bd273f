"""The server's side of SOCKS5 (RFC 1928), with names and passwords (RFC 1929), and what a client says.

CONNECT and UDP ASSOCIATE are understood; BIND is answered as a command that is not supported. The datagrams of an
association are `socks5_udp`'s.
"""

from enum import IntEnum
from types import MappingProxyType

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.errors import AddressError, WireError
from dualstack.wire.handshake import Associate, Event, IsUser, Outcome, Refusal, Request, Say, read_destination

__all__ = [
    "SIZES",
    "VERSION",
    "Kind",
    "Reply",
    "Socks5",
    "address_bytes",
    "client_association",
    "client_greeting",
    "client_request",
    "read_bound",
    "reply_size",
]

VERSION = 5
_NO_METHOD = 0xFF
_LOGIN_VERSION = 1
_CONNECT, _BIND, _ASSOCIATE = 1, 2, 3
_NAME_MAX = 255


class Method(IntEnum):
    """How a client shows who it is (RFC 1928 section 3)."""

    NONE = 0
    PASSWORD = 2


class Kind(IntEnum):
    """What an address in a request is (RFC 1928 section 5)."""

    IPV4 = 1
    NAME = 3
    IPV6 = 4


SIZES = MappingProxyType({Kind.IPV4: 4, Kind.IPV6: 16})
"""How long an address is; a name says it itself."""


class Reply(IntEnum):
    """RFC 1928 section 6."""

    SUCCEEDED = 0
    FAILURE = 1
    NOT_ALLOWED = 2
    NETWORK_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    REFUSED = 5
    COMMAND_NOT_SUPPORTED = 7
    ADDRESS_TYPE_NOT_SUPPORTED = 8


_REPLIES = MappingProxyType(
    {
        Outcome.DENIED: Reply.NOT_ALLOWED,
        Outcome.NO_NAME: Reply.HOST_UNREACHABLE,
        Outcome.NETWORK_UNREACHABLE: Reply.NETWORK_UNREACHABLE,
        Outcome.HOST_UNREACHABLE: Reply.HOST_UNREACHABLE,
        Outcome.REFUSED: Reply.REFUSED,
        Outcome.TIMED_OUT: Reply.HOST_UNREACHABLE,
        Outcome.FAILED: Reply.FAILURE,
    }
)


def _reply(reply: Reply, bound: SocketAddress | None = None) -> bytes:
    """The answer to a request; RFC 1928 has an address in all of them."""
    end = _NOWHERE if bound is None else Endpoint(bound.address.canonical, bound.port)
    return bytes((VERSION, reply, 0)) + address_bytes(end)


_NOWHERE = Endpoint(UNSPECIFIED[4], 0)


class Socks5:
    """One client's handshake, as `Handshake` says.

    Args:
        is_user: whether a name and password are a user's; None asks for none.
    """

    def __init__(self, is_user: IsUser | None = None) -> None:
        self._held = b""
        self._is_user = is_user
        self._step = self._greeting

    def receive(self, content: bytes) -> list[Event]:
        """What the client's next bytes mean."""
        self._held += content
        events: list[Event] = []
        while (event := self._step()) is not None:
            events.append(event)
            if not isinstance(event, Say):
                self._step = self._over
        return events

    def granted(self, bound: SocketAddress) -> bytes:
        """The connection is made."""
        return _reply(Reply.SUCCEEDED, bound)

    def failed(self, outcome: Outcome) -> bytes:
        """It was not."""
        return _reply(_REPLIES[outcome])

    def _greeting(self) -> Event | None:
        held = self._held
        if held and held[0] != VERSION:
            return Refusal(b"", f"SOCKS version {held[0]}, not 5")
        if len(held) < 2 or len(held) < 2 + held[1]:
            return None
        method = Method.NONE if self._is_user is None else Method.PASSWORD
        offered, self._held = held[2 : 2 + held[1]], held[2 + held[1] :]
        if method not in offered:
            why = "needs a password and offers none" if self._is_user else "insists on a password, and none is set"
            return Refusal(bytes((VERSION, _NO_METHOD)), f"the client {why}")
        self._step = self._request if self._is_user is None else self._login
        return Say(bytes((VERSION, method)))

    def _login(self) -> Event | None:
        """RFC 1929 section 2: version, length, name, length, password."""
        held = self._held
        if held and held[0] != _LOGIN_VERSION:
            return Refusal(bytes((_LOGIN_VERSION, 1)), f"version {held[0]} of names and passwords, not 1")
        if len(held) < 2 or len(held) < 3 + held[1]:
            return None
        size = held[1]
        end = 3 + size + held[2 + size]
        if len(held) < end:
            return None
        name, password, self._held = held[2 : 2 + size], held[3 + size : end], held[end:]
        if self._is_user is None or not self._is_user(name, password):
            return Refusal(bytes((_LOGIN_VERSION, 1)), f"no user {name.decode('latin-1')!r} with this password")
        self._step = self._request
        return Say(bytes((_LOGIN_VERSION, 0)))

    def _request(self) -> Event | None:
        """RFC 1928 section 4: version, command, reserved, kind of address, address, port."""
        held = self._held
        if held and held[0] != VERSION:
            return Refusal(_reply(Reply.FAILURE), f"a request of version {held[0]}, not 5")
        if len(held) < 5:
            return None
        if held[3] not in set(Kind):
            return Refusal(_reply(Reply.ADDRESS_TYPE_NOT_SUPPORTED), f"no address is of type {held[3]}")
        kind = Kind(held[3])
        start, size = (5, held[4]) if kind is Kind.NAME else (4, SIZES[kind])
        end = start + size
        if len(held) < end + 2:
            return None
        host = held[start:end] if kind is Kind.NAME else Address(held[start:end])
        return _requested(held[1], host, int.from_bytes(held[end : end + 2], "big"), held[end + 2 :])

    def _over(self) -> Event | None:
        return None


def _requested(command: int, host: bytes | Address, port: int, first: bytes) -> Event:
    if command == _ASSOCIATE:
        own = host.canonical if isinstance(host, Address) else None
        return Associate(None if own is None or own.is_unspecified else own, port)
    if command != _CONNECT:
        name = "BIND" if command == _BIND else f"command {command}"
        return Refusal(_reply(Reply.COMMAND_NOT_SUPPORTED), f"{name} is not supported")
    try:
        return Request(read_destination(host, port), first)
    except AddressError as error:
        return Refusal(_reply(Reply.FAILURE), str(error))


def client_greeting() -> bytes:
    """What a client without a password says first; it is answered by two bytes."""
    return bytes((VERSION, 1, Method.NONE))


def client_request(target: Endpoint) -> bytes:
    """What a client says after that; a name is the proxy's to look up.

    Raises:
        AddressError: the name is longer than the protocol has room for.
    """
    return bytes((VERSION, _CONNECT, 0)) + address_bytes(target)


def client_association() -> bytes:
    """What a client says instead that wants to send datagrams, and does not know yet from where."""
    return bytes((VERSION, _ASSOCIATE, 0)) + address_bytes(_NOWHERE)


def address_bytes(end: Endpoint) -> bytes:
    """Kind of address, address, port, as requests, answers and datagrams have them.

    Raises:
        AddressError: the name is longer than the protocol has room for.
    """
    port = end.port.to_bytes(2, "big")
    if isinstance(end.host, Address):
        kind = Kind.IPV4 if end.host.version == 4 else Kind.IPV6
        return bytes((kind,)) + end.host.packed + port
    name = str(end.host).encode("ascii")
    if len(name) > _NAME_MAX:
        raise AddressError(str(end.host), f"SOCKS5 has room for {_NAME_MAX} characters")
    return bytes((Kind.NAME, len(name))) + name + port


def reply_size(start: bytes) -> int:
    """How long the answer to a request is that starts with these 4 bytes, where the connection is made.

    Raises:
        WireError: it is not; the message has the reply's name.
    """
    if len(start) < 4 or start[0] != VERSION or start[3] not in SIZES:
        raise WireError("SOCKS5", f"{start.decode('latin-1')!a} is no answer that can be read")
    if start[1] != Reply.SUCCEEDED:
        name = Reply(start[1]).name if start[1] in set(Reply) else str(start[1])
        raise WireError("SOCKS5", f"the proxy says {name.lower().replace('_', ' ')}")
    return 4 + SIZES[Kind(start[3])] + 2


def read_bound(answer: bytes) -> SocketAddress:
    """The proxy's end in a whole answer, as long as `reply_size` says: where datagrams of an association go."""
    return SocketAddress(Address(answer[4:-2]), int.from_bytes(answer[-2:], "big"))
