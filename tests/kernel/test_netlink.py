"""`kernel.netlink` and `kernel.zones`: what the kernel refuses, and what it says oddly."""

import errno
import os
import socket
import struct
import sys
from typing import Self

import pytest

from dualstack.core.address.address import Address
from dualstack.kernel import netlink
from dualstack.kernel.netlink import Notices
from dualstack.kernel.zones import scoped_address

GLOBAL, LINK_LOCAL = Address("2001:db8::1").packed, Address("fe80::1").packed


@pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux'")
@pytest.mark.parametrize(("protocol", "kind", "question"), [(0, 0x7FFE, b"\0" * 8), (4, 20, b"\0" * 56)])
def test_a_question_the_kernel_does_not_know_is_an_error(protocol: int, kind: int, question: bytes) -> None:
    with pytest.raises(OSError, match=r"\[Errno \d+\]"):
        netlink.dump(protocol, kind, question)


@pytest.mark.parametrize(
    ("packed", "found"),
    [
        (b"", {}),
        (struct.pack("=HHBxxxHH2s", 5, 1, 7, 6, 0x8002, b"ab"), {1: b"\x07", 2: b"ab"}),
        (struct.pack("=HH", 0, 1), {}),
        (struct.pack("=HHB", 200, 1, 7), {1: b"\x07"}),
    ],
)
def test_attributes_end_where_they_make_no_sense(packed: bytes, found: dict[int, bytes]) -> None:
    assert netlink.attributes(b"head" + packed, 4) == found


@pytest.mark.parametrize(
    ("packed", "scope_id", "text"),
    [
        (GLOBAL, 1, "2001:db8::1"),
        (LINK_LOCAL, 0, "fe80::1"),
        (LINK_LOCAL, 1, f"fe80::1%{socket.if_indextoname(1)}"),
        (LINK_LOCAL, 4000000000, "fe80::1%4000000000"),
        (b"\xa9\xfe\0\x01", 1, "169.254.0.1"),
    ],
)
def test_an_address_has_a_zone_where_it_needs_one(packed: bytes, scope_id: int, text: str) -> None:
    assert str(scoped_address(packed, scope_id)) == text


class Kernel:
    """A kernel that answers as it is told to: each dump with the next of these packets."""

    AF_NETLINK = SOCK_RAW = 0

    def __init__(self, *packets: bytes) -> None:
        self.packets = list(packets)
        self.asked: list[bytes] = []

    def socket(self, *_arguments: object) -> "Kernel":
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def bind(self, where: tuple[int, int]) -> None:
        assert where == (0, 0)

    def send(self, question: bytes) -> None:
        self.asked.append(question)

    def recv(self, _size: int) -> bytes:
        return self.packets.pop(0)


def message(kind: int, body: bytes = b"", flags: int = 0) -> bytes:
    padding = bytes(-len(body) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body + padding


NOTHING_WRONG, DONE, INTERRUPTED, REFUSED = bytes(4), 3, 0x10, 2


def told(monkeypatch: pytest.MonkeyPatch, *packets: bytes) -> Kernel:
    kernel = Kernel(*packets)
    monkeypatch.setattr(netlink, "socket", kernel)
    return kernel


def test_a_dump_is_all_that_comes_until_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = told(
        monkeypatch, message(22, b"a") + message(22, b"bcd"), message(22, b"e") + message(DONE, NOTHING_WRONG)
    )
    assert netlink.dump(0, 22, b"question") == [b"a", b"bcd", b"e"]
    (asked,) = kernel.asked
    assert asked == struct.pack("=IHHII", 24, 22, 0x301, 1, 0) + b"question"


def test_a_dump_that_changed_meanwhile_is_asked_for_again_three_times_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = [message(22, b"%d" % n, INTERRUPTED) + message(DONE, NOTHING_WRONG) for n in range(3)]
    told(monkeypatch, changed[0], message(22, b"whole") + message(DONE, NOTHING_WRONG), b"no more")
    assert netlink.dump(0, 22, b"") == [b"whole"]
    kernel = told(monkeypatch, *changed)
    assert netlink.dump(0, 22, b"") == [b"2"]
    assert kernel.packets == []


def test_a_change_told_before_the_end_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    first = message(22, b"a", INTERRUPTED) + message(22, b"b") + message(DONE, NOTHING_WRONG)
    told(monkeypatch, first, message(DONE, NOTHING_WRONG))
    assert netlink.dump(0, 22, b"") == []


@pytest.mark.parametrize("kind", [REFUSED, DONE])
def test_a_dump_that_the_kernel_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    told(monkeypatch, message(kind, struct.pack("=i", -errno.EPERM)))
    with pytest.raises(PermissionError):
        netlink.dump(0, 22, b"")


def test_one_answer_is_the_first_and_a_refusal_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = told(monkeypatch, message(24, b"answer") + message(24, b"other"))
    assert netlink.ask(0, 26, b"q") == b"answer"
    assert kernel.asked == [struct.pack("=IHHII", 17, 26, 1, 1, 0) + b"q"]
    told(monkeypatch, message(REFUSED, struct.pack("=i", -errno.ENETUNREACH)))
    with pytest.raises(OSError, match="unreachable"):
        netlink.ask(0, 26, b"q")
    told(monkeypatch, b"")
    assert netlink.ask(0, 26, b"q") == b""


def test_a_message_shorter_than_its_head_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = struct.pack("=IHHII", 0, 22, 0, 1, 0)
    told(monkeypatch, odd + message(22, b"a") + message(DONE, NOTHING_WRONG))
    assert netlink.dump(0, 22, b"") == [b"", b"a"]


class Noticed:
    """A netlink socket of which each read fails so."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)

    def bind(self, _where: tuple[int, int]) -> None:
        pass

    def recv(self, _size: int) -> bytes:
        number = self.numbers.pop(0)
        if number:
            raise OSError(number, os.strerror(number))
        return b"news"

    def close(self) -> None:
        self.numbers.clear()


@pytest.mark.parametrize("number", [errno.ENETDOWN, errno.ETIMEDOUT])
def test_all_news_is_taken_what_was_lost_is_news_too_and_another_failure_is_one(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Noticed(0, errno.ENOBUFS, 0, errno.EAGAIN, 0, number)
    monkeypatch.setattr(netlink.socket, "socket", lambda *_: there)
    with Notices.of_interfaces() as notices:
        notices.drain()
        assert there.numbers == [0, number]
        with pytest.raises(OSError, match=os.strerror(number)):
            notices.drain()


def test_news_is_of_what_was_asked_for() -> None:
    with Notices.of_addresses() as addresses, Notices.of_interfaces() as interfaces:
        for notices, groups in ((addresses, 0x110), (interfaces, 0x111)):
            assert not os.get_blocking(notices.fileno())
            with socket.socket(fileno=os.dup(notices.fileno())) as sock:
                assert sock.getsockname()[1] == groups
