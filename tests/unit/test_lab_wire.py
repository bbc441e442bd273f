"""The switch on a virtual clock: who gets a frame, and exactly when."""

from collections.abc import Mapping
from random import Random

import pytest

from dualstack.kernel.packets import VNET_HEADER
from dualstack.lab.wire import Port, Shape, Switch

HALF_S = 0.001
ALL = b"\xff" * 6
GROUP = bytes.fromhex("333300000001")
A, B, C = (bytes([2, 0, 0, 0, 0, number]) for number in (1, 2, 3))
IPV4, ARP, IPV6 = b"\x08\x00", b"\x08\x06", b"\x86\xdd"
ICMPV6 = 58


class Dice(Random):
    """Throws what it is told."""

    def __init__(self, *, chance: float = 0.0, way: float = 0.0) -> None:
        super().__init__(0)
        self.chance, self.way = chance, way

    def random(self) -> float:
        return self.chance

    def uniform(self, a: float, b: float) -> float:
        assert (a, b) == (-1, 1)
        return self.way


def frame(to: bytes, source: bytes, kind: bytes = IPV4, payload: bytes = b"payload") -> bytes:
    return bytes(VNET_HEADER.size) + to + source + kind + payload


def ipv6(to: bytes, source: bytes, *, protocol: int, first: int) -> bytes:
    header = bytes([0x60, 0, 0, 0, 0, 8, protocol, 255]) + bytes(32)
    return frame(to, source, IPV6, header + bytes([first]) + bytes(7))


def switch(*links: str, dice: Random | None = None) -> Switch:
    made = Switch(HALF_S, dice or Dice())
    for number, link in enumerate(links):
        assert made.plug(Port(f"host{number}", link)) == number
    return made


def reached(made: Switch, at_s: float = 1.0) -> list[int]:
    return [number for number, _ in made.due(at_s)]


def shaped(shapes: Mapping[tuple[str, int], Shape], dice: Random | None = None) -> Switch:
    made = switch("lan", "lan", dice=dice)
    made.take(1, frame(ALL, B, ARP), 0.0)
    made.due(1.0)
    made.shape(shapes)
    return made


def test_a_frame_to_nobody_known_goes_to_all_but_its_sender() -> None:
    made = switch("lan", "lan", "lan")
    made.take(0, frame(B, A), 0.0)
    assert reached(made) == [1, 2]


def test_where_a_host_has_spoken_from_is_where_it_is_reached() -> None:
    made = switch("lan", "lan", "lan")
    made.take(1, frame(A, B), 0.0)
    made.due(1.0)
    made.take(0, frame(B, A), 1.0)
    assert reached(made, 2.0) == [1]
    # It is plugged in elsewhere.
    made.take(2, frame(A, B), 2.0)
    assert reached(made, 3.0) == [0]
    made.take(0, frame(B, A), 3.0)
    assert reached(made, 4.0) == [2]


@pytest.mark.parametrize("to", [ALL, GROUP])
def test_a_broadcast_and_a_group_go_to_all_whoever_has_spoken(to: bytes) -> None:
    made = switch("lan", "lan", "lan")
    made.take(1, frame(to, B), 0.0)
    assert reached(made) == [0, 2]


def test_a_frame_to_its_own_port_goes_nowhere() -> None:
    made = switch("lan", "lan")
    made.take(0, frame(ALL, A), 0.0)
    made.due(1.0)
    made.take(0, frame(A, A), 1.0)
    assert (reached(made, 2.0), made.next_at) == ([], None)


def test_links_are_apart_even_with_the_same_address_on_both() -> None:
    made = switch("left", "right", "left", "right")
    made.take(1, frame(ALL, B), 0.0)
    assert reached(made) == [3]
    made.take(0, frame(B, A), 1.0)
    assert reached(made, 2.0) == [2]
    made.take(2, frame(ALL, B), 2.0)
    made.due(3.0)
    made.take(0, frame(B, A), 3.0)
    assert reached(made, 4.0) == [2]


def test_every_frame_takes_half_a_round_trip_and_no_less() -> None:
    made = switch("lan", "lan")
    sent = frame(B, A)
    made.take(0, sent, 10.0)
    assert made.next_at == 10.0 + HALF_S
    assert made.due(10.0 + HALF_S - 1e-6) == []
    assert made.due(10.0 + HALF_S) == [(1, sent)]
    assert made.next_at is None


def test_frames_of_one_moment_keep_their_order() -> None:
    made = switch("lan", "lan")
    sent = [frame(B, A, payload=bytes([number])) for number in (3, 1, 2)]
    for each in sent:
        made.take(0, each, 0.0)
    assert [each for _, each in made.due(1.0)] == sent


def test_a_delay_is_of_the_frames_to_a_host_in_its_family() -> None:
    made = shaped({("host1", 6): Shape(delay_s=0.3)})
    made.take(0, frame(B, A, IPV6), 0.0)
    made.take(0, frame(B, A, IPV4), 0.0)
    made.take(1, frame(A, B, IPV6), 0.0)
    assert sorted(reached(made, HALF_S)) == [0, 1]
    assert made.next_at == 0.3 + HALF_S
    assert reached(made, 0.3 + HALF_S) == [1]


@pytest.mark.parametrize(
    ("shape", "way", "at_s"),
    [
        (Shape(jitter_s=0.010), 1.0, HALF_S + 0.010),
        (Shape(jitter_s=0.010), 0.5, HALF_S + 0.005),
        (Shape(delay_s=0.1, jitter_s=0.010), -0.5, HALF_S + 0.095),
        (Shape(jitter_s=0.010), -1.0, 0.0),  # no frame is there before it was sent
    ],
)
def test_jitter_is_so_much_more_or_less(shape: Shape, way: float, at_s: float) -> None:
    made = shaped({("host1", 4): shape}, Dice(way=way))
    made.take(0, frame(B, A), 5.0)
    assert made.next_at == pytest.approx(5.0 + at_s, abs=1e-9)


@pytest.mark.parametrize(
    ("loss", "chance", "arrives"), [(0.1, 0.099, False), (0.1, 0.1, True), (1.0, 0.999_999, False), (0.0, 0.0, True)]
)
def test_a_frame_is_lost_as_the_dice_fall(loss: float, chance: float, arrives: bool) -> None:  # noqa: FBT001
    made = shaped({("host1", 4): Shape(loss=loss)}, Dice(chance=chance))
    made.take(0, frame(B, A), 0.0)
    assert reached(made) == ([1] if arrives else [])


def test_real_dice_lose_their_share() -> None:
    made = shaped({("host1", 4): Shape(loss=0.25)}, Random(1))  # noqa: S311 - weather, not secrets
    for _ in range(10_000):
        made.take(0, frame(B, A), 0.0)
    assert 7_300 < len(made.due(1.0)) < 7_700


WORST = {("host1", family): Shape(delay_s=9.0, loss=1.0) for family in (4, 6)}


@pytest.mark.parametrize("kind", range(133, 138))
def test_neighbours_are_found_over_a_broken_wire_too(kind: int) -> None:
    made = shaped(WORST, Dice())
    made.take(0, ipv6(B, A, protocol=ICMPV6, first=kind), 0.0)
    made.take(0, frame(B, A, ARP), 0.0)
    assert made.next_at == HALF_S
    assert reached(made, HALF_S) == [1, 1]


@pytest.mark.parametrize(
    "lost",
    [
        ipv6(B, A, protocol=ICMPV6, first=128),
        ipv6(B, A, protocol=ICMPV6, first=132),
        ipv6(B, A, protocol=ICMPV6, first=138),
        ipv6(B, A, protocol=6, first=135),
        frame(B, A, IPV4),
    ],
)
def test_nothing_else_is_spared(lost: bytes) -> None:
    made = shaped(WORST, Dice())
    made.take(0, lost, 0.0)
    assert made.next_at is None


def test_what_is_neither_ipv4_nor_ipv6_is_no_fault_of_theirs() -> None:
    made = shaped(WORST, Dice())
    made.take(0, frame(B, A, b"\x88\xcc"), 0.0)
    assert reached(made, HALF_S) == [1]


def test_a_healed_wire_is_as_it_was_and_what_is_on_its_way_keeps_its_time() -> None:
    made = shaped({("host1", 4): Shape(delay_s=1.0)})
    made.take(0, frame(B, A, payload=b"slow"), 0.0)
    made.shape({})
    made.take(0, frame(B, A, payload=b"fast"), 0.5)
    assert [each[-4:] for _, each in made.due(0.5 + HALF_S)] == [b"fast"]
    assert made.next_at == 1.0 + HALF_S


def test_a_full_queue_loses_what_comes_next_until_there_is_room() -> None:
    made = switch("lan", "lan")
    for _ in range(20_100):
        made.take(0, frame(B, A), 0.0)
    assert len(made.due(HALF_S)) == 20_000
    made.take(0, frame(B, A), 1.0)
    assert reached(made, 2.0) == [1]


@pytest.mark.parametrize("kind", [IPV4, ARP, IPV6])
def test_a_frame_of_any_length_is_passed_on_or_dropped(kind: bytes) -> None:
    whole = ipv6(B, A, protocol=ICMPV6, first=135).replace(IPV6, kind, 1)
    for length in range(len(whole) + 1):
        made = switch("lan", "lan")
        made.take(0, whole[:length], 0.0)
        # An Ethernet header is 14 bytes; what is shorter says not whom it is for.
        assert reached(made) == ([1] if length >= VNET_HEADER.size + 14 else [])
