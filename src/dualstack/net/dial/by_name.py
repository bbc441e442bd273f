"""What has to be asked before a target that is a name can be raced: one blocking question a family for the pool."""

import socket
from collections.abc import Callable, Sequence
from functools import partial
from socket import EAI_NONAME
from typing import NamedTuple

from dualstack.core.address.address import Address
from dualstack.core.dial.egress import FAMILY_NAMES, EgressPolicy
from dualstack.core.dial.resolution import SERVICES, Answer, Lookup
from dualstack.errors import LookupFailed
from dualstack.net.dial.address_lookup import families_to_ask, looked_up
from dualstack.net.dial.candidates import answer_of, has_no_way, judges_translators
from dualstack.net.dial.policy import DialPolicy
from dualstack.net.dial.target import Target
from dualstack.net.names.host_looks import LOOKS
from dualstack.net.names.looks import Files
from dualstack.net.names.resolver import NameServer
from dualstack.net.names.search import Limited, Namer, Plain, Search
from dualstack.net.names.system_names import SYSTEM_NAMES

__all__ = ["Questions", "Quick", "files_of", "in_hosts_file", "questions"]

_OWN = {family: Lookup(family) for family in (4, 6)}
_SERVICES = Lookup(SERVICES)


class Questions(NamedTuple):
    """What is asked for a name.

    Args:
        lookups: what is to be asked at once.
        find: makes a lookup, be it one that the race asks for later; blocks, and is for the pool.
        quick: how a loop may make a lookup of addresses by itself; None where it may not.
    """

    lookups: Sequence[Lookup]
    find: Callable[[Lookup], Answer]
    quick: "Quick | None"


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


def questions(target: Target, outlet: EgressPolicy, policy: DialPolicy, now: float, asked: set[Lookup]) -> Questions:
    """The questions for the host of `target`; those that somebody has been asked are entered in `asked`."""
    name = str(target.host)
    families = families_to_ask(outlet, now)
    lookups = [_OWN[family] for family in families]
    if policy.service is not None:
        lookups.insert(0, _SERVICES)
    find = partial(_find, Search(name, families, namer_of(policy)), target, outlet, policy, asked)
    return Questions(lookups, find, _quick(name, outlet, policy, asked))


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
    has_more_to_ask = policy.discovers and (has_no_way(answer) or judges_translators(addresses, outlet))
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


def in_hosts_file(name: str, outlet: EgressPolicy, policy: DialPolicy) -> tuple[Address, ...]:
    """The addresses of a name that the system would ask nobody for; none where none of them may be dialled."""
    who = SYSTEM_NAMES if policy.resolver is None else policy.name_servers
    addresses = () if who is None else who.in_hosts_file(name)
    return addresses if any(address.version in outlet.sources for address in addresses) else ()


_OF_THE_SYSTEM = Files((*SYSTEM_NAMES.files, *LOOKS))
_OF_ALL = Files(LOOKS)


def files_of(policy: DialPolicy) -> Files:
    """The files that a connection to a name goes by."""
    if policy.resolver is None:
        return _OF_THE_SYSTEM
    own = getattr(policy.resolver, "files", None)
    return own if isinstance(own, Files) else _OF_ALL


def namer_of(policy: DialPolicy) -> Namer:
    """Who is asked; a resolver of the caller's own finds out by itself what a name means."""
    if policy.resolver is None:
        return SYSTEM_NAMES
    if isinstance(policy.resolver, Limited):
        return policy.resolver.for_one_name()
    return policy.resolver if isinstance(policy.resolver, Namer) else Plain(policy.resolver)
