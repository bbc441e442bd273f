"""Whose connections are counted together, and how a peer is shown: always unmapped.

A host has one IPv4 address, and of IPv6 a whole /64 to choose from (RFC 4291 section 2.5.1, RFC 8981): whoever is
counted by whole addresses of it has no limit at all. So an IPv6 client is its /64. Three kinds are counted by the whole
address, because the clients of a /64 there are not one host: link-local, where all hosts of the link have the same one
(with its zone, for two links are two networks); ::/64, which is the loopback; and 64:ff9b::/64, where a translator
keeps all of IPv4.
"""

from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from dualstack.core.address.address import Address
from dualstack.core.address.sockaddr import SockAddr

__all__ = ["client_of", "shown"]

_HALF = 8
_MAPPED = bytes(10) + b"\xff\xff"
_LINK_LOCAL = 0xFE80 >> 6
_WHOLE = frozenset({bytes(_HALF), bytes.fromhex("0064ff9b00000000")})


def client_of(peer: SockAddr) -> str:
    """Whose connections are counted together; `peer` is as the kernel gives it.

    >>> client_of(("2001:db8::1:2:3:4", 4000, 0, 0)), client_of(("::ffff:192.0.2.1", 4000, 0, 0))
    ('2001:db8::/64', '192.0.2.1')
    """
    if len(peer) == 4 and isinstance(peer, tuple):
        return _ipv6_client(peer[0], peer[3])
    return peer if isinstance(peer, str) else peer[0]


# The same few clients come again and again; an `Address` for each would be a tenth of what a short connection costs.
@lru_cache(maxsize=4096)
def _ipv6_client(host: str, scope_id: int) -> str:
    host = host.partition("%")[0]
    packed = inet_pton(AF_INET6, host)
    if packed.startswith(_MAPPED):
        return inet_ntop(AF_INET, packed[len(_MAPPED) :])
    prefix = packed[:_HALF]
    if int.from_bytes(packed[:2], "big") >> 6 == _LINK_LOCAL:
        return f"{host}%{scope_id}"
    return host if prefix in _WHOLE else f"{inet_ntop(AF_INET6, prefix + bytes(_HALF))}/64"


def shown(peer: SockAddr) -> str:
    """A peer for people: its address unmapped."""
    if not isinstance(peer, tuple):
        return peer
    address = Address(peer).canonical
    return f"[{address}]:{peer[1]}" if address.version == 6 else f"{address}:{peer[1]}"
