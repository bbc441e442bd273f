"""What has to be asked before a target can be raced: nothing, or one blocking question a family for the pool."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from errno import EAFNOSUPPORT, EINVAL, ETIMEDOUT
from functools import partial
from math import inf

from dualstack.core.address import Address
from dualstack.core.outlet import Outlet
from dualstack.core.race import Answer, Race
from dualstack.errors import DialError
from dualstack.net.dialer import Dialer, OnStep
from dualstack.net.hosts import addresses_in_hosts_file
from dualstack.net.lookups import answer_of, families_to_ask, look_up
from dualstack.net.names import LOOPBACKS, is_localhost
from dualstack.net.targets import Target

__all__ = ["Asked", "ask"]

Question = Callable[[], Answer]

# The answer of what needs no lookup counts for both families at once.
_ALL = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A race about to begin.

    Args:
        race: the machine.
        known: what is known at once, for the family beside it.
        questions: what the pool is to find out, by family; each blocks.
    """

    race: Race
    known: Sequence[tuple[int, Answer]] = ()
    questions: Sequence[tuple[int, Question]] = ()


def ask(
    target: Target, outlet: Outlet, dialer: Dialer, now: float, *, limit_s: float = inf, on_step: OnStep | None = None
) -> Asked:
    """Begin the race to `target`.

    Raises:
        DialError: the outlet has no family left, or the deadline is past.
    """
    if not outlet.sources and not outlet.nat64:
        raise DialError.of(str(target), outlet.why or "no family may be dialled", errno=EAFNOSUPPORT)
    if limit_s <= 0:
        raise DialError.of(str(target), "its deadline is past already", errno=ETIMEDOUT)
    begin = partial(dialer.race, target, now=now, deadline=now + limit_s, on_step=on_step)
    resolver = socket if dialer.resolver is None else dialer.resolver
    addresses, name = _known(target, outlet, dialer)
    if addresses:
        answer = answer_of(addresses, outlet, resolver, discover=False)
        if dialer.discovers and _has_no_way(answer):
            question = partial(answer_of, addresses, outlet, resolver, discover=True)
            return Asked(begin((_ALL,), name=name), questions=[(_ALL, question)])
        return Asked(begin((_ALL,), name=name), known=[(_ALL, answer)])
    if name is None:
        raise DialError(str(target), "no address is given", errno=EINVAL)
    families = families_to_ask(outlet, now)
    find = partial(look_up, name, outlet=outlet, resolver=resolver, discover=dialer.discovers)
    return Asked(begin(families, name=name), questions=[(family, partial(find, family)) for family in families])


def _has_no_way(answer: Answer) -> bool:
    """Whether there is an IPv4 address that the kernel has no way to."""
    for found in answer.candidates:  # noqa: SIM110 - `any` over a generator costs three times as much
        if found.source is None and found.address.version == 4:
            return True
    return False


def _known(target: Target, outlet: Outlet, dialer: Dialer) -> tuple[tuple[Address, ...], str | None]:
    """The addresses that need no lookup, and the name that they are of."""
    host = target.host
    if isinstance(host, Address):
        return (host,), None
    if isinstance(host, tuple):
        return host, None
    return (LOOPBACKS if is_localhost(host) else _in_hosts_file(host, outlet, dialer)), host


def _in_hosts_file(name: str, outlet: Outlet, dialer: Dialer) -> tuple[Address, ...]:
    """The addresses of a name that the system would ask nobody for; none where none of them may be dialled."""
    if dialer.resolver is not None:
        return ()
    addresses = addresses_in_hosts_file(name)
    return addresses if any(address.version in outlet.sources for address in addresses) else ()
