"""Allow and deny: what a list of rules says of an address, so that no spelling and no tunnel walks around it.

The first rule that matches decides; where none does, the address is denied. What each subject matches:

    any       every address of both families
    public    what `registry.is_public` lets pass
    prefix    the addresses in it. IPv4 does not match IPv6 prefixes nor the other way round, `::/0` and `0.0.0.0/0`
              included; a mapped address or prefix is its IPv4 on either side. A zone on the address hides no match; a
              prefix with a zone holds in that zone alone.

A deny rule also matches by an IPv4 address inside the IPv6 one, for whoever is refused must not come in by a translator
or a tunnel. An allow rule never does: anybody can write a trusted IPv4 address into an IPv6 one. No text is judged and
no name is looked up: what is asked about is the address of the socket, after the lookup.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from dualstack.core.access.first_match import Block, FirstMatch, Intervals
from dualstack.core.address.address import BITS, Address
from dualstack.core.address.embedded import IPV4_CARRIERS, ISATAP_BITS, ISATAP_MASK, Nat64, embedded_ipv4, joined
from dualstack.core.address.prefix import Prefix
from dualstack.core.address.registry import is_public, public_prefixes
from dualstack.errors import AddressError, RuleError

__all__ = ["AccessList", "Decision", "Verdict", "ZoneId", "check_rules"]

ZoneId: TypeAlias = Callable[[str], int]


class Verdict(Enum):
    """What becomes of an address."""

    ALLOW = "allow"
    DENY = "deny"


class Group(Enum):
    """Subjects that are no prefix."""

    ANY = "any"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a list says of an address.

    Args:
        verdict: allow or deny.
        rule: the rule that decided, as written; None where none matched.
    """

    verdict: Verdict
    rule: str | None

    @property
    def why(self) -> str:
        """For people: by what an address is denied."""
        return f"rule `{self.rule}` denies it" if self.rule else "no rule allows it"


_NONE_MATCHED = Decision(Verdict.DENY, None)


class AccessList:
    """Rules, read once and then asked often; it does not change and needs no lock.

    Args:
        rules: texts such as `deny 192.0.2.0/24`, `allow 2001:db8::/32`, `allow public`, `deny any`.
        nat64: network-specific NAT64 prefixes in use: `public` lets public IPv4 addresses under them pass, and deny
            rules look into them.
        zone_id: turns an interface's name into its number, so that a rule for `%eth0` holds for the peer `%2`; without
            it zones are compared as written.

    Raises:
        RuleError: a rule that cannot be read.
        AddressError: a prefix that is none of NAT64's.

    >>> rules = AccessList(["deny 10.0.0.0/8", "allow any"])
    >>> rules.check(Address("64:ff9b::10.1.2.3"))
    Decision(verdict=<Verdict.DENY: 'deny'>, rule='deny 10.0.0.0/8')
    >>> rules.check(Address("2001:db8::1")).verdict
    <Verdict.ALLOW: 'allow'>
    """

    __slots__ = ("_close", "_decisions", "_ipv4", "_ipv6", "rules")

    def __init__(self, rules: Iterable[str], nat64: Iterable[str] = (), *, zone_id: ZoneId | None = None) -> None:
        if isinstance(rules, str):
            raise RuleError(rules, f"the rules are a list, of which this is one: write [{rules!r}]")
        if not isinstance(rules, Iterable):
            raise RuleError(rules, "the rules are a list of texts, such as ['allow 192.0.2.0/24']")
        self.rules = tuple(rules)
        prefixes = Nat64(nat64)
        read = _Rules(self.rules, zone_id)
        self._decisions = [*read.decisions, _NONE_MATCHED]
        # By rank: 0, before all rules, is for what needs a closer look, and the default comes after the last.
        answers, default = [None, *self._decisions], len(self._decisions)

        ipv4 = [*read.blocks[4], *read.public_blocks(4)]
        ipv6 = [*read.blocks[6], *read.public_blocks(6), *_blocks_with_ipv4_inside(prefixes)]
        self._ipv4 = FirstMatch(Intervals(32, ipv4, default=default), answers)
        self._ipv6 = FirstMatch(Intervals(128, ipv6, default=default), answers)
        self._close = _CloseLook(read, prefixes)

    def check(self, address: Address) -> Decision:
        """What the rules say of an address; within a microsecond for IPv4 and for plain IPv6.

        `FirstMatch.find` stands here in full, since calling it takes a good part of what it does.
        """
        number = address.value
        if address.version == 4:
            table = self._ipv4
        elif address.scope is None and number & ISATAP_MASK != ISATAP_BITS:
            table = self._ipv6
            if table.single and (answer := table.single.get(number)):
                return answer
        else:
            return self._look_closer(address)
        if table.drop:
            number >>= table.drop
        low, shift, cell = table.stretches[bisect_right(table.lows, number)]
        cell += number - low >> shift
        cells = table.cells
        answer = table.answers[bisect_right(table.starts, number, cells[cell], cells[cell + 1])]
        return self._look_closer(address) if answer is None else answer

    def check_through(self, address: Address, nat64: Nat64) -> Decision:
        """As `check`, where translators with these prefixes are in use too, known only since."""
        if address not in nat64:
            return self.check(address)
        return self._decisions[self._close.rank(address, nat64) - 1]

    def _look_closer(self, address: Address) -> Decision:
        if address.is_mapped:
            return self.check(address.canonical)
        return self._decisions[self._close.rank(address) - 1]

    @property
    def allows_everything(self) -> bool:
        """Whether the first rule lets every address pass."""
        return bool(self.rules) and self.rules[0].split() == ["allow", "any"]

    def __len__(self) -> int:
        return len(self.rules)

    def __repr__(self) -> str:
        return f"<AccessList of {len(self.rules)} rules>"


class _Rules:
    """Rules as read: each one's decision, and its prefixes by where they hold.

    Of a rule nothing else is kept: of 100,000, that would be half a million objects for the collector to walk.
    """

    __slots__ = ("_zone_id", "blocks", "decisions", "public", "zones")

    def __init__(self, rules: Iterable[str], zone_id: ZoneId | None) -> None:
        self._zone_id = zone_id
        self.decisions: list[Decision] = []
        self.blocks: dict[int, list[Block]] = {4: [], 6: []}
        self.zones: dict[str, list[Block]] = {}
        self.public: list[tuple[int, Verdict]] = []
        for rank, text in enumerate(rules, 1):
            verdict, subject = _parsed(text)
            self.decisions.append(Decision(verdict, text))
            self._add(rank, verdict, subject)
        for blocks in self.blocks.values():
            blocks.sort()

    def _add(self, rank: int, verdict: Verdict, subject: Prefix | Group) -> None:
        if subject is Group.PUBLIC:
            self.public.append((rank, verdict))
        elif subject is Group.ANY:
            for version, blocks in self.blocks.items():
                blocks.append((0, 1 - (1 << BITS[version]), rank))
        elif subject.network.scope is not None:
            self.zones.setdefault(self.zone(subject.network.scope), []).append(_block(subject, rank))
        else:
            self.blocks[subject.network.version].append(_block(subject, rank))

    def public_blocks(self, version: int, only: Verdict | None = None) -> Iterator[Block]:
        """What `public` holds of plain addresses, for the first rule that says it; to a second nothing is left."""
        first = next((rank for rank, verdict in self.public if only in {None, verdict}), None)
        if first is not None:
            yield from (_block(prefix, first) for prefix in public_prefixes(version))

    def zone(self, scope: str) -> str:
        """The zone's number, where it is known: a rule often has the name, and a peer the number."""
        if self._zone_id is None or scope.isdecimal():
            return scope
        try:
            return str(self._zone_id(scope))
        except OSError:
            return scope


class _CloseLook:
    """For what has a zone or may carry IPv4: each way to match names its first rule, and the first of those decides."""

    __slots__ = ("_default", "_ipv4_denied", "_ipv6", "_nat64", "_public", "_zone", "_zones")

    def __init__(self, rules: _Rules, nat64: Nat64) -> None:
        self._nat64, self._public, self._zone = nat64, rules.public, rules.zone
        self._default = len(rules.decisions) + 1
        denied = [block for block in rules.blocks[4] if rules.decisions[block[2] - 1].verdict is Verdict.DENY]
        denied += rules.public_blocks(4, Verdict.DENY)
        self._ipv4_denied = Intervals(32, denied, default=self._default)
        self._ipv6 = Intervals(128, rules.blocks[6], default=self._default)
        self._zones = {zone: Intervals(128, blocks, default=self._default) for zone, blocks in rules.zones.items()}

    def rank(self, address: Address, more: Nat64 | None = None) -> int:
        """The rank of the first rule that matches an IPv6 address that is not mapped; `more` translators are known."""
        return min(self._ranks(address, self._nat64 if more is None else joined(self._nat64, more)))

    def _ranks(self, address: Address, nat64: Nat64) -> Iterator[int]:
        yield self._ipv6.rank(address.value)
        if address.scope is not None:
            zone = self._zones.get(self._zone(address.scope))
            yield zone.rank(address.value) if zone else self._default
        for embedded in embedded_ipv4(address, nat64):
            yield self._ipv4_denied.rank(embedded.ipv4.value)
        behind = nat64.behind(address)
        if behind is not None:
            yield self._ipv4_denied.rank(behind.value)
        for rank, verdict in self._public:
            # A zone makes an address unfit to be let pass as public, and must not hide it where it is denied.
            is_denial = verdict is Verdict.DENY
            if is_public(address.without_scope if is_denial else address, nat64) and (
                is_denial or behind is None or is_public(behind)
            ):
                yield rank


def check_rules(rules: Iterable[str]) -> None:
    """Do nothing where each of these texts is a rule.

    Raises:
        RuleError: one is none.
    """
    for text in rules:
        _parsed(text)


def _parsed(text: str) -> tuple[Verdict, Prefix | Group]:
    if not isinstance(text, str):
        raise RuleError(repr(text), "a rule is a text, such as 'allow 192.0.2.0/24'")
    verdict, _, subject = text.strip().partition(" ")
    subject = subject.lstrip()
    if verdict not in _VERDICTS or not subject:
        raise RuleError(text, "a rule is allow or deny, a blank, and any, public, an address or a prefix")
    if subject in _GROUPS:
        return _VERDICTS[verdict], _GROUPS[subject]
    try:
        return _VERDICTS[verdict], Prefix.parse(subject).canonical
    except AddressError as error:
        raise RuleError(text, error.why) from None


_VERDICTS = {verdict.value: verdict for verdict in Verdict}
_GROUPS = {group.value: group for group in Group}


def _blocks_with_ipv4_inside(nat64: Nat64) -> Iterator[Block]:
    """Where IPv6 addresses may carry IPv4 ones, a closer look comes before all rules.

    Whole /64s of them: as most rules end there too, most tables then hold machine words.
    """
    for prefix in (*IPV4_CARRIERS, *nat64.prefixes):
        yield prefix.first & ~_BELOW_64, -(prefix.last | _BELOW_64), 0


_BELOW_64 = (1 << 64) - 1


def _block(prefix: Prefix, rank: int) -> Block:
    return prefix.first, -prefix.last, rank
