"""What a forward proxy may dial: rules as of an access list, under which nobody reaches the proxy's own host unasked.

`public` lets no address pass that is this host's own or on a link of it, however public: whoever comes by the proxy is
to reach what everybody reaches, and not what stands open to neighbours. Rules that name such an address, be it by a
prefix, and `any`, which is all of them, hold as written. Beside that, a listening socket of a forward proxy is reached
through a proxy of the same gateway by a rule that names its very address, and by no other: a request sent to it by
itself would be sent again, and again.

Looks nothing up and asks no kernel: whether an address is near comes in as a function, which is asked for what `public`
has let pass, at each dial, since addresses come and go.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from dualstack.core.access.access_list import AccessList, Decision, Verdict, ZoneId
from dualstack.core.access.judge import Judge
from dualstack.core.address.address import BITS, Address
from dualstack.core.address.embedded import Nat64, embedded_ipv4, joined
from dualstack.core.address.prefix import Prefix

__all__ = ["Near", "NotItself", "Reach", "WhyNear", "meanings"]

WhyNear: TypeAlias = Callable[[Address], "Near | None"]
"""Why an address is near; None where it is not."""


@dataclass(frozen=True, slots=True)
class Near:
    """An address of this host, or of its links.

    Args:
        is_own: it is this host's.
        where: for people: the link's prefix and interface; empty where it is this host's own.
    """

    is_own: bool
    where: str = ""

    def __str__(self) -> str:
        return "it is this host's own" if self.is_own else f"it is on a link of this host ({self.where})"


@dataclass(frozen=True, slots=True)
class Refused(Decision):
    """A denial that no rule's text explains."""

    reason: str

    @property
    def why(self) -> str:
        """As `Decision.why`."""
        return self.reason


class Reach:
    """Rules for what is dialled, under which `public` stops short of this host.

    Args:
        rules, nat64, zone_id: as `AccessList` has them.
        why_near: whether an address is this host's or on its links.
    """

    def __init__(
        self, rules: Iterable[str], nat64: Iterable[str] = (), *, zone_id: ZoneId | None = None, why_near: WhyNear
    ) -> None:
        rules, nat64 = tuple(rules), tuple(nat64)
        self._public = frozenset(rule for rule in rules if rule.split() == ["allow", "public"])
        self._rules = AccessList(rules, nat64, zone_id=zone_id)
        left = tuple(rule for rule in rules if rule not in self._public)
        self._named = AccessList(left, nat64, zone_id=zone_id) if self._public else self._rules
        self._nat64 = Nat64(nat64)
        self._why_near = why_near

    def check(self, address: Address) -> Decision:
        """As `AccessList.check`."""
        decision = self._rules.check(address)
        if decision.rule in self._public and decision.verdict is Verdict.ALLOW:
            return self._near(address, self._nat64) or decision
        return decision

    def check_through(self, address: Address, nat64: Nat64) -> Decision:
        """As `AccessList.check_through`."""
        decision = self._rules.check_through(address, nat64)
        if decision.rule in self._public and decision.verdict is Verdict.ALLOW:
            return self._near(address, joined(self._nat64, nat64)) or decision
        return decision

    def _near(self, address: Address, nat64: Nat64) -> Decision | None:
        """What holds of an address that is public and near; None where it is not near."""
        for meant in meanings(address, nat64):
            near = self._why_near(meant)
            if near is not None:
                named = self._named.check_through(address.canonical, nat64)
                return named if named.rule else Refused(Verdict.DENY, None, f"{near}, and no rule names it")
        return None


class NotItself:
    """Rules for what is dialled on a port that proxies of this gateway listen on.

    Args:
        rules: what holds besides; None lets everything pass.
        listeners: the addresses that they listen on; an unspecified one stands for all of this host's.
        named: the rules as written.
        why_near: as of `Reach`.
    """

    def __init__(
        self, rules: Judge | None, listeners: Iterable[Address], named: Iterable[str], *, why_near: WhyNear
    ) -> None:
        self._rules = rules
        self._listeners = frozenset(address.canonical.without_scope for address in listeners)
        self._named = frozenset(_exact(named))
        self._why_near = why_near

    def check(self, address: Address) -> Decision:
        """As `AccessList.check`."""
        return self._itself(address, _NO_NAT64) or (_ALLOWED if self._rules is None else self._rules.check(address))

    def check_through(self, address: Address, nat64: Nat64) -> Decision:
        """As `AccessList.check_through`."""
        found = self._itself(address, nat64)
        return found or (_ALLOWED if self._rules is None else self._rules.check_through(address, nat64))

    def _itself(self, address: Address, nat64: Nat64) -> Decision | None:
        for meant in meanings(address, nat64):
            if meant not in self._named and self._is_listener(meant):
                return Refused(Verdict.DENY, None, "a proxy of this gateway listens there, and would ask itself")
        return None

    def _is_listener(self, address: Address) -> bool:
        if address in self._listeners:
            return True
        # Linux: tcp_v4_connect and tcp_v6_connect take the unspecified address for the loopback, which is judged too.
        if not any(_takes(listener, address) for listener in self._listeners if listener.is_unspecified):
            return False
        near = None if address.is_loopback else self._why_near(address)
        return address.is_loopback or (near is not None and near.is_own)


_NO_NAT64 = Nat64()
_ALLOWED = Decision(Verdict.ALLOW, None)


def _takes(listener: Address, address: Address) -> bool:
    """Whether a socket on this unspecified address is reached there; one of IPv6 may take IPv4 too."""
    return listener.version == 6 or address.version == 4


def meanings(address: Address, nat64: Nat64) -> tuple[Address, ...]:
    """The addresses that may be reached by dialling one: itself, and the IPv4 addresses inside."""
    address = address.canonical.without_scope
    if address.version == 4:
        return (address,)
    behind = nat64.behind(address)
    inside = [embedded.ipv4 for embedded in embedded_ipv4(address, nat64)]
    return (address, *dict.fromkeys([*inside, behind] if behind is not None else inside))


def _exact(rules: Iterable[str]) -> Iterator[Address]:
    """The addresses that a rule allows by name, not by a prefix."""
    for verdict, subject in map(str.split, rules):
        if verdict == "allow" and subject not in {"any", "public"}:
            prefix = Prefix.parse(subject).canonical
            if prefix.length == BITS[prefix.network.version]:
                yield prefix.network.without_scope
