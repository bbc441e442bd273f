"""The server's side of SOCKS4 and SOCKS4a, as their authors' memos have them: CONNECT, by IPv4 address or by name.

SOCKS4 has no passwords: where users are asked for, it is refused. The user id is read over.
"""

from enum import IntEnum

from dualstack.core.address.address import Address
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.errors import AddressError
from dualstack.wire.handshake import Event, Outcome, Refusal, Request, read_destination

__all__ = ["VERSION", "Socks4"]

VERSION = 4
_CONNECT = 1
_HEAD = 8
_TEXT_MAX = 255


class Reply(IntEnum):
    """The codes of an answer."""

    GRANTED = 90
    REJECTED = 91
    NO_IDENTITY = 93


def _reply(reply: Reply, bound: SocketAddress | None = None) -> bytes:
    """An answer has room for IPv4 alone; zeros are allowed, and stand for IPv6."""
    if bound is None or (address := bound.address.canonical).version != 4:
        return bytes((0, reply)) + bytes(6)
    return bytes((0, reply)) + bound.port.to_bytes(2, "big") + address.packed


class Socks4:
    """One client's handshake, as `Handshake` says.

    Args:
        needs_password: users are asked for, and so this protocol will not do.
    """

    def __init__(self, *, needs_password: bool = False) -> None:
        self._held = b""
        self._is_over = False
        self._needs_password = needs_password

    def receive(self, content: bytes) -> list[Event]:
        """What the client's next bytes mean."""
        if self._is_over:
            return []
        self._held += content
        event = self._request()
        self._is_over = event is not None
        return [] if event is None else [event]

    def granted(self, bound: SocketAddress) -> bytes:
        """The connection is made."""
        return _reply(Reply.GRANTED, bound)

    def failed(self, _outcome: Outcome) -> bytes:
        """It was not: there is one code for all reasons."""
        return _reply(Reply.REJECTED)

    def _request(self) -> Event | None:
        """Version, command, port, address, user id, NUL; in SOCKS4a a name and a NUL more."""
        held = self._held
        if held and held[0] != VERSION:
            return Refusal(b"", f"SOCKS version {held[0]}, not 4")
        if len(held) < _HEAD:
            return None
        if self._needs_password:
            return Refusal(_reply(Reply.NO_IDENTITY), "SOCKS4 has no passwords, and this service asks for one")
        host: Address | bytes = Address(held[4:_HEAD])
        texts = 2 if 0 < int.from_bytes(held[4:_HEAD], "big") < 256 else 1
        found = held[_HEAD:].split(b"\0", texts)
        if max(map(len, found[:texts])) > _TEXT_MAX:
            return Refusal(_reply(Reply.REJECTED), f"a user id and a name have at most {_TEXT_MAX} characters")
        if len(found) <= texts:
            return None
        return self._requested(found[1] if texts == 2 else host, found[-1])

    def _requested(self, host: Address | bytes, first: bytes) -> Event:
        if self._held[1] != _CONNECT:
            return Refusal(_reply(Reply.REJECTED), f"command {self._held[1]} is not supported")
        try:
            return Request(read_destination(host, int.from_bytes(self._held[2:4], "big")), first)
        except AddressError as error:
            return Refusal(_reply(Reply.REJECTED), str(error))
