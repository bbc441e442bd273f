"""The bytes that change this host over netlink, as the kernel's headers have them; and what it answers.

Whether the kernel takes them is shown where a network is made (`tests/netns`); what it would take as well is not.
"""

import errno
import os
import socket
import struct
import sys
from collections.abc import Sequence

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.kernel import nflog, nftables
from dualstack.kernel.links import RouteKind, VethEnd, add_address, add_route, add_veth, bring_up
from dualstack.kernel.netlink import attributes
from dualstack.kernel.netlink_changes import Change, Changes, nested, text
from dualstack.kernel.nflog import PacketLog

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux' own")

CREATE, EXCLUSIVE, APPEND = 0x400, 0x200, 0x800
MAC = bytes(range(6))
LOOPBACK = 1  # its index, in every namespace


def inside(body: bytes, *path: int) -> dict[int, bytes]:
    """The attributes below these types."""
    found = attributes(body, 0)
    for kind in path:
        found = attributes(found[kind], 0)
    return found


def number(value: int) -> bytes:
    return struct.pack("=I", value)


def test_a_pair_of_interfaces_resolves_no_addresses_and_its_other_end_goes_to_a_process() -> None:
    change = add_veth(VethEnd("here", MAC, 1400), VethEnd("there", MAC, 1500, pid=77))
    assert (change.kind, change.flags, change.what) == (16, CREATE | EXCLUSIVE, "interface here (veth)")
    noarp = struct.pack("=BxHiII", 0, 0, 0, 0x80, 0x80)
    assert change.body[:16] == noarp
    found = attributes(change.body, 16)
    assert {kind: found[kind] for kind in found if kind != 18} == {3: b"here\0", 1: MAC, 4: number(1400)}
    made = inside(found[18])
    assert (made[1], set(made)) == (b"veth\0", {1, 2})
    (peer,) = inside(made[2]).items()
    assert (peer[0], peer[1][:16]) == (1, noarp)
    assert attributes(peer[1], 16) == {3: b"there\0", 1: MAC, 4: number(1500), 19: number(77)}


def test_an_interface_is_brought_up_by_its_number() -> None:
    assert bring_up("lo") == Change(16, struct.pack("=BxHiII", 0, 0, LOOPBACK, 1, 1), 0, "interface lo up")


@pytest.mark.parametrize(
    ("address", "family", "length"), [("192.0.2.1", socket.AF_INET, 32), ("2001:db8::1", socket.AF_INET6, 128)]
)
def test_an_address_stands_alone_and_nobody_is_asked_for_it(address: str, family: int, length: int) -> None:
    change = add_address("lo", Address(address))
    assert (change.kind, change.flags, change.what) == (20, CREATE | EXCLUSIVE, f"address {address} of lo")
    assert change.body[:8] == struct.pack("=BBBBI", family, length, 2, 0, LOOPBACK)
    packed = Address(address).packed
    assert attributes(change.body, 8) == {1: packed, 2: packed, 8: number(2)}


@pytest.mark.parametrize(
    ("to", "kind", "scope"),
    [
        ("192.0.2.0/24", RouteKind.UNICAST, 253),
        ("192.0.2.0/24", RouteKind.LOCAL, 254),
        ("2001:db8::/32", RouteKind.UNICAST, 0),
        ("2001:db8::/32", RouteKind.LOCAL, 254),
    ],
)
def test_a_route_has_its_scope(to: str, kind: int, scope: int) -> None:
    prefix = Prefix.parse(to)
    change = add_route("lo", prefix, kind=kind)
    assert (change.kind, change.flags, change.what) == (24, CREATE | EXCLUSIVE, f"route to {to} by lo")
    family = socket.AF_INET if prefix.network.version == 4 else socket.AF_INET6
    assert change.body[:12] == struct.pack("=8BI", family, prefix.length, 0, 0, 254, 4, scope, kind, 0)
    assert attributes(change.body, 12) == {1: prefix.network.packed, 4: number(LOOPBACK)}
    assert (RouteKind.UNICAST, RouteKind.LOCAL) == (1, 2)


def test_a_route_to_everywhere_names_no_destination_and_one_with_a_source_names_it() -> None:
    source = Address("192.0.2.1")
    found = attributes(add_route("lo", Prefix.parse("0.0.0.0/0"), source=source).body, 12)
    assert found == {4: number(LOOPBACK), 7: source.packed}


def steps(expressions: Sequence[bytes]) -> list[tuple[str, dict[int, bytes]]]:
    """The name and the attributes of each expression."""
    found = []
    for each in expressions:
        ((kind, body),) = inside(each).items()
        assert kind == 1
        found.append((inside(body)[1].decode().rstrip("\0"), inside(body, 2)))
    return found


def be(value: int) -> bytes:
    return struct.pack("!I", value)


def value(content: bytes) -> bytes:
    """The value of a comparison: an attribute of attributes."""
    return struct.pack("=HH", 4 + len(content), 1) + content + bytes(-len(content) % 4)


def loads(key: int) -> tuple[str, dict[int, bytes]]:
    return "meta", {1: be(1), 2: be(key)}


def equals(content: bytes) -> tuple[str, dict[int, bytes]]:
    return "cmp", {1: be(1), 2: be(0), 3: value(content)}


@pytest.mark.parametrize(
    ("expressions", "expected"),
    [
        (nftables.from_interface("gate0"), [loads(6), equals(b"gate0" + bytes(11))]),
        (nftables.is_marked(0x1234), [loads(3), equals(struct.pack("=I", 0x1234))]),
        (nftables.is_protocol(17), [loads(16), equals(b"\x11")]),
        (
            nftables.transport_bytes(2, b"\0\x35"),
            [("payload", {1: be(1), 2: be(2), 3: be(2), 4: be(2)}), equals(b"\0\x35")],
        ),
        (
            nftables.is_new_stream(),
            [
                loads(16),
                equals(b"\x06"),
                ("payload", {1: be(1), 2: be(2), 3: be(13), 4: be(1)}),
                ("bitwise", {1: be(1), 2: be(1), 3: be(1), 4: value(b"\x17"), 5: value(b"\0")}),
                equals(b"\x02"),
            ],
        ),
        (
            nftables.has_socket(),
            [("socket", {1: be(0), 2: be(1)}), ("cmp", {1: be(1), 2: be(1), 3: value(b"\xff")})],
        ),
        ([nftables.log_to(7)], [("log", {1: b"\0\x07", 3: be(0xFFFF), 4: b"\0\x01"})]),
        (
            nftables.transparently_to(8080),
            [("immediate", {1: be(1), 2: value(b"\x1f\x90")}), ("tproxy", {1: be(0), 3: be(1)})],
        ),
    ],
    ids=["interface", "mark", "protocol", "transport", "new stream", "socket", "log", "tproxy"],
)
def test_a_step_of_a_rule_is_these_attributes(
    expressions: Sequence[bytes], expected: list[tuple[str, dict[int, bytes]]]
) -> None:
    assert steps(expressions) == expected


@pytest.mark.parametrize(("verdict", "code"), [(nftables.DROP, 0), (nftables.ACCEPT, 1)])
def test_a_verdict_is_written_to_the_register_of_verdicts(verdict: bytes, code: int) -> None:
    ((name, found),) = steps([verdict])
    assert (name, found[1]) == ("immediate", be(0))
    assert inside(inside(found[2])[2]) == {1: be(code)}


def test_a_table_is_one_transaction_with_its_chain_and_its_rules_in_order() -> None:
    drop, accept = nftables.DROP, nftables.ACCEPT
    changes = nftables.filter_table("gate", nftables.Chain("incoming", -310, [[drop], [accept, drop]]))
    nf = 10 << 8
    assert [(each.kind, each.flags, each.is_silent, each.what) for each in changes] == [
        (0x10, 0, True, ""),
        (nf | 0, CREATE, False, "nft table gate"),
        (nf | 3, CREATE, False, "nft chain incoming"),
        (nf | 6, CREATE | APPEND, False, "nft rule 1 of incoming"),
        (nf | 6, CREATE | APPEND, False, "nft rule 2 of incoming"),
        (0x11, 0, True, ""),
    ]
    begin, table, chain, first, second, end = (each.body for each in changes)
    assert begin == end == b"\0\0\0\x0a"
    assert {body[:4] for body in (table, chain, first, second)} == {b"\x01\0\0\0"}
    assert attributes(table, 4) == {1: b"gate\0"}
    found = attributes(chain, 4)
    assert {kind: found[kind] for kind in (1, 3, 7)} == {1: b"gate\0", 3: b"incoming\0", 7: b"filter\0"}
    assert inside(found[4]) == {1: be(0), 2: struct.pack("!i", -310)}
    assert attributes(first, 4) == {1: b"gate\0", 2: b"incoming\0", 4: drop}
    assert attributes(second, 4)[4] == accept + drop


def test_an_attribute_of_attributes_is_marked_as_such_and_a_text_ends_with_a_nul() -> None:
    assert nested(3, text(1, "ab")) == struct.pack("=HHHH", 12, 0x8003, 7, 1) + b"ab\0\0"


class Kernel:
    """A netlink socket that answers each packet as it is told to.

    Args:
        answers: of each `recv`, or what it fails with.
    """

    def __init__(self, answers: Sequence[bytes | OSError]) -> None:
        self.answers = list(answers)
        self.sent: list[bytes] = []
        self.options: list[tuple[int, int, int]] = []
        self.is_blocking = True
        self.is_closed = False

    def send(self, packet: bytes) -> None:
        self.sent.append(packet)

    def recv(self, _size: int) -> bytes:
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    def setsockopt(self, *option: int) -> None:
        self.options.append(option)  # type: ignore[arg-type]

    def setblocking(self, value: bool) -> None:  # noqa: FBT001 - as a socket has it
        self.is_blocking = value

    def fileno(self) -> int:
        return 99

    def close(self) -> None:
        self.is_closed = True


def said(sequence: int, refusal: int = 0, kind: int = 2) -> bytes:
    """An acknowledgement, padded as the kernel pads."""
    return struct.pack("=IHHIIi", 20, kind, 0, sequence, 0, -refusal)


def kernel(monkeypatch: pytest.MonkeyPatch, *answers: bytes | OSError) -> Kernel:
    made = Kernel(answers)
    monkeypatch.setattr(socket, "socket", lambda *_: made)
    return made


ONE, TWO = Change(16, b"body", CREATE, "one"), Change(20, b"", 0, "two")
BEGIN, END = Change(0x10, b"", is_silent=True), Change(0x11, b"", is_silent=True)


def test_changes_go_out_as_one_packet_with_their_numbers_and_those_that_matter_ask_for_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = kernel(monkeypatch, said(2) + said(3))
    with Changes(0) as changes:
        changes.make(BEGIN, ONE, TWO, END)
        assert not there.is_closed
    assert there.is_closed
    assert there.sent == [
        struct.pack("=IHHII", 16, 0x10, 0x1, 1, 0)
        + struct.pack("=IHHII", 20, 16, 0x1 | 0x4 | CREATE, 2, 0)
        + b"body"
        + struct.pack("=IHHII", 16, 20, 0x1 | 0x4, 3, 0)
        + struct.pack("=IHHII", 16, 0x11, 0x1, 4, 0)
    ]


def test_every_change_is_waited_for_and_the_first_refusal_is_the_one_told(monkeypatch: pytest.MonkeyPatch) -> None:
    there = kernel(monkeypatch, said(1, errno.EPERM), said(9, kind=3) + said(2, errno.EEXIST))
    with pytest.raises(PermissionError, match=f"one: {os.strerror(errno.EPERM)}"):
        Changes(0).make(ONE, TWO)
    assert there.answers == []


def test_a_transaction_that_is_refused_is_waited_for_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel(monkeypatch, said(1, errno.ENOENT))
    with pytest.raises(FileNotFoundError, match=f"the whole: {os.strerror(errno.ENOENT)}"):
        Changes(0).make(BEGIN, ONE, END)


def test_an_answer_cut_short_is_passed_over_and_one_longer_than_it_says_is_no_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    empty = struct.pack("=IHHII", 0, 3, 0, 0, 0)
    there = kernel(monkeypatch, empty + said(1)[:10], said(1) + bytes(15))
    Changes(0).make(ONE)
    assert there.answers == []


def test_a_group_of_packets_is_asked_for_whole_and_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    there = kernel(monkeypatch, said(1), said(2))
    with PacketLog(7) as log:
        assert log.fileno() == 99
    bind, mode = (packet[16:] for packet in there.sent)
    assert [struct.unpack_from("=IH", packet)[1] for packet in there.sent] == [4 << 8 | 1] * 2
    assert bind[:4] == mode[:4] == b"\0\0\0\x07"
    assert attributes(bind, 4) == {1: b"\x01"}
    assert attributes(mode, 4) == {2: b"\0\0\xff\xff\x02\0", 5: be(1), 4: be(1)}
    assert there.options == [(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)]
    assert not there.is_blocking


def test_a_group_that_another_has_is_an_error_that_names_it_and_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = kernel(monkeypatch, said(1, errno.EBUSY))
    with pytest.raises(OSError, match="NFLOG group 7"):
        PacketLog(7)
    assert there.is_closed


def logged(content: bytes, kind: int = 4 << 8, payload: int = 9) -> bytes:
    body = b"\x02\0\0\x07" + struct.pack("=HH", 4 + len(content), payload) + content + bytes(-len(content) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


NONE_LEFT = BlockingIOError(errno.EAGAIN, "none")


def packets(monkeypatch: pytest.MonkeyPatch, *answers: bytes | OSError, limit: int = 100) -> tuple[list[bytes], int]:
    """What is told, and how many answers were left."""
    there = kernel(monkeypatch, said(1), said(2), *answers)
    return list(PacketLog(7).packets(limit)), len(there.answers)


def test_all_packets_that_wait_are_told_and_what_else_comes_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    several = logged(b"abc") + logged(b"no", kind=4 << 8 | 1) + logged(b"no", payload=8) + logged(b"defgh")
    assert packets(monkeypatch, several, logged(b"i"), NONE_LEFT) == ([b"abc", b"defgh", b"i"], 0)


def test_no_more_is_read_once_there_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert packets(monkeypatch, logged(b"a") + logged(b"b"), logged(b"c"), limit=2) == ([b"a", b"b"], 1)
    assert packets(monkeypatch, logged(b"a"), limit=0) == ([], 1)
    assert packets(monkeypatch, logged(b"a"), logged(b"b"), NONE_LEFT, limit=2) == ([b"a", b"b"], 1)


def test_packets_that_were_lost_are_no_error_and_another_failure_is(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = OSError(errno.ENOBUFS, "No buffer space available")
    assert packets(monkeypatch, lost, logged(b"a"), NONE_LEFT) == ([b"a"], 0)
    with pytest.raises(OSError, match="Network is down"):
        packets(monkeypatch, OSError(errno.ENETDOWN, "Network is down"), NONE_LEFT)


def test_what_makes_no_sense_ends_what_came_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    short = struct.pack("=IHHII", 15, 4 << 8, 0, 0, 0)
    assert packets(monkeypatch, short + logged(b"a"), logged(b"b") + bytes(15), NONE_LEFT) == ([b"b"], 0)
    assert nflog._WHOLE == 0xFFFF
