"""The rules of one service, ready to be asked: for its clients, for what it dials for them, for who brings clients.

They are compiled when they are first asked for, once, and kept with the configuration that has their texts. What they
need of the host, the numbers of its interfaces and what is near it, comes in as functions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dualstack.core.access.access_list import AccessList, ZoneId

if TYPE_CHECKING:
    from dualstack.core.access.forward_rules import WhyNear
    from dualstack.core.access.judge import Judge

__all__ = ["CompiledRules", "ServiceRules"]


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """None each time stands for no rule at all.

    Args:
        access: who is let in.
        reach: what may be dialled.
        senders: whose connections begin with a PROXY header.
    """

    access: AccessList | None
    reach: "Judge | None"
    senders: AccessList | None

    @classmethod
    def compiled(
        cls,
        access: Iterable[str],
        reach: Iterable[str],
        senders: Iterable[str],
        *,
        nat64: Iterable[str],
        is_proxy: bool,
        zone_id: ZoneId,
        why_near: "WhyNear",
    ) -> "ServiceRules":
        """Those of these texts; what the clients of a forward proxy name is no business of its host's own.

        Args:
            access: rules for clients, as `AccessList` has them.
            reach: rules for what is dialled.
            senders: prefixes.
            nat64: as `AccessList` has it.
            is_proxy: the clients say what is dialled.
            zone_id: as `AccessList` has it.
            why_near: as `Reach` has it.
        """
        access, reach, nat64 = tuple(access), tuple(reach), tuple(nat64)
        bringing = [f"allow {prefix}" for prefix in senders]
        judge: Judge | None = None
        if reach and is_proxy:
            from dualstack.core.access.forward_rules import Reach  # who has no proxy does not pay for it

            judge = Reach(reach, nat64, zone_id=zone_id, why_near=why_near)
        elif reach:
            judge = AccessList(reach, nat64, zone_id=zone_id)
        return cls(
            AccessList(access, nat64, zone_id=zone_id) if access else None,
            judge,
            AccessList(bringing, zone_id=zone_id) if bringing else None,
        )


class CompiledRules(dict[str, ServiceRules]):
    """Those of a configuration, by the service's name; another process gets the texts, and compiles its own."""

    def __reduce__(self) -> tuple[type["CompiledRules"], tuple[()]]:
        return CompiledRules, ()
