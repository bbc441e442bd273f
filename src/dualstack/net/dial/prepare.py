"""What has to be asked before a target can be raced: nothing, or one blocking question a family for the pool."""

import socket
from collections.abc import Callable, Sequence
from errno import EAFNOSUPPORT, EINVAL, ETIMEDOUT
from functools import partial
from math import inf
from socket import EAI_NONAME
from typing import NamedTuple

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import is_localhost
from dualstack.core.address.well_known import LOOPBACKS
from dualstack.core.dial.egress import FAMILY_NAMES, EgressPolicy
from dualstack.core.dial.lookup_shares import MYSELF, Asker
from dualstack.core.dial.race import Race
from dualstack.core.dial.resolution import SERVICES, Answer, Lookup
from dualstack.errors import DialError, LookupFailed
from dualstack.net.dial.address_lookup import answer_of, families_to_ask, judges_translators, looked_up
from dualstack.net.dial.policy import DialPolicy, OnStep
from dualstack.net.dial.target import Target
from dualstack.net.names.files import Files
from dualstack.net.names.host_looks import LOOKS
from dualstack.net.names.resolver import NameServer
from dualstack.net.names.search import Limited, Namer, Plain, Search
from dualstack.net.names.system_names import SYSTEM_NAMES
from dualstack.net.names.thread_pool import current_asker

__all__ = ["PreparedRace", "Quick", "files_for", "prepare"]

Find = Callable[[Lookup], Answer]

# The answer of what needs no lookup counts for both families at once.
_ALL = Lookup(0)
_OWN = {family: Lookup(family) for family in (4, 6)}
_SERVICES = Lookup(SERVICES)


class PreparedRace(NamedTuple):
    """A race about to begin; a tuple because every connection makes one.

    Args:
        race: the machine.
        find: makes a lookup, be it one that the race asks for later; blocks, and is for the pool.
        known: what is known at once, for the lookup beside it.
        lookups: what is to be asked at once.
        quick: how a loop may make a lookup of addresses by itself; None where it may not.
        asker: for whom all of it is.
    """

    race: Race
    find: Find
    known: Sequence[tuple[Lookup, Answer]] = ()
    lookups: Sequence[Lookup] = ()
    quick: "Quick | None" = None
    asker: Asker = MYSELF


class Quick(NamedTuple):
    """How a loop makes the ordinary lookup without the pool.

    Args:
        server: who is asked.
        name: the target's.
        answer_of: what addresses mean; None where the pool has to find out more.
        asked: where to enter what the server is asked.
        is_final: no search domain comes after the name as it stands.
    """

    server: NameServer
    name: str
    answer_of: Callable[[Lookup, Sequence[Address]], Answer | None]
    asked: set[Lookup]
    is_final: bool = True


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
    asked: set[Lookup] = set()
    begin = partial(policy.race, target, now=now, deadline=now + limit_s, on_step=on_step, asked=asked)
    resolver = socket if policy.resolver is None else policy.resolver
    addresses, name = _known(target, outlet, policy)
    if addresses:
        answer = answer_of(addresses, outlet, resolver, discover=False)
        if policy.discovers and (_has_no_way(answer) or judges_translators(addresses, outlet)):
            return PreparedRace(
                begin((_ALL,), name=name),
                lambda _: answer_of(addresses, outlet, resolver, discover=True),
                lookups=[_ALL],
                asker=current_asker(),
            )
        return PreparedRace(begin((_ALL,), name=name), _nothing_to_find, known=[(_ALL, answer)])
    if name is None:
        raise DialError(str(target), "no address is given", errno=EINVAL)
    families = families_to_ask(outlet, now)
    lookups = [_OWN[family] for family in families]
    if policy.service is not None:
        lookups.insert(0, _SERVICES)
    return PreparedRace(
        begin(lookups, name=name),
        partial(_find, Search(name, families, namer_of(policy)), target, outlet, policy, asked),
        lookups=lookups,
        quick=_quick(name, outlet, policy, asked),
        asker=current_asker(),
    )


def _quick(name: str, outlet: EgressPolicy, policy: DialPolicy, asked: set[Lookup]) -> Quick | None:
    """Where a name server may be asked on the spot: it is one that the resolver names for this name."""
    server = None if policy.name_servers is None else policy.name_servers.server_for(name)
    if server is None:
        return None
    is_final = len(namer_of(policy).candidates(name) or ()) <= 1
    return Quick(server, name, partial(_quick_answer, name, outlet, policy), asked, is_final)


def _quick_answer(
    name: str, outlet: EgressPolicy, policy: DialPolicy, lookup: Lookup, addresses: Sequence[Address]
) -> Answer | None:
    if not addresses:
        why = f"it has no {FAMILY_NAMES[lookup.family]} address"
        return Answer(error=LookupFailed(lookup.name or name, why, errno=EAI_NONAME))
    answer = answer_of(addresses, outlet, socket, discover=False)
    has_more_to_ask = policy.discovers and (_has_no_way(answer) or judges_translators(addresses, outlet))
    return None if has_more_to_ask else answer


def _find(  # noqa: PLR0917 - it is made for the pool, which gives the lookup
    search: Search, target: Target, outlet: EgressPolicy, policy: DialPolicy, asked: set[Lookup], lookup: Lookup
) -> Answer:
    """Make one lookup, as long as the resolver takes."""
    asked.add(lookup)
    resolver = socket if policy.resolver is None else policy.resolver
    if lookup.family == SERVICES:
        from dualstack.net.dial.service_lookup import look_up_services  # who wants no services does not pay for it

        assert policy.service is not None  # noqa: S101 - it is asked for its sake
        assert policy.name_servers is not None  # noqa: S101 - the dialler has seen to it
        servers, discover = policy.name_servers, policy.discovers
        return look_up_services(search, target.port, policy.service, outlet, servers, discover=discover)
    if lookup.name is not None:
        search = Search(search.full(lookup.name), (lookup.family,), namer_of(policy))
    return looked_up(partial(search.addresses, lookup.family), outlet, resolver, discover=policy.discovers)


def _nothing_to_find(lookup: Lookup) -> Answer:
    raise AssertionError(lookup)


def _has_no_way(answer: Answer) -> bool:
    """Whether there is an IPv4 address that the kernel has no way to."""
    for found in answer.candidates:  # noqa: SIM110 - `any` over a generator costs three times as much
        if found.source is None and found.address.version == 4:
            return True
    return False


def _known(target: Target, outlet: EgressPolicy, policy: DialPolicy) -> tuple[tuple[Address, ...], str | None]:
    """The addresses that need no lookup, and the name that they are of."""
    host = target.host
    if isinstance(host, Address):
        return (host,), None
    if isinstance(host, tuple):
        return host, None
    return (LOOPBACKS if is_localhost(host) else _in_hosts_file(host, outlet, policy)), host


def _in_hosts_file(name: str, outlet: EgressPolicy, policy: DialPolicy) -> tuple[Address, ...]:
    """The addresses of a name that the system would ask nobody for; none where none of them may be dialled."""
    who = SYSTEM_NAMES if policy.resolver is None else policy.name_servers
    addresses = () if who is None else who.in_hosts_file(name)
    return addresses if any(address.version in outlet.sources for address in addresses) else ()


_OF_THE_SYSTEM = Files((*SYSTEM_NAMES.files, *LOOKS))
_OF_ALL = Files(LOOKS)


def files_for(target: Target, policy: DialPolicy) -> Files | None:
    """The files that this connection goes by, for the driver to look at beforehand; None where it needs no look."""
    if policy.resolver is None:
        files = _OF_THE_SYSTEM
    else:
        own = getattr(policy.resolver, "files", None)
        files = own if isinstance(own, Files) else _OF_ALL
    is_by_name = isinstance(target.host, str) and not is_localhost(target.host)
    return files if is_by_name or not files.is_known else None


def namer_of(policy: DialPolicy) -> Namer:
    """Who is asked; a resolver of the caller's own finds out by itself what a name means."""
    if policy.resolver is None:
        return SYSTEM_NAMES
    if isinstance(policy.resolver, Limited):
        return policy.resolver.for_one_name()
    return policy.resolver if isinstance(policy.resolver, Namer) else Plain(policy.resolver)
