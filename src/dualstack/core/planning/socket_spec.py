"""A listening socket before it is opened: what the planner decides and the kernel's floor carries out."""

from dataclasses import dataclass
from typing import NamedTuple

from dualstack.core.address.address import Address
from dualstack.core.host.facts import BindAsk

__all__ = ["SocketIdentity", "SocketSpec"]


class SocketIdentity(NamedTuple):
    """What makes it the same socket in the plan before and after a reload; `port_name` is casefolded."""

    port_name: str
    proto: str
    address: Address
    port: int
    v6only: bool | None
    interface: str | None


@dataclass(frozen=True, slots=True)
class SocketSpec:
    """One socket to open; `rule` names one of `RULES`, `shared` another of ours on its port number.

    One that is `inherited` is open already: a service manager's, taken as it is. One with `freebind` is bound to an
    address that may come later.
    """

    service: str
    port_name: str
    family: int
    address: Address
    port: int
    v6only: bool | None
    proto: str = "tcp"
    shared: bool = False
    interface: str | None = None
    why: str = ""
    rule: str | None = None
    inherited: bool = False
    freebind: bool = False

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if self.family == 6 else f"{self.address}:{self.port}"

    @property
    def ask(self) -> BindAsk:
        """What the kernel is asked about its address."""
        return BindAsk(self.proto, self.address, self.interface, self.freebind)

    @property
    def identity(self) -> SocketIdentity:
        """What makes it the same socket in the plan before and after a reload."""
        return SocketIdentity(
            self.port_name.casefold(), self.proto, self.address, self.port, self.v6only, self.interface
        )
