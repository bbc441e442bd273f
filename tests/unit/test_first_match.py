"""The search behind access lists: exact on every shape of list, whatever stretches and cells it is cut into."""

import random
from collections.abc import Callable, Iterator

import pytest

from dualstack.core.access.first_match import Block, FirstMatch, Intervals

CLUSTERS = (0x20010DB8 << 96, 0x24002400 << 96, 0xFD00 << 112)


def prefix(value: int, length: int, rank: int, bits: int = 128) -> Block:
    first = value >> bits - length << bits - length
    return first, -(first + (1 << bits - length) - 1), rank


def spread(chance: random.Random) -> Block:
    return prefix(chance.getrandbits(128), chance.randint(1, 128), 0)


def hosts_in_one_network(chance: random.Random) -> Block:
    return prefix(0x20010DB8 << 96 | chance.getrandbits(12), 128, 0)


def hosts_everywhere(chance: random.Random) -> Block:
    return prefix(chance.getrandbits(128), 128, 0)


def clusters(chance: random.Random) -> Block:
    return prefix(chance.choice(CLUSTERS) | chance.getrandbits(96), chance.choice((48, 64, 120, 128)), 0)


def a_crowd_beside_a_desert(chance: random.Random) -> Block:
    return hosts_in_one_network(chance) if chance.random() < 0.9 else spread(chance)


def deeper_and_deeper(chance: random.Random) -> Block:
    return prefix(0, chance.randint(0, 128), 0)


SHAPES = [spread, hosts_in_one_network, hosts_everywhere, clusters, a_crowd_beside_a_desert, deeper_and_deeper]


def linear(blocks: list[Block], number: int, default: int) -> int:
    return min((rank for first, minus_last, rank in blocks if first <= number <= -minus_last), default=default)


def questions(blocks: list[Block], chance: random.Random, bits: int) -> Iterator[int]:
    yield from (0, (1 << bits) - 1)
    for first, minus_last, _ in chance.sample(blocks, min(60, len(blocks))):
        for number in (first - 1, first, -minus_last, -minus_last + 1, chance.randint(first, -minus_last)):
            yield max(0, min(number, (1 << bits) - 1))
    yield from (chance.getrandbits(bits) for _ in range(60))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [1, 40, 1500])
def test_every_shape_of_list_is_answered_as_if_read_from_the_top(
    shape: Callable[[random.Random], Block], size: int
) -> None:
    chance = random.Random(size)  # noqa: S311 - not a secret
    blocks = [(first, last, rank) for rank, (first, last, _) in enumerate(shape(chance) for _ in range(size))]
    chance.shuffle(blocks)
    intervals = Intervals(128, blocks, default=size)
    quick = FirstMatch(intervals, range(size + 1))
    for number in questions(blocks, chance, 128):
        expected = linear(blocks, number, size)
        assert intervals.rank(number) == expected
        assert quick.find(number) == expected


def test_without_prefixes_the_default_holds_everywhere() -> None:
    empty = FirstMatch(Intervals(32, [], default=0), ["none"])
    assert empty.find(0) == empty.find((1 << 32) - 1) == "none"


def test_an_interval_begins_only_where_the_answer_changes() -> None:
    ten = prefix(10 << 24, 8, 0, 32)
    inside = prefix(10 << 24 | 5, 16, 1, 32)
    assert Intervals(32, [ten, inside], default=2).starts == [0, 10 << 24, 11 << 24]
    everything = Intervals(32, [prefix(0, 0, 0, 32)], default=1)
    assert (everything.starts, everything.ranks) == ([0], [0])


def test_the_tables_of_a_long_list_stay_small() -> None:
    chance = random.Random(7)  # noqa: S311 - not a secret
    blocks = [prefix(0x2 << 124 | chance.getrandbits(125), 48, rank) for rank in range(20_000)]
    quick = FirstMatch(Intervals(128, blocks, default=20_000), range(20_001))
    assert len(quick.stretches) == 2
    assert len(quick.cells) < 2 * len(quick.starts)
    assert quick.drop == 64


def test_one_start_inside_a_word_keeps_the_numbers_whole() -> None:
    words = [prefix(0x20010DB8 << 96, 64, 0)]
    inside = prefix(0x20010DB8 << 96 | 1 << 32, 96, 0)
    assert FirstMatch(Intervals(128, words, default=1), range(2)).drop == 64
    assert FirstMatch(Intervals(128, [*words, inside], default=1), range(2)).drop == 64, "the answer does not change"
    assert FirstMatch(Intervals(128, [inside], default=1), range(2)).drop == 0
