"""`net.ping`: what comes in by a socket of any system, to events of the ping it belongs to."""

import asyncio
import errno
import selectors
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import pytest

from dualstack.core.address.address import Address
from dualstack.core.ping.plan import PingWishes
from dualstack.core.ping.probes import PingEvent, Pinging, Reply, Schedule, Trouble
from dualstack.core.ping.report import ErrorCount
from dualstack.errors import PingError
from dualstack.kernel.icmp_sockets import Message, QueuedError
from dualstack.net.ping import PingSession, _event_of, _Target
from dualstack.wire.icmp import EchoReply, EchoRequest, IcmpError, pack

HOST, ROUTER = Address("192.0.2.9"), Address("192.0.2.254")


@dataclass
class Socket:
    """A socket as far as it is asked here."""

    version: int = 4
    identifier: int = 7
    is_open: bool = False

    def __enter__(self) -> Self:
        self.is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False


@pytest.fixture
def target() -> _Target:
    pinging = Pinging(HOST, Schedule(size_bytes=8), identifier=7, token=b"ourtoken", now=0.0)
    pinging.sent(1, 0.0)
    return _Target(pinging, Socket())  # type: ignore[arg-type]


def message(content: bytes, *, source: Address = HOST, has_ip_header: bool = False) -> Message:
    return Message(content, source, 64, 0.5, has_ip_header)


def test_a_reply_behind_an_ip_header_is_read(target: _Target) -> None:
    header = bytes.fromhex("45000024000000004001 0000") + bytes(8)
    content = header + pack(4, EchoReply(target.pinging.echo(1)))
    assert _event_of(target, message(content, has_ip_header=True)) == Reply(HOST, 1, HOST, 0.5, 64, 8)
    assert _event_of(target, message(content[20:], has_ip_header=True)) is None


def test_an_error_that_comes_as_a_message_is_told_by_its_sender(target: _Target) -> None:
    error = IcmpError(4, 11, 0, HOST, target.pinging.echo(1))
    told = _event_of(target, message(pack(4, error), source=ROUTER))
    assert told == Trouble(HOST, 1, ROUTER, "time to live exceeded in transit")


def test_an_error_of_the_queue_is_told_by_its_sender(target: _Target) -> None:
    quoted = pack(4, EchoRequest(target.pinging.echo(1)))
    told = _event_of(target, QueuedError(quoted, HOST, ROUTER, 3, 4, 1300))
    assert told == Trouble(HOST, 1, ROUTER, "too big and not to be fragmented: at most 1300 bytes", 1300)


def test_a_failure_without_a_message_is_told_by_this_host(target: _Target) -> None:
    assert _event_of(target, OSError(100, "Network is down")) == Trouble(HOST, None, None, "Network is down")
    assert _event_of(target, OSError("no number")) == Trouble(HOST, None, None, "no number")


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(message(b""), id="nothing"),
        pytest.param(message(pack(4, IcmpError(4, 3, 1))), id="an error that quotes no probe"),
        pytest.param(QueuedError(b"", HOST, ROUTER, 3, 1, 0), id="a queued error without its probe"),
        pytest.param(QueuedError(b"", HOST, ROUTER, 99, 1, 0), id="a queued error that is none"),
    ],
)
def test_what_is_nobodys_is_no_event(target: _Target, item: Message | QueuedError) -> None:
    told: PingEvent | None = _event_of(target, item)
    assert told is None


def test_a_request_is_nobodys_reply(target: _Target) -> None:
    assert _event_of(target, message(pack(4, EchoRequest(target.pinging.echo(1))))) is None


def test_an_address_without_a_socket_is_told_and_the_others_are_asked() -> None:
    sock, told = Socket(), []

    def open_socket(target: Address, **_: object) -> Socket:
        if target.version == 6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return sock

    addresses = (Address("2001:db8::1"), HOST)
    with PingSession("h", addresses, PingWishes(), on_event=told.append, open_socket=open_socket) as session:  # type: ignore[arg-type]
        assert sock.is_open
        refused, asked = session.report().addresses
    assert not sock.is_open
    why = "Address family not supported by protocol"
    assert told == [Trouble(Address("2001:db8::1"), 1, None, why)]
    assert (refused.address, refused.sent, refused.errors) == (Address("2001:db8::1"), 0, (ErrorCount(None, why, 1),))
    assert (asked.address, asked.errors) == (HOST, ())


def test_where_no_address_has_a_socket_each_reason_is_told_and_no_event() -> None:
    told: list[PingEvent] = []

    def open_socket(target: Address, **_: object) -> Socket:
        raise OSError(errno.EAFNOSUPPORT if target.version == 6 else errno.EMFILE, f"not for {target}")

    addresses = (Address("2001:db8::1"), HOST)
    session = PingSession("h", addresses, PingWishes(), on_event=told.append, open_socket=open_socket)  # type: ignore[arg-type]
    with pytest.raises(PingError) as caught, session:
        pass
    assert str(caught.value) == "cannot ping h: 2001:db8::1: not for 2001:db8::1; 192.0.2.9: not for 192.0.2.9"
    assert (caught.value.errno, told) == (None, [])


class Stop(Exception):  # noqa: N818 - what a caller may raise
    pass


class Failing(Socket):
    """A socket that asyncio finds readable after each send, and that has failed then."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        super().__init__()
        self.ours, self.theirs = ours, theirs
        ours.setblocking(False)

    def fileno(self) -> int:
        return self.ours.fileno()

    def send(self, _message: bytes) -> None:
        asyncio.get_running_loop().call_soon(self.theirs.send, b"x")

    def receive(self) -> Iterator[OSError]:
        with suppress(BlockingIOError):
            self.ours.recv(1)
            yield OSError(errno.ENETDOWN, "Network is down")


def test_what_the_caller_raises_of_an_event_in_asyncio_reaches_the_caller() -> None:
    def stop(event: PingEvent) -> None:
        raise Stop(event)

    async def ping(sock: Failing) -> None:
        wishes = PingWishes(Schedule(count=1000, interval_s=600))
        with PingSession("h", [HOST], wishes, on_event=stop, open_socket=lambda *_, **__: sock) as session:  # type: ignore[arg-type,return-value]
            await session.run_async()

    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(Stop, match="Network is down"):
        asyncio.run(ping(Failing(ours, theirs)))


class Quiet(Socket):
    """A socket that sends and never hears anything."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self.fileno = sock.fileno

    def send(self, _message: bytes) -> None:
        pass

    def receive(self) -> Iterator[Message]:
        yield from ()


def test_no_wait_is_so_long_that_a_signal_right_before_it_goes_unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def select(_: selectors.BaseSelector, timeout: float) -> list[object]:
        waits.append(timeout)
        if len(waits) > 2:
            raise Stop
        return []

    monkeypatch.setattr(selectors.DefaultSelector, "select", select)
    wishes = PingWishes(Schedule(count=1000, interval_s=600, timeout_s=60))
    ours, theirs = socket.socketpair()
    session = PingSession("h", [HOST], wishes, open_socket=lambda *_, **__: Quiet(ours))  # type: ignore[arg-type,return-value]
    with ours, theirs, pytest.raises(Stop), session:
        session.run()
    assert max(waits) <= 1
