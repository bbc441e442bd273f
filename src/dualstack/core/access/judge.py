"""Whoever says which addresses may be dialled: what an egress policy asks of rules, whatever kind they are of."""

from typing import TYPE_CHECKING, Protocol

from dualstack.core.address.address import Address
from dualstack.core.address.embedded import Nat64

if TYPE_CHECKING:
    from dualstack.core.access.access_list import Decision

__all__ = ["Judge"]


class Judge(Protocol):
    """Says which addresses may be dialled, as `AccessList` does."""

    def check(self, address: Address) -> "Decision":
        """What becomes of it."""
        ...

    def check_through(self, address: Address, nat64: Nat64) -> "Decision":
        """The same, where translators with these prefixes are in use too."""
        ...
