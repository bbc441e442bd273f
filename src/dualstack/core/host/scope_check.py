"""Whether an address can be bound or dialled as it is written: its scope is there, and where it belongs (N2, N3)."""

from dualstack.core.address.address import Address
from dualstack.core.host.facts import HostFacts
from dualstack.errors import ConfigError

__all__ = ["check_scope"]


def check_scope(address: Address, facts: HostFacts, where: str, key: str) -> None:
    """Refuse an address that no system binds or dials as it is written.

    Raises:
        ConfigError: an embedded KAME scope, or a link-local address without its interface.
    """
    if address.kame_scope is not None:
        clean = Address.from_kame(address)
        raise ConfigError(
            where, key, f"{address} carries KAME's embedded scope, which is never on the wire; write {clean}"
        )
    if address.needs_scope and address.scope is None:
        names = [i.name for i in facts.interfaces if any(a.version == 6 and a.is_link_local for a in i.addresses)]
        could = ", ".join(f"{address}%{name}" for name in names) or f"{address}%INTERFACE"
        raise ConfigError(where, key, f"{address} is link-local and needs its interface: {could}")
