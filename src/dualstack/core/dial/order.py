"""Which addresses are tried, and in which order (RFC 6724 section 6, RFC 8305 section 4).

Never looks anything up and opens no socket: the source address of each candidate comes in with it, and so does what
earlier connections taught. Rules 3, 4 and 7 need facts that programs cannot have; they are left out.
"""

from __future__ import annotations

from functools import lru_cache

from dualstack.core.address.address import Address
from dualstack.core.dial.policy_table import DEFAULT_TABLE, PolicyTable
from dualstack.core.quick_values import NamedTuple, dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "RULES",
    "SKIPPED",
    "UNKNOWN",
    "Candidate",
    "PathStats",
    "Rule",
    "anything_penalised",
    "interleave",
    "ordered",
    "sort",
]


class PathStats(NamedTuple):
    """What earlier connections taught of a destination; a tuple because every connection makes some.

    Args:
        rtt_s: how long a connection takes; None where none was made.
        delay_s: how long to wait for it before the next is tried; None where nothing was measured.
        is_used: a connection to this very address was made.
        has_failed: the last one failed, a short while ago.
        is_penalised: all around it failed lately, while the other family worked.
    """

    rtt_s: float | None = None
    delay_s: float | None = None
    is_used: bool = False
    has_failed: bool = False
    is_penalised: bool = False


UNKNOWN = PathStats()


class Candidate(NamedTuple):
    """An address that may be dialled; a tuple because every connection makes some.

    Args:
        address: where to.
        source: the address the kernel would connect from; None where it has no way there.
        known: what earlier connections taught.
        synthesised_from: the IPv4 address that a NAT64 prefix was put before.
        port: where a service of the target listens; None is the target's own port.
    """

    address: Address
    source: Address | None = None
    known: PathStats = UNKNOWN
    synthesised_from: Address | None = None
    port: int | None = None

    @property
    def family(self) -> int:
        """4 or 6."""
        return self.address.version


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the sort about a destination and its source: the smaller number is better."""

    law: str
    rank: Callable[[Address, Address | None, PolicyTable], int]


def _scopes_differ(address: Address, source: Address | None, table: PolicyTable) -> bool:
    return source is not None and table.scope(address) != table.scope(source)


def _labels_differ(address: Address, source: Address | None, table: PolicyTable) -> bool:
    return source is not None and table.label(address) != table.label(source)


RULES: tuple[Rule, ...] = (
    Rule("RFC 6724 rule 1: avoid unusable destinations", lambda _, source, __: source is None),
    Rule("RFC 6724 rule 2: prefer matching scope", _scopes_differ),
    Rule("RFC 6724 rule 5: prefer matching label", _labels_differ),
    Rule("RFC 6724 rule 6: prefer higher precedence", lambda address, _, table: -table.precedence(address)),
    Rule("RFC 6724 rule 8: prefer smaller scope", lambda address, _, table: table.scope(address)),
)
"""Between these and rule 9 stands what was learnt (`_learnt`). Rule 10 is that the sort is stable."""


def _rank(address: Address, source: Address | None, table: PolicyTable) -> tuple[int, ...]:
    return _rank_of_numbers(address.version, address.value, None if source is None else source.value, table)


@lru_cache(maxsize=1024)
def _rank_of_numbers(version: int, value: int, source_value: int | None, table: PolicyTable) -> tuple[int, ...]:
    """Remembered, because a program connects to the same few addresses again and again; numbers are compared fastest.

    A scope makes no difference to any rule.
    """
    address = Address.from_int(value, version)
    source = None if source_value is None else Address.from_int(source_value, version)
    return tuple([rule.rank(address, source, table) for rule in RULES])


def _learnt(known: PathStats) -> tuple[int, ...]:
    """RFC 8305 section 4: a lower round-trip time, then addresses used before; before both, what has not failed lately.

    Round trips within a factor of two are as good as each other; one that is not known comes last.
    """
    if known is UNKNOWN:
        return _NOTHING_LEARNT
    rtt_class = _NEVER if known.rtt_s is None else int(known.rtt_s * 1000).bit_length()
    return known.has_failed, rtt_class, not known.is_used


_NEVER = 1 << 10
_NOTHING_LEARNT = (False, _NEVER, True)

SKIPPED: dict[str, str] = {
    "3: avoid deprecated addresses": "no program is told of it; the kernel avoids them as sources",
    "4: prefer home addresses": "Mobile IPv6 is not to be seen from a socket",
    "7: prefer native transport": "whether a tunnel is on the way is not to be seen from a socket",
}


def sort(candidates: Iterable[Candidate], table: PolicyTable = DEFAULT_TABLE) -> list[Candidate]:
    """Best first; candidates that no rule tells apart keep the resolver's order (rule 10)."""
    given = list(candidates)
    if len(given) < 2:
        return given
    ranks = [_rank(each.address, each.source, table) + _learnt(each.known) for each in given]
    if len(given) == 2 and ranks[0] != ranks[1]:  # most often; it costs half as much
        return given if ranks[0] < ranks[1] else given[::-1]
    ranked = sorted(zip(ranks, range(len(given)), strict=True))
    best_first = [given[place] for _, place in ranked]
    start = 0
    for end in range(1, len(given) + 1):
        if end == len(given) or ranked[end][0] != ranked[start][0]:
            if end - start > 1:
                best_first[start:end] = _by_common_prefix(best_first[start:end])
            start = end
    return best_first


def _by_common_prefix(tied: Sequence[Candidate]) -> list[Candidate]:
    """Rule 9, the longest prefix in common with the source, among IPv6 addresses alone.

    Of IPv4 it would undo the spreading of load by rotated answers, and says nothing there: a longer match means no
    nearer host. What another family has keeps its place.
    """
    best_first = iter(sorted((c for c in tied if c.family == 6), key=_bits_apart))
    return [next(best_first) if candidate.family == 6 else candidate for candidate in tied]


def _bits_apart(candidate: Candidate) -> int:
    """What the common prefix leaves of the upper 64 bits; below them is an interface's number (section 2.2)."""
    if candidate.source is None:
        return 64
    return (candidate.address.value >> 64 ^ candidate.source.value >> 64).bit_length()


def interleave(candidates: Iterable[Candidate], first_family_count: int = 1) -> list[Candidate]:
    """The families by turns, each in the order given, the family of the first candidate first (RFC 8305 section 4).

    Args:
        candidates: best first.
        first_family_count: how many of the first family come before the other's first.
    """
    given = list(candidates)
    if not given:
        return given
    family = given[0].address.version
    if len(given) == 2:
        return given  # with one of each family, or two of one, there is nothing to turn
    first = [candidate for candidate in given if candidate.address.version == family]
    if len(first) == len(given):
        return given
    other = [candidate for candidate in given if candidate.address.version != family]
    order, rest = first[:first_family_count], first[first_family_count:]
    for turn in range(max(len(rest), len(other))):
        order += other[turn : turn + 1] + rest[turn : turn + 1]
    return order


def ordered(
    candidates: Iterable[Candidate],
    table: PolicyTable = DEFAULT_TABLE,
    *,
    first_family_count: int = 1,
    is_probe: bool = False,
) -> list[Candidate]:
    """Sorted, with what is penalised behind what is not, then the families by turns.

    Args:
        candidates: in the resolver's order.
        table: the policy.
        first_family_count: see `interleave`.
        is_probe: nothing is penalised this time.

    >>> from dualstack.core.address.address import Address
    >>> a, b = Candidate(Address("192.0.2.1"), Address("192.0.2.9")), Candidate(Address("::1"), Address("::1"))
    >>> [str(candidate.address) for candidate in ordered([a, b])]
    ['::1', '192.0.2.1']
    """
    best_first = sort(candidates, table)
    if not is_probe and anything_penalised(best_first):
        best_first.sort(key=lambda candidate: candidate.known.is_penalised)
    return interleave(best_first, first_family_count)


def anything_penalised(candidates: Iterable[Candidate]) -> bool:
    """Whether there is one that does; a loop, since most of the time nothing is known and two are looked at."""
    for candidate in candidates:  # noqa: SIM110 - `any` over a generator costs three times as much
        if candidate.known.is_penalised:
            return True
    return False
