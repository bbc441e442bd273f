"""Names that are the loopback, and that nobody is asked for."""

import socket
from typing import cast

from dualstack.core.address.well_known import LOOPBACKS
from dualstack.net.names.resolver import AddressInfo

__all__ = ["LoopbackNames"]

_VERSIONS: dict[int, tuple[int, ...]] = {socket.AF_UNSPEC: (6, 4), socket.AF_INET6: (6,), socket.AF_INET: (4,)}


class LoopbackNames:
    """Who answers for `localhost` and all names under it, on every system the same (RFC 6761 section 6.3).

    Args:
        name: the canonical one.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def getaddrinfo(
        self, _host: object, port: str | bytes | int | None, family: int, kind: int, proto: int, flags: int
    ) -> list[AddressInfo]:
        """As `socket.getaddrinfo`, which reads the addresses and the port."""
        hints = (kind, proto, flags & ~socket.AI_CANONNAME | socket.AI_NUMERICHOST)
        found: list[AddressInfo] = []
        for address in LOOPBACKS:
            if address.version in _VERSIONS.get(family, ()):
                found += cast("list[AddressInfo]", socket.getaddrinfo(str(address), port, 0, *hints))
        if found and flags & socket.AI_CANONNAME:
            found[0] = (*found[0][:3], self._name, found[0][4])
        return found or cast("list[AddressInfo]", socket.getaddrinfo("::1", port, family, *hints))

    getnameinfo = staticmethod(socket.getnameinfo)
