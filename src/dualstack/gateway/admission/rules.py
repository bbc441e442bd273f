"""The rules of a service, compiled by what this host says of its interfaces."""

from socket import if_nametoindex

from dualstack.core.access.access_list import AccessList

__all__ = ["rules_of"]


def rules_of(rules: tuple[str, ...], nat64: tuple[str, ...]) -> AccessList | None:
    """Rules that know this host's interfaces: the kernel gives a peer's zone as a number, people write its name."""
    return AccessList(rules, nat64=nat64, zone_id=if_nametoindex) if rules else None
