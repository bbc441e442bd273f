"""Ping: ICMP and ICMPv6 echo to every address of a name, all at the same time (N4).

`core.pinging` decides when a probe goes out and whose a reply is; `wire.icmp` reads and writes the messages;
`kernel.icmp_sockets` opens a socket for each address, a datagram one that needs no right where the system has it. What
is here moves bytes between them, blocking or in asyncio. Every socket is closed however it ends.
"""

import errno
import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

from dualstack.core.address.address import Address, AddressLike
from dualstack.core.ping.plan import PingPlan, PingWishes, plan_ping
from dualstack.core.ping.probes import PingEvent, Pinging, Schedule
from dualstack.core.ping.report import PingReport
from dualstack.errors import PingError
from dualstack.kernel.facts import read_facts
from dualstack.kernel.icmp_sockets import EchoSocket, Message, QueuedError, open_echo_socket
from dualstack.net.names.getaddrinfo import resolve, resolve_async
from dualstack.net.ping_ways import ping_ways, ping_ways_async
from dualstack.wire import icmp

__all__ = ["OnEvent", "PingSession", "ping", "ping_async"]

OnEvent: TypeAlias = Callable[[PingEvent], object]

_TOKEN_BYTES = 8
# A signal that comes right before the wait begins is heard after it (Ctrl-C; signal(7)).
_LONGEST_WAIT_S = 1.0


def ping(
    host: str,
    *,
    count: int = 4,
    interval_s: float = 1.0,
    timeout_s: float = 2.0,
    size_bytes: int = 56,
    family: int = 0,
    interface: str | None = None,
    source: "AddressLike | None" = None,
    hop_limit: int | None = None,
    lookup_timeout_s: float = 5.0,
    on_event: OnEvent | None = None,
) -> PingReport:
    """Ask every address of a host for an echo, all at the same time, and say what came of each.

    Where this host has no way to an IPv4 address, it is asked through the network's translator, as `connect` does.

    Args:
        host: a name, or an address, with its zone where it needs one: `fe80::1%eth0`, `ff02::1%eth0`.
        count: probes to each address.
        interval_s: seconds from one to the next, 0.01 or more.
        timeout_s: seconds that each may take.
        size_bytes: of the payload, 0 to 65507; from 8 on it holds a token that no other ping has.
        family: 4 or 6 for the addresses of one, 0 for both.
        interface: the name or number of the interface to go out by; the zone of addresses that need one.
        source: the address of this host to ask from; addresses of the other family are left out.
        hop_limit: 1 to 255, or None for the system's.
        lookup_timeout_s: seconds to wait for the addresses of a name.
        on_event: called with each reply, error and loss as it happens.

    Raises:
        LookupFailed: no such name, or no address in time.
        AddressError, ConfigError: a value that cannot be meant.
        PingError: no address can be asked: no right to ICMP sockets (with the remedy), no such family here.

    >>> from dualstack import ping
    >>> report = ping("::1", count=1)  # doctest: +SKIP
    >>> report.addresses[0].received, report.addresses[0].times.avg_s < 0.01  # doctest: +SKIP
    (1, True)
    """
    schedule = Schedule(count, interval_s, timeout_s, size_bytes)
    wishes = _wishes(schedule, family, interface, source, hop_limit)
    addresses = resolve(host, timeout=lookup_timeout_s, family=family)
    ways = ping_ways(addresses, wishes, timeout_s=lookup_timeout_s)
    with PingSession(host, ways.addresses, wishes, on_event=on_event) as session:
        session.run()
        return session.report()


async def ping_async(
    host: str,
    *,
    count: int = 4,
    interval_s: float = 1.0,
    timeout_s: float = 2.0,
    size_bytes: int = 56,
    family: int = 0,
    interface: str | None = None,
    source: "AddressLike | None" = None,
    hop_limit: int | None = None,
    lookup_timeout_s: float = 5.0,
    on_event: OnEvent | None = None,
) -> PingReport:
    """`ping` for asyncio; needs a loop that watches descriptors (`add_reader`)."""
    schedule = Schedule(count, interval_s, timeout_s, size_bytes)
    wishes = _wishes(schedule, family, interface, source, hop_limit)
    addresses = await resolve_async(host, timeout=lookup_timeout_s, family=family)
    ways = await ping_ways_async(addresses, wishes, timeout_s=lookup_timeout_s)
    with PingSession(host, ways.addresses, wishes, on_event=on_event) as session:
        await session.run_async()
        return session.report()


def _wishes(
    schedule: Schedule, family: int, interface: str | None, source: "AddressLike | None", hop_limit: int | None
) -> PingWishes:
    own = None if source is None else Address(source).canonical
    return PingWishes(schedule, family, interface, own, hop_limit)


@dataclass(frozen=True, slots=True)
class _Target:
    pinging: Pinging
    sock: EchoSocket


class PingSession:
    """A ping that can be broken off, and asked what has come of it so far; the block's end closes its sockets.

    Args:
        host: what the addresses are of, for people.
        addresses: who is asked.
        wishes: how.
        on_event: called with each reply, error and loss as it happens.
        open_socket: opens a socket for an address.
    """

    def __init__(
        self,
        host: str,
        addresses: Iterable[Address],
        wishes: PingWishes,
        *,
        on_event: OnEvent | None = None,
        open_socket: Callable[..., EchoSocket] = open_echo_socket,
    ) -> None:
        self._host = host
        self._open_socket = open_socket
        self._plan = plan_ping(host, addresses, wishes, read_facts())
        self._tell = on_event or (lambda _event: None)
        self._stack = ExitStack()
        self._started_s = time.monotonic()
        self._pingings: dict[Address, Pinging] = {}
        self._targets: list[_Target] = []

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            refusals: list[tuple[Address, OSError]] = []
            for target in self._plan.targets:
                try:
                    self._open(target, undo)
                except OSError as error:
                    refusals.append((target, error))
            if not self._targets:
                raise PingError(self._host, tuple((str(address), refusal) for address, refusal in refusals))
            for address, refusal in refusals:
                self._give_up(address, refusal)
            self._stack = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def plan(self) -> PingPlan:
        """Who is asked, by which interface."""
        return self._plan

    def report(self) -> PingReport:
        """What has come of it so far."""
        reports = tuple(self._pingings[target].report() for target in self._plan.targets)
        return PingReport(self._host, reports, time.monotonic() - self._started_s)

    def run(self) -> None:
        """Ask until all have answered or their time is up."""
        import selectors

        with selectors.DefaultSelector() as selector:
            for target in self._targets:
                selector.register(target.sock, selectors.EVENT_READ, target)
            while (wake_s := self._advance()) is not None:
                for key, _ in selector.select(min(max(0.0, wake_s - time.monotonic()), _LONGEST_WAIT_S)):
                    self._take(key.data)

    async def run_async(self) -> None:
        """`run` for asyncio."""
        import asyncio

        loop = asyncio.get_running_loop()
        woken = asyncio.Event()

        ready: dict[int, _Target] = {}

        def wake(target: _Target) -> None:
            # Read it later: what the caller's `on_event` raises is to reach the caller, and not the loop.
            ready[target.sock.fileno()] = target
            woken.set()

        with ExitStack() as undo:
            for target in self._targets:
                loop.add_reader(target.sock, wake, target)
                undo.callback(loop.remove_reader, target.sock)
            while (wake_s := self._advance()) is not None:
                woken.clear()
                timer = loop.call_later(max(0.0, wake_s - time.monotonic()), woken.set)
                try:
                    await woken.wait()
                finally:
                    timer.cancel()
                while ready:
                    self._take(ready.popitem()[1])

    def _open(self, target: Address, undo: ExitStack) -> None:
        wishes, interface = self._plan.wishes, self._plan.interface
        sock = undo.enter_context(
            self._open_socket(target, interface=interface, source=wishes.source, hop_limit=wishes.hop_limit)
        )
        pinging = self._pinging(target, sock.identifier)
        self._targets.append(_Target(pinging, sock))

    def _give_up(self, address: Address, error: OSError) -> None:
        """One that has no socket, where others have: its first probe is refused, and with it all."""
        pinging = self._pinging(address, 0)
        number = pinging.due(time.monotonic())
        if number is not None:
            self._tell(pinging.refused(number, error.strerror or str(error), error.errno))

    def _pinging(self, target: Address, identifier: int) -> Pinging:
        token, now = os.urandom(_TOKEN_BYTES), time.monotonic()
        pinging = Pinging(target, self._plan.wishes.schedule, identifier=identifier, token=token, now=now)
        self._pingings[target] = pinging
        return pinging

    def _advance(self) -> float | None:
        """Send what is due and tell what is lost; when to come back, None where all is over."""
        now = time.monotonic()
        for target in self._targets:
            for lost in target.pinging.expired(now):
                self._tell(lost)
            self._send(target, target.pinging.due(now))
        if all(target.pinging.is_over for target in self._targets):
            return None
        return min(target.pinging.wake_s for target in self._targets)

    def _send(self, target: _Target, number: int | None) -> None:
        if number is None:
            return
        message = icmp.pack(target.sock.version, icmp.EchoRequest(target.pinging.echo(number)))
        now = time.monotonic()
        try:
            target.sock.send(message)
        except OSError as error:
            self._tell(target.pinging.refused(number, _reason(error), error.errno))
        else:
            target.pinging.sent(number, now)
        # Errors of earlier probes may have been read on the way, and will wake nobody.
        self._take(target)

    def _take(self, target: _Target) -> None:
        for item in target.sock.receive():
            event = _event_of(target, item)
            if event is not None:
                self._tell(event)


def _event_of(target: _Target, item: Message | QueuedError | OSError) -> PingEvent | None:
    match item:
        case Message():
            return _event_of_message(target, item)
        case QueuedError():
            return _event_of_error(target.pinging, _queued(target.sock.version, item), item.reporter)
        case OSError():
            return target.pinging.trouble(None, destination=None, reporter=None, why=_reason(item))


def _event_of_message(target: _Target, message: Message) -> PingEvent | None:
    content = icmp.payload_of_ipv4(message.content) if message.has_ip_header else message.content
    event = None if content is None else icmp.read(target.sock.version, content)
    match event:
        case icmp.EchoReply(echo):
            return target.pinging.reply(echo, message.source, hop_limit=message.hop_limit, now=message.at_s)
        case icmp.IcmpError():
            return _event_of_error(target.pinging, event, message.source)
        case _:
            return None


def _event_of_error(pinging: Pinging, error: icmp.IcmpError | None, reporter: Address | None) -> PingEvent | None:
    """What an error is of ours; one that quotes no probe at all is another's."""
    if error is None or error.quoted is None:
        return None
    return pinging.trouble(error.quoted, destination=error.destination, reporter=reporter, why=error.why, mtu=error.mtu)


def _queued(version: int, item: QueuedError) -> icmp.IcmpError | None:
    quoted = icmp.read_echo(version, item.content)
    return icmp.error_of(version, item.type, item.code, item.number, destination=item.destination, quoted=quoted)


# What the kernel's words leave open.
_REASONS = {
    errno.EACCES: "Permission denied: a broadcast address, or a rule of this host against it",
    errno.EPERM: "Operation not permitted: a rule of this host's packet filter",
}


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)
