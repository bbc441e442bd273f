"""What a namespace needs: for one case, its addresses and interfaces; for a sweep, the ground that it stands on."""

from dualstack.core.address.address import Address
from dualstack.core.oracle.case import Case
from dualstack.core.oracle.sweep import GROUND_ADDRESSES, GROUND_INTERFACES
from dualstack.kernel.trial.namespace import NamespaceSpec

__all__ = ["GROUNDS", "spec_of"]

GROUNDS: dict[str, NamespaceSpec] = {
    name: NamespaceSpec(dict.fromkeys(GROUND_INTERFACES, 0), GROUND_ADDRESSES, bindv6only=bindv6only, ipv6=ipv6)
    for name, bindv6only, ipv6 in (
        ("bindv6only=0", False, True),
        ("bindv6only=1", True, True),
        ("IPv6 off", False, False),
    )
}
"""The settings that a sweep goes through, by what they are called."""


def spec_of(case: Case) -> NamespaceSpec:
    """Where `case` can be made: its own addresses where it tells them, else every address that it names."""
    named = case.local if case.local is not None else _named(case)
    interfaces = {name: index for name, index in case.interfaces.items() if name != "lo"}
    names = {str(index): name for name, index in case.interfaces.items()}
    addresses: dict[str, list[str]] = {}
    for address in sorted(named):
        where = "lo"
        if address.needs_scope and address.scope is not None:
            where = names.get(address.scope, address.scope)
            if where.isdecimal():
                where, number = f"if{where}", int(where)
                interfaces[where] = number
            elif where not in case.interfaces:
                interfaces[where] = 0
        addresses.setdefault(where, []).append(str(address.without_scope))
    return NamespaceSpec(
        interfaces,
        {name: tuple(texts) for name, texts in addresses.items()},
        bindv6only=case.bindv6only,
        ipv6=case.ipv6,
    )


def _named(case: Case) -> frozenset[Address]:
    """Every address that a socket, a client or a call of the case names and that an interface can have."""
    named = (
        *(sock.address for sock in case.sockets),
        *case.destinations,
        *case.sources,
        *(call.to for call in case.calls),
    )
    addresses = (address.canonical for address in named)
    return frozenset(a for a in addresses if not (a.is_unspecified or a.is_multicast or a == _BROADCAST))


_BROADCAST = Address("255.255.255.255")
