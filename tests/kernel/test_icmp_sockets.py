"""`kernel.icmp_sockets` apart from a network: filters, stamps, and what a socket of any system hands over."""

import errno
import itertools
import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.errors import AddressError
from dualstack.kernel import icmp_sockets
from dualstack.kernel.icmp_sockets import EchoSocket, Message, QueuedError, open_echo_socket

Received = tuple[bytes, Sequence[tuple[int, int, bytes]], int, tuple[object, ...]]

NONE_LEFT = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
UNREACHABLE = OSError(errno.EHOSTUNREACH, "No route to host")
NS = 1_000_000_000
# The two clocks are read one after the other, and the one of the day may be slewed in between.
SLEW_S = 0.001


class Says:
    """A socket that hands over what it is given.

    Args:
        messages: what waits, or what reading it fails with.
        queued: the errors that wait.
        sends: what each send fails with; None for those that go well.
        behind: an error that each failure puts in the queue.
    """

    def __init__(
        self,
        messages: Sequence[Received | OSError] = (),
        queued: Sequence[Received] = (),
        sends: Sequence[OSError | None] = (),
        behind: Received | None = None,
    ) -> None:
        self.messages, self.queued, self.sends = list(messages), list(queued), list(sends)
        self.behind = behind
        self.sent: list[tuple[bytes, object]] = []

    def getsockname(self) -> tuple[str, int]:
        return "0.0.0.0", 77

    def recvmsg(self, _size: int, _control: int, flags: int = 0) -> Received:
        waiting = self.queued if flags else self.messages
        if not waiting:
            raise NONE_LEFT
        first = waiting.pop(0)
        if isinstance(first, OSError):
            raise self._failed(first)
        return first

    def sendto(self, message: bytes, target: object) -> None:
        failure = self.sends.pop(0) if self.sends else None
        if failure is not None:
            raise self._failed(failure)
        self.sent.append((message, target))

    def _failed(self, error: OSError) -> OSError:
        self.queued += [] if self.behind is None else [self.behind]
        return error


class Plain:
    """A socket of a system without recvmsg."""

    def __init__(self, *waiting: tuple[bytes, tuple[object, ...]]) -> None:
        self.waiting = list(waiting)

    def recvfrom(self, _size: int) -> tuple[bytes, tuple[object, ...]]:
        if not self.waiting:
            raise NONE_LEFT
        return self.waiting.pop(0)


def echo_socket(
    says: Says | Plain, target: str = "192.0.2.1", *, is_raw: bool = False, is_linux: bool = True
) -> EchoSocket:
    return EchoSocket(says, SocketAddress(Address(target), 0), is_raw=is_raw, is_linux=is_linux)  # type: ignore[arg-type]


def queued(origin: int, kind: int, code: int, number: int, offender: bytes = b"") -> Received:
    error = struct.pack("=IBBBBII", errno.EHOSTUNREACH, origin, kind, code, 0, number, 0)
    return b"\x08\0request", [(socket.IPPROTO_IP, 11, error + offender)], 0, ("192.0.2.1", 0)


ROUTER = SocketAddress(Address("192.0.2.254"), 0).pack()
OURS = QueuedError(b"\x08\0request", Address("192.0.2.1"), Address("192.0.2.254"), 3, 4, 1300)

linux = pytest.mark.skipif(not icmp_sockets._IS_LINUX, reason="Linux' error queue")


def test_linux_filter_keeps_out_all_but_replies_and_the_bsds_lets_replies_and_errors_in() -> None:
    """RFC 3542 section 3.2: 256 bits, one for each type."""
    option, bits = icmp_sockets._icmp6_filter(is_linux=True)
    words = struct.unpack("=8I", bits)
    assert option == 1
    assert [kind for kind in range(256) if not words[kind >> 5] >> (kind & 31) & 1] == [129]
    option, bits = icmp_sockets._icmp6_filter(is_linux=False)
    words = struct.unpack("=8I", bits)
    assert option == 18
    assert [kind for kind in range(256) if words[kind >> 5] >> (kind & 31) & 1] == [1, 2, 3, 4, 129]


@linux
def test_a_queued_error_has_its_sender_and_its_numbers() -> None:
    assert list(echo_socket(Says(queued=[queued(2, 3, 4, 1300, ROUTER)])).receive()) == [OURS]


@linux
def test_a_queued_error_of_nobody_has_no_sender() -> None:
    (found,) = echo_socket(Says(queued=[queued(2, 3, 1, 0, bytes(16))])).receive()
    assert isinstance(found, QueuedError)
    assert found.reporter is None


@linux
def test_the_kernels_own_errors_are_left_to_the_call_that_failed() -> None:
    assert list(echo_socket(Says(queued=[queued(1, 0, 0, 1500)])).receive()) == []


@linux
def test_a_failure_whose_reason_is_queued_is_told_once() -> None:
    says = Says(messages=[UNREACHABLE], behind=queued(2, 3, 4, 1300, ROUTER))
    assert list(echo_socket(says).receive()) == [OURS]


def test_a_failure_without_a_reason_is_told_as_it_is_and_once_a_call_where_it_lasts() -> None:
    down = OSError(errno.ENETDOWN, "Network is down")
    sock = echo_socket(Says(messages=[down] * 2))
    assert [list(sock.receive()) for _ in range(3)] == [[down], [down], []]


@linux
def test_a_send_that_fails_for_an_earlier_probe_is_made_again_and_the_error_kept() -> None:
    says = Says(sends=[UNREACHABLE], behind=queued(2, 3, 4, 1300, ROUTER))
    sock = echo_socket(says)
    sock.send(b"probe")
    assert says.sent == [(b"probe", ("192.0.2.1", 0))]
    assert list(sock.receive()) == [OURS]
    assert list(sock.receive()) == []


@linux
def test_a_send_is_not_made_again_for_ever() -> None:
    says = Says(sends=[UNREACHABLE] * 9, behind=queued(2, 3, 4, 1300, ROUTER))
    with pytest.raises(OSError, match="No route to host"):
        echo_socket(says).send(b"probe")
    assert (len(says.sends), says.sent) == (5, [])


def test_a_send_that_fails_for_its_own_reason_fails() -> None:
    too_long = OSError(errno.EMSGSIZE, "Message too long")
    with pytest.raises(OSError, match="Message too long"):
        echo_socket(Says(sends=[too_long])).send(b"probe")


def test_a_system_without_ancillary_data_tells_no_hop_limit() -> None:
    says = Plain((b"reply", ("fe80::1", 0, 0, 0)))
    (message,) = echo_socket(says, "2001:db8::1", is_raw=True, is_linux=False).receive()
    assert isinstance(message, Message)
    assert (message.source, message.hop_limit, message.has_ip_header) == (Address("fe80::1"), None, False)


@pytest.mark.parametrize(
    ("target", "is_raw", "is_linux", "has_ip_header", "identifier"),
    [
        ("192.0.2.1", False, True, False, 77),
        ("192.0.2.1", True, True, True, None),
        ("192.0.2.1", False, False, True, None),
        ("2001:db8::1", False, True, False, 77),
        ("2001:db8::1", True, True, False, None),
    ],
)
def test_who_chooses_the_identifier_and_whether_there_is_an_ip_header(
    target: str,
    *,
    is_raw: bool,
    is_linux: bool,
    has_ip_header: bool,
    identifier: int | None,
) -> None:
    sock = echo_socket(Says(messages=[(b"", [], 0, (target, 0))]), target, is_raw=is_raw, is_linux=is_linux)
    (message,) = sock.receive()
    assert isinstance(message, Message)
    assert message.has_ip_header == has_ip_header
    assert sock.identifier == identifier or (identifier is None and 0 <= sock.identifier <= 65535)


@linux
def test_the_kernels_stamp_says_when_it_was_and_one_that_cannot_be_is_passed_over() -> None:
    def is_told(stamp_age_s: float, age_s: float) -> bool:
        """Whether a message stamped so long ago is told as that old, be this process held up wherever it is."""
        before = time.monotonic()
        seconds, nanoseconds = divmod(time.time_ns() - int(stamp_age_s * NS), NS)
        ancillary = [(socket.SOL_SOCKET, 64, struct.pack("=qq", seconds, nanoseconds))]
        received_s = icmp_sockets._received_s(ancillary)
        return before - SLEW_S <= received_s + age_s <= time.monotonic() + SLEW_S

    assert is_told(5.0, 5.0)
    # Somebody has set the clock meanwhile.
    assert is_told(-3600.0, 0.0)
    assert is_told(3600.0, 0.0)


def test_a_zone_that_is_no_interface_opens_nothing() -> None:
    with pytest.raises(AddressError, match="there is no interface nope0 here"):
        open_echo_socket(Address("fe80::1%nope0"))


def opened_sockets() -> Iterator[tuple[int, bool]]:
    """The versions and kinds that may be had here."""
    for version, raw in itertools.product((4, 6), (False, True)):
        with suppress(OSError), open_echo_socket(LOOPBACKS[version], raw=raw):
            yield version, raw


LOOPBACKS = {4: Address("127.0.0.1"), 6: Address("::1")}
OPENED = list(opened_sockets())
each = pytest.mark.parametrize(("version", "raw"), OPENED)


@contextmanager
def asked(opened: EchoSocket) -> Iterator[socket.socket]:
    """The kernel, about this socket."""
    with socket.socket(fileno=os.dup(opened.fileno())) as same:
        yield same


@linux
@each
def test_a_socket_is_of_its_kind_and_tells_errors_times_and_hop_limits(version: int, *, raw: bool) -> None:
    with open_echo_socket(LOOPBACKS[version], raw=raw) as opened, asked(opened) as sock:
        assert (opened.version, opened.is_raw) == (version, raw)
        assert sock.type == (socket.SOCK_RAW if raw else socket.SOCK_DGRAM)
        assert not os.get_blocking(opened.fileno())
        assert raw or opened.identifier == sock.getsockname()[1]
        assert sock.getsockopt(socket.SOL_SOCKET, 64) == 1
        told = {4: [(0, 11), (0, 12)], 6: [(41, 25), (41, 51)]}
        assert [sock.getsockopt(*option) for option in told[version]] == [1, 1]


@linux
@each
def test_a_raw_socket_lets_replies_alone_in(version: int, *, raw: bool) -> None:
    with open_echo_socket(LOOPBACKS[version], raw=raw) as opened, asked(opened) as sock:
        if not raw:
            return
        level, size, replies = {4: (255, 4, 0), 6: (58, 32, 129)}[version]
        bits = sock.getsockopt(level, 1, size)
        words = struct.unpack(f"={size // 4}I", bits)
        assert [kind for kind in range(size * 8) if not words[kind >> 5] >> (kind & 31) & 1] == [replies]


@linux
@each
def test_how_far_and_by_which_interface_is_as_asked(version: int, *, raw: bool) -> None:
    unicast, multicast = {4: ((0, 2), (0, 33)), 6: ((41, 16), (41, 18))}[version]

    def limits(target: Address, hop_limit: int | None) -> tuple[int, int]:
        with open_echo_socket(target, raw=raw, hop_limit=hop_limit) as opened, asked(opened) as sock:
            return sock.getsockopt(*unicast), sock.getsockopt(*multicast)

    usual = limits(LOOPBACKS[version], None)
    assert limits(LOOPBACKS[version], 7) == (7, usual[1])
    group = Address("224.0.0.1" if version == 4 else "ff0e::1")
    assert limits(group, 7) == (usual[0], 7)
    with open_echo_socket(LOOPBACKS[version], raw=raw, interface=1) as opened, asked(opened) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0") == b"lo"
    with open_echo_socket(LOOPBACKS[version], raw=raw) as opened, asked(opened) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16) == b""


@linux
@each
def test_a_source_is_bound_and_one_that_is_not_ours_is_said(version: int, *, raw: bool) -> None:
    with open_echo_socket(LOOPBACKS[version], raw=raw, source=LOOPBACKS[version]) as opened, asked(opened) as sock:
        assert Address(sock.getsockname()[0]) == LOOPBACKS[version]
    other = Address("192.0.2.77" if version == 4 else "2001:db8::77")
    with pytest.raises(OSError, match=f"^\\[Errno 99\\] no interface of this host has {other} to ask from$"):
        open_echo_socket(LOOPBACKS[version], raw=raw, source=other)


class Refused:
    """Sockets that cannot be had."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)
        self.asked: list[int] = []

    def __call__(self, _family: int, kind: int, _protocol: int) -> socket.socket:
        self.asked.append(kind)
        raise OSError(self.numbers.pop(0), "so")


@linux
@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_without_a_right_the_remedy_is_said_after_both_kinds_were_tried(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Refused(errno.EPROTONOSUPPORT, number)
    monkeypatch.setattr(icmp_sockets.socket, "socket", refused)
    with pytest.raises(PermissionError, match="ping_group_range"):
        open_echo_socket(LOOPBACKS[4])
    assert refused.asked == [socket.SOCK_DGRAM, socket.SOCK_RAW]


@linux
@pytest.mark.parametrize(("raw", "kind"), [(False, socket.SOCK_DGRAM), (True, socket.SOCK_RAW)])
def test_a_kind_that_is_asked_for_is_the_only_one_tried(
    kind: int, monkeypatch: pytest.MonkeyPatch, *, raw: bool
) -> None:
    refused = Refused(errno.EMFILE)
    monkeypatch.setattr(icmp_sockets.socket, "socket", refused)
    with pytest.raises(OSError, match=r"^\[Errno 24\] so$"):
        open_echo_socket(LOOPBACKS[4], raw=raw)
    assert refused.asked == [kind]


def test_a_closed_one_is_closed_and_again_is_no_error() -> None:
    if not OPENED:
        pytest.skip("no right to ICMP sockets")
    version, raw = OPENED[0]
    with open_echo_socket(LOOPBACKS[version], raw=raw) as opened:
        number = opened.fileno()
    assert opened.fileno() == -1
    opened.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(number)


@pytest.mark.parametrize(
    ("ancillary", "limit"),
    [
        ([(socket.IPPROTO_IP, 2, struct.pack("=i", 61))], 61),
        ([(41, 52, struct.pack("=i", 62))], 62),
        ([(41, 2, struct.pack("=i", 9)), (0, 52, struct.pack("=i", 9)), (41, 52, struct.pack("=i", 63))], 63),
        ([(socket.SOL_SOCKET, 2, struct.pack("=i", 9))], None),
    ],
)
def test_a_message_has_the_hop_limit_that_the_kernel_says(
    ancillary: list[tuple[int, int, bytes]], limit: int | None
) -> None:
    (message,) = echo_socket(Says(messages=[(b"", ancillary, 0, ("192.0.2.1", 0))])).receive()
    assert isinstance(message, Message)
    assert message.hop_limit == limit


def test_a_link_local_source_has_its_zone() -> None:
    (message,) = echo_socket(Says(messages=[(b"", [], 0, ("fe80::1", 0, 0, 1))]), "2001:db8::1").receive()
    assert isinstance(message, Message)
    assert message.source == Address("fe80::1%lo")
