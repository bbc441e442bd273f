"""Whither a client's packet leads outside, and may: each address about to be dialled is judged, whoever named it.

Never dialled: addresses of the pools, which mean nothing outside, and, but for what a client's own loopback asks for,
the loopback of this host, be it behind a name or inside of another address. Then come the rules that were given.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from errno import ECONNREFUSED, EHOSTUNREACH
from socket import SocketType, if_nametoindex
from time import monotonic
from typing import TypeAlias

from dualstack.core.access.access_list import AccessList, Decision, Verdict
from dualstack.core.access.judge import Judge
from dualstack.core.address.address import Address
from dualstack.core.address.embedded import Nat64
from dualstack.core.dial.egress import EgressPolicy
from dualstack.core.dial.order import Candidate
from dualstack.core.dial.steps import DialStep
from dualstack.errors import DialError
from dualstack.gateway.transparent.names import Meaning, Names
from dualstack.net.dial.datagram_targets import destinations
from dualstack.net.dial.dialer import Dialer

__all__ = ["OnDial", "Outside"]

OnDial: TypeAlias = Callable[[str, DialStep], object]
"""Told of each step of a dial, with what is dialled."""

_LOOKUP_S = 10.0
_LOOPBACK_RULES = ("deny 127.0.0.0/8", "deny ::1", "deny 0.0.0.0/8", "deny ::")


class _Both:
    """Two judges, who must both allow."""

    def __init__(self, first: Judge, second: Judge) -> None:
        self._judges = (first, second)

    def check(self, address: Address) -> Decision:
        """As `Judge.check`."""
        return self._first_denial(judge.check(address) for judge in self._judges)

    def check_through(self, address: Address, nat64: Nat64) -> Decision:
        """As `Judge.check_through`."""
        return self._first_denial(judge.check_through(address, nat64) for judge in self._judges)

    @staticmethod
    def _first_denial(decisions: Iterable[Decision]) -> Decision:
        for decision in decisions:
            if decision.verdict is not Verdict.ALLOW:
                return decision
        return decision


class Outside:
    """The connector as a gate asks it.

    Args:
        names: what addresses mean.
        dialer: by which policy is dialled; its rules hold beside those above.
        has_loopback: whether a client's loopback leads to this host's.
        on_dial: told of each step.
    """

    def __init__(
        self, names: Names, dialer: Dialer, *, has_loopback: bool = True, on_dial: OnDial | None = None
    ) -> None:
        self.names = names
        self._on_dial = on_dial
        pools = [f"deny {prefix}" for prefix in names.prefixes]
        # Of interface, source and family nothing holds for the loopback: it has its own.
        near = EgressPolicy(access=dialer.outlet.access)
        self._dialers = {
            False: _judged(dialer, dialer.outlet, [*_LOOPBACK_RULES, *pools]),
            True: _judged(dialer, near, pools if has_loopback else [*_LOOPBACK_RULES, *pools]),
        }

    async def connect(self, asked: Address, port: int, *, by_loopback: bool = False) -> SocketType:
        """Connect to what is meant by the address that was asked.

        Args:
            asked: as the client has it.
            port: as the client has it.
            by_loopback: it came from a client's own loopback.

        Raises:
            DialError, LookupFailed: as `Dialer.connect` does.
            OSError: there is no descriptor.
        """
        meaning = self._meaning(asked, by_loopback=by_loopback)
        host = meaning.addresses if meaning.name is None else f"{meaning.name}."
        on_dial = self._on_dial
        target = f"{meaning} port {port}"
        on_step = None if on_dial is None else lambda step: on_dial(target, step)
        return await self._dialers[by_loopback].connect(host, port, on_step=on_step)

    async def destination(self, asked: Address, port: int, *, by_loopback: bool = False) -> Candidate:
        """The best address for datagrams to what is meant.

        Raises:
            DialError, LookupFailed: as `connect`.
        """
        meaning = self._meaning(asked, by_loopback=by_loopback)
        host = meaning.addresses if meaning.name is None else f"{meaning.name}."
        found = await destinations(host, port, self._dialers[by_loopback], timeout=_LOOKUP_S)
        return next((each for each in found if each.address == asked and each.source is not None), found[0])

    def source(self, version: int, *, by_loopback: bool = False) -> tuple[Address | None, str | None]:
        """The address and interface that a family's datagrams leave by, where the policy says."""
        found = self._dialers[by_loopback].outlet.sources.get(version)
        return (None, None) if found is None else (found.address, found.interface)

    def _meaning(self, asked: Address, *, by_loopback: bool) -> Meaning:
        if by_loopback and self.names.is_ours(asked):
            raise DialError.of(str(asked), "it is the client's own, and nothing listens there", errno=ECONNREFUSED)
        if by_loopback:
            return Meaning(addresses=(asked,))
        meaning = self.names.meaning(asked, monotonic())
        if meaning is None:
            raise DialError(str(asked), "it is an address of the pool, and stands in for no name", errno=EHOSTUNREACH)
        return meaning


def _judged(dialer: Dialer, outlet: EgressPolicy, denials: Iterable[str]) -> Dialer:
    own: Judge = AccessList([*denials, "allow any"], zone_id=if_nametoindex)
    rules = outlet.access
    access = own if rules is None else _Both(own, rules)
    # What makes an outlet is in it already, and is not to be given twice.
    bare = replace(dialer, family=0, source=None, interface=None, access=None)
    return replace(bare, outlet=replace(outlet, access=access))
