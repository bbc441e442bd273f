"""The order of addresses: RFC 6724 rule by rule, gai.conf, the families by turns (U5, X2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.address.address import Address
from dualstack.core.dial.order import RULES, SKIPPED, Candidate, PathStats, interleave, ordered, sort
from dualstack.core.dial.policy_table import DEFAULT_TABLE, parse_gai_conf


def pair(text: str) -> Candidate:
    """`destination from source`, the source left out where there is no way."""
    destination, _, source = text.partition(" from ")
    return Candidate(Address(destination), Address(source) if source else None)


def shown(candidates: list[Candidate]) -> list[str]:
    return [str(candidate.address) for candidate in candidates]


RFC_6724_SECTION_10_2 = [
    # The RFC's own examples, less those that need what programs are not told.
    (
        ["198.51.100.121 from 169.254.13.78", "2001:db8:1::1 from 2001:db8:1::2"],
        ["2001:db8:1::1", "198.51.100.121"],
        "prefer matching scope",
    ),
    (
        ["2001:db8:1::1 from fe80::1", "198.51.100.121 from 198.51.100.117"],
        ["198.51.100.121", "2001:db8:1::1"],
        "prefer matching scope",
    ),
    (
        ["10.1.2.3 from 10.1.2.4", "2001:db8:1::1 from 2001:db8:1::2"],
        ["2001:db8:1::1", "10.1.2.3"],
        "prefer higher precedence",
    ),
    (
        ["2001:db8:1::1 from 2001:db8:1::2", "fe80::1 from fe80::2"],
        ["fe80::1", "2001:db8:1::1"],
        "prefer smaller scope",
    ),
    (
        ["2001:db8:3ffe::1 from 2001:db8:3f44::2", "2001:db8:1::1 from 2001:db8:1::2"],
        ["2001:db8:1::1", "2001:db8:3ffe::1"],
        "longest matching prefix",
    ),
    (
        ["2002:c633:6401::1 from 2002:c633:6401::2", "2001:db8:1::1 from 2002:c633:6401::2"],
        ["2002:c633:6401::1", "2001:db8:1::1"],
        "prefer matching label",
    ),
    (
        ["2002:c633:6401::1 from 2002:c633:6401::2", "2001:db8:1::1 from 2001:db8:1::2"],
        ["2001:db8:1::1", "2002:c633:6401::1"],
        "prefer higher precedence",
    ),
    (["2001:db8:1::1", "198.51.100.1 from 198.51.100.2"], ["198.51.100.1", "2001:db8:1::1"], "avoid unusable"),
    (["fd00::1 from fd00::2", "192.0.2.1 from 192.0.2.2"], ["192.0.2.1", "fd00::1"], "prefer higher precedence"),
    (["fd00::1 from 2001:db8::1", "192.0.2.1 from 192.0.2.2"], ["192.0.2.1", "fd00::1"], "prefer matching label"),
    (["127.0.0.1 from 127.0.0.1", "::1 from ::1"], ["::1", "127.0.0.1"], "prefer higher precedence"),
    (["192.0.2.2 from 192.0.2.9", "192.0.2.8 from 192.0.2.9"], ["192.0.2.2", "192.0.2.8"], "rule 9 not for IPv4"),
]


@pytest.mark.parametrize(("given", "expected", "why"), RFC_6724_SECTION_10_2)
def test_an_example_of_the_rfc(given: list[str], expected: list[str], why: str) -> None:
    assert shown(sort(map(pair, given))) == expected, why
    # Where no rule tells them apart, they stay as they come.
    from_behind = expected[::-1] if "not for IPv4" in why else expected
    assert shown(sort(map(pair, reversed(given)))) == from_behind, why


def test_candidates_that_no_rule_tells_apart_keep_the_resolvers_order() -> None:
    given = [f"192.0.2.{number} from 192.0.2.200" for number in (7, 3, 9, 1)]
    assert shown(sort(map(pair, given))) == ["192.0.2.7", "192.0.2.3", "192.0.2.9", "192.0.2.1"]


def test_the_longest_prefix_counts_up_to_the_interfaces_number() -> None:
    given = ["2001:db8::ff from 2001:db8::1", "2001:db8::2 from 2001:db8::1"]
    assert shown(sort(map(pair, given))) == ["2001:db8::ff", "2001:db8::2"]


def test_without_a_source_rule_nine_says_nothing() -> None:
    assert shown(sort(map(pair, ["2001:db8:9::1", "2001:db8::1"]))) == ["2001:db8:9::1", "2001:db8::1"]


def test_rule_nine_compares_within_a_family_alone() -> None:
    # With one precedence for all, both families are tied.
    flat = parse_gai_conf("precedence ::/0 1\nlabel ::/0 1")
    given = ["2001:db8:f::1 from 2001:db8::1", "192.0.2.1 from 192.0.2.2", "2001:db8::2 from 2001:db8::1"]
    assert shown(sort(map(pair, given), flat)) == ["2001:db8::2", "192.0.2.1", "2001:db8:f::1"]


KNOWN = [
    (PathStats(rtt_s=0.2), PathStats(rtt_s=0.02), "lower round-trip time"),
    (PathStats(), PathStats(rtt_s=0.5), "known before unknown"),
    (PathStats(), PathStats(is_used=True), "used before unused"),
    (PathStats(has_failed=True), PathStats(), "what failed lately comes after"),
]


@pytest.mark.parametrize(("worse", "better", "why"), KNOWN)
def test_what_was_learnt_stands_between_rules_8_and_9(worse: PathStats, better: PathStats, why: str) -> None:
    near = Candidate(Address("2001:db8::2"), Address("2001:db8::1"), worse)
    far = Candidate(Address("2001:db8:f::2"), Address("2001:db8::1"), better)
    assert sort([near, far]) == [far, near], why
    other = Candidate(Address("192.0.2.1"), Address("192.0.2.2"), better)
    assert sort([other, near]) == [near, other], "rule 6 comes before"


def test_round_trips_within_a_factor_of_two_are_alike() -> None:
    slow = Candidate(Address("192.0.2.1"), Address("192.0.2.9"), PathStats(rtt_s=0.0250))
    fast = Candidate(Address("192.0.2.2"), Address("192.0.2.9"), PathStats(rtt_s=0.0185))
    assert sort([slow, fast]) == [slow, fast]


def six(number: int) -> Candidate:
    return Candidate(Address(f"2001:db8::{number}"))


def four(number: int) -> Candidate:
    return Candidate(Address(f"192.0.2.{number}"))


INTERLEAVED = [
    ([], 1, []),
    ([six(1)], 1, [six(1)]),
    ([six(1), six(2), four(1), four(2)], 1, [six(1), four(1), six(2), four(2)]),
    ([four(1), six(1), six(2), six(3)], 1, [four(1), six(1), six(2), six(3)]),
    ([six(1), six(2), six(3), four(1)], 2, [six(1), six(2), four(1), six(3)]),
    ([six(1), four(1), four(2), four(3)], 1, [six(1), four(1), four(2), four(3)]),
    ([six(1), four(1)], 9, [six(1), four(1)]),
]


@pytest.mark.parametrize(("given", "count", "expected"), INTERLEAVED)
def test_the_families_take_turns(given: list[Candidate], count: int, expected: list[Candidate]) -> None:
    assert interleave(given, count) == expected


def test_what_steps_back_comes_behind_but_keeps_its_turn() -> None:
    back = Candidate(Address("2001:db8::1"), Address("2001:db8::9"), PathStats(is_penalised=True))
    given = [back, pair("192.0.2.1 from 192.0.2.9"), pair("192.0.2.2 from 192.0.2.9")]
    assert shown(ordered(given)) == ["192.0.2.1", "2001:db8::1", "192.0.2.2"]
    assert shown(ordered(given, is_probe=True)) == ["2001:db8::1", "192.0.2.1", "192.0.2.2"]


TABLE = [
    ("::1", 50, 0),
    ("2001:db8::1", 40, 1),
    ("192.0.2.1", 35, 4),
    ("::ffff:192.0.2.1", 35, 4),
    ("2002::1", 30, 2),
    ("2001::1", 5, 5),
    ("fd00::1", 3, 13),
    ("::2", 1, 3),
    ("fec0::1", 1, 11),
    ("3ffe::1", 1, 12),
]


@pytest.mark.parametrize(("address", "precedence", "label"), TABLE)
def test_the_default_policy_table(address: str, precedence: int, label: int) -> None:
    assert DEFAULT_TABLE.precedence(Address(address)) == precedence
    assert DEFAULT_TABLE.label(Address(address)) == label


SCOPES = [
    ("::1", 0x2),
    ("fe80::1", 0x2),
    ("fec0::1", 0x5),
    ("fd00::1", 0xE),
    ("2001:db8::1", 0xE),
    ("ff02::1", 0x2),
    ("ff08::1", 0x8),
    ("127.0.0.1", 0x2),
    ("169.254.1.1", 0x2),
    ("10.0.0.1", 0xE),
]


@pytest.mark.parametrize(("address", "scope"), SCOPES)
def test_scopes(address: str, scope: int) -> None:
    assert DEFAULT_TABLE.scope(Address(address)) == scope


GAI_CONF = """
# comment
precedence ::1/128 50   # the loopback
precedence ::/0 40
precedence ::ffff:0:0/96 100
precedence ::ffff:0:0/96 101
label nonsense 7
label ::/0 x
label 10.0.0.0/8 7
label ::/0
reload yes
scopev4 ::ffff:10.0.0.0/104 5
"""


def test_gai_conf_replaces_what_it_has_lines_of_and_no_more() -> None:
    table = parse_gai_conf(GAI_CONF)
    assert table.precedence(Address("192.0.2.1")) == 101
    assert table.precedence(Address("2002::1")) == 40
    assert table.labels == DEFAULT_TABLE.labels
    assert table.scope(Address("10.0.0.1")) == 5
    assert table.scope(Address("192.0.2.1")) == 0
    assert table.preferred_family == 4
    assert DEFAULT_TABLE.preferred_family == 6


def test_an_empty_gai_conf_is_the_default() -> None:
    table = parse_gai_conf("# nothing\n")
    assert (table.labels, table.precedences) == (DEFAULT_TABLE.labels, DEFAULT_TABLE.precedences)
    assert table.ipv4_scopes == DEFAULT_TABLE.ipv4_scopes


def test_the_rules_left_out_are_named() -> None:
    assert [text[0] for text in SKIPPED] == ["3", "4", "7"]
    assert len({rule.law for rule in RULES}) == len(RULES)


ADDRESSES = st.builds(Address.from_int, st.integers(0, 2**32 - 1), st.just(4)) | st.builds(
    Address.from_int, st.integers(0, 2**128 - 1), st.just(6)
)
KNOWNS = st.builds(
    PathStats,
    rtt_s=st.none() | st.floats(0, 3),
    is_used=st.booleans(),
    has_failed=st.booleans(),
    is_penalised=st.booleans(),
)


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    addresses = draw(st.lists(ADDRESSES, unique=True, max_size=8))
    return [
        Candidate(
            address, draw(st.none() | ADDRESSES.filter(lambda x, v=address.version: x.version == v)), draw(KNOWNS)
        )
        for address in addresses
    ]


@given(candidates(), st.integers(1, 3))
def test_every_address_stays_and_sorting_twice_is_sorting_once(given: list[Candidate], count: int) -> None:
    best_first = sort(given)
    assert sort(best_first) == best_first
    assert sorted(map(id, best_first)) == sorted(map(id, given))
    assert sorted(map(id, ordered(given, first_family_count=count))) == sorted(map(id, given))


@given(candidates())
def test_of_each_family_the_order_of_the_sort_is_kept_by_the_turns(given: list[Candidate]) -> None:
    for family in (4, 6):
        before = [candidate for candidate in given if candidate.family == family]
        assert [candidate for candidate in interleave(given) if candidate.family == family] == before


@given(st.text(alphabet="precdnlabsoxv4:/0123456789f \n#", max_size=200))
def test_any_text_is_a_table(text: str) -> None:
    table = parse_gai_conf(text)
    for address in map(Address, ("::1", "192.0.2.1", "2001:db8::1", "fe80::1")):
        # Whatever the lines are, every address has its place; without a line of its kind, the default's.
        assert table.precedence(address) >= 0
        if "precedence" not in text:
            assert table.precedence(address) == DEFAULT_TABLE.precedence(address)
        if "label" not in text:
            assert table.label(address) == DEFAULT_TABLE.label(address)
