"""What has to be asked before a target can be raced: nothing, or what `net.dial.by_name` asks the pool for a name."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Sequence
from errno import EAFNOSUPPORT, EINVAL, ETIMEDOUT
from functools import partial
from math import inf

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import is_localhost
from dualstack.core.address.well_known import LOOPBACKS
from dualstack.core.dial.race import Race
from dualstack.core.dial.resolution import Answer, Lookup
from dualstack.core.quick_values import NamedTuple
from dualstack.errors import DialError
from dualstack.net.dial.candidates import answer_of, has_no_way, judges_translators
from dualstack.net.names.host_looks import system_table
from dualstack.net.names.looks import Files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dualstack.core.dial.egress import EgressPolicy
    from dualstack.core.dial.lookup_shares import Asker
    from dualstack.net.dial.by_name import Quick
    from dualstack.net.dial.policy import DialPolicy, OnStep
    from dualstack.net.dial.target import Target

__all__ = ["PreparedRace", "files_for", "prepare"]

Find = Callable[[Lookup], Answer]

# The answer of what needs no lookup counts for both families at once.
_ALL = Lookup(0)


class PreparedRace(NamedTuple):
    """A race about to begin; a tuple because every connection makes one.

    Args:
        race: the machine.
        find: makes a lookup, be it one that the race asks for later; blocks, and is for the pool.
        known: what is known at once, for the lookup beside it.
        lookups: what is to be asked at once.
        quick: how a loop may make a lookup of addresses by itself; None where it may not.
        asker: for whom all of it is; None where nothing is asked.
    """

    race: Race
    find: Find
    known: Sequence[tuple[Lookup, Answer]] = ()
    lookups: Sequence[Lookup] = ()
    quick: Quick | None = None
    asker: Asker | None = None


def prepare(
    target: Target,
    outlet: EgressPolicy,
    policy: DialPolicy,
    now: float,
    *,
    limit_s: float = inf,
    on_step: OnStep | None = None,
) -> PreparedRace:
    """Begin the race to `target`.

    Raises:
        DialError: no family is left to dial, or the deadline is past.
    """
    if not outlet.sources and not outlet.nat64:
        raise DialError.of(str(target), outlet.why or "no family may be dialled", errno=EAFNOSUPPORT)
    if limit_s <= 0:
        raise DialError.of(str(target), "its deadline is past already", errno=ETIMEDOUT)
    addresses, name = _known(target, outlet, policy)
    begin = partial(_race, target, policy, now, deadline=now + limit_s, name=name, on_step=on_step)
    if addresses:
        resolver = socket if policy.resolver is None else policy.resolver
        answer = answer_of(addresses, outlet, resolver, discover=False)
        if not (policy.discovers and (has_no_way(answer) or judges_translators(addresses, outlet))):
            return PreparedRace(begin((_ALL,)), _nothing_to_find, known=[(_ALL, answer)])
        find: Find = lambda _: answer_of(addresses, outlet, resolver, discover=True)  # noqa: E731 - for the pool
        return PreparedRace(begin((_ALL,)), find, lookups=[_ALL], asker=_asker())
    if name is None:
        raise DialError(str(target), "no address is given", errno=EINVAL)
    from dualstack.net.dial.by_name import questions  # who has addresses does not pay for it

    asked: set[Lookup] = set()
    lookups, find, quick = questions(target, outlet, policy, now, asked)
    return PreparedRace(begin(lookups, asked=asked), find, lookups=lookups, quick=quick, asker=_asker())


def _race(
    target: Target,
    policy: DialPolicy,
    now: float,
    lookups: Sequence[Lookup],
    *,
    deadline: float,
    name: str | None,
    on_step: OnStep | None,
    asked: Collection[Lookup] | None = None,
) -> Race:
    """The machine for one connection by this policy."""
    return Race(
        target,
        lookups,
        now,
        timing=policy.timing,
        deadline=deadline,
        table=system_table() if policy.policy is None else policy.policy,
        memory=policy.history,
        name=name,
        on_step=on_step,
        asked=asked,
    )


def _asker() -> Asker:
    from dualstack.net.names.thread_pool import current_asker  # as above

    return current_asker()


def _nothing_to_find(lookup: Lookup) -> Answer:
    raise AssertionError(lookup)


def _known(target: Target, outlet: EgressPolicy, policy: DialPolicy) -> tuple[tuple[Address, ...], str | None]:
    """The addresses that need no lookup, and the name that they are of."""
    host = target.host
    if isinstance(host, Address):
        return (host,), None
    if isinstance(host, tuple):
        return host, None
    if is_localhost(host):
        return LOOPBACKS, host
    from dualstack.net.dial.by_name import in_hosts_file  # as above

    return in_hosts_file(host, outlet, policy), host


_POLICY_TABLE = Files((system_table,))


def files_for(target: Target, policy: DialPolicy) -> Files | None:
    """The files that this connection goes by, for the driver to look at beforehand; None where it needs no look."""
    if not isinstance(target.host, str) or is_localhost(target.host):
        return None if _POLICY_TABLE.is_known else _POLICY_TABLE
    from dualstack.net.dial.by_name import files_of  # as above

    return files_of(policy)
