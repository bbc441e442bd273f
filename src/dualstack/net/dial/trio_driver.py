"""Connections for trio, raced: `trio.open_tcp_stream` by the same machine. Needs trio, and nothing else here does.

The race is `core.race`'s; a task waits for each attempt, and lookups run in the daemon threads of `net.pool`, since a
thread of trio's own would be waited for. Cancelled at any point it leaves nothing open.
"""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf
from socket import socket as _socket
from time import monotonic
from typing import NoReturn

import trio

from dualstack.core.dial.actions import Action, Ask, Attempt, Start, Stop
from dualstack.core.dial.egress import Outlet, SocketOption
from dualstack.core.dial.resolution import Answer, Lookup
from dualstack.errors import AddressError
from dualstack.kernel.attempts import begin, failure_of
from dualstack.kernel.streams import error_of
from dualstack.net.dial.address_lookup import check_still
from dualstack.net.dial.one_address import raise_of
from dualstack.net.dial.policy import DEFAULT_POLICY, DialPolicy, OnStep, narrowed
from dualstack.net.dial.prepare import PreparedRace, files_for, prepare
from dualstack.net.dial.source import LocalEnd, SourceAddress, local_end, read_source
from dualstack.net.dial.target import HostLike, PortLike, read_target
from dualstack.net.names.thread_pool import POOL, Failure, Job, Outcome, Value

__all__ = ["open_tcp_stream"]


async def open_tcp_stream(
    host: HostLike,
    port: PortLike,
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - it counts in the threads of the lookups too
    source_address: SourceAddress | None = None,
    family: int = 0,
    socket_options: Iterable[SocketOption] = (),
    dialer: DialPolicy | None = None,
    on_step: OnStep | None = None,
) -> trio.SocketStream:
    """Connect to a host of whichever family, over every address it has.

    Args:
        host: a name or an address; nothing, or None, is this host's loopback.
        port: a number or a service's name.
        timeout: seconds for all of it, lookups included.
        source_address: `(host, port)` to bind before; a name of this host too.
        family: 4 or 6 for one alone, or one of `socket`'s.
        socket_options: arguments of `setsockopt`, for each socket before it is connected.
        dialer: the policy; the default one shares its history with all who name none.
        on_step: told of each step as it happens.

    Raises:
        DialError: no address could be connected to.
        LookupFailed: the name has no address, or nobody says.
        TargetError: host or port can be none, or the source can be none.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    target = read_target(host, port)
    policy = dialer or DEFAULT_POLICY
    began = monotonic()
    end = replace(await _local_end(source_address, timeout), options=tuple(socket_options))
    files = files_for(target, policy)
    if files is not None and not files.is_fresh:
        await trio.to_thread.run_sync(files.look, abandon_on_cancel=True)
    outlet = narrowed(policy.outlet, family, end)
    prepared = prepare(target, outlet, policy, began, limit_s=inf if timeout is None else timeout, on_step=on_step)
    sock = await _Dial(prepared, target.port, outlet).run()
    try:
        return trio.SocketStream(trio.socket.from_stdlib_socket(sock))
    except BaseException:
        sock.close()
        raise


async def _local_end(source: SourceAddress | None, limit_s: float | None) -> LocalEnd:
    """A name is looked up in a thread, which is left to itself where nobody waits any more."""
    read = read_source(source)
    if isinstance(read, LocalEnd):
        return read
    return await trio.to_thread.run_sync(partial(local_end, source, timeout=limit_s), abandon_on_cancel=True)


class _Dial:
    """One race, driven by trio.

    Args:
        prepared: the race and its questions.
        port: where to.
        outlet: what sockets are bound to.
    """

    def __init__(self, prepared: PreparedRace, port: int, outlet: Outlet) -> None:
        self._prepared = prepared
        self._race = prepared.race
        self._port = port
        self._outlet = outlet
        self._token = trio.lowlevel.current_trio_token()
        self._sockets: dict[int, _socket] = {}
        self._jobs: list[Job[Answer]] = []
        self._changed = trio.Event()
        self._broken: BaseException | None = None

    async def run(self) -> _socket:
        """The connected socket.

        Raises:
            DialError, LookupFailed: there is none.
        """
        race = self._race
        try:
            async with trio.open_nursery() as self._nursery:
                await self._race_on()
                self._nursery.cancel_scope.cancel()
            # What is raised in a nursery comes out of it as a group.
            if self._broken is not None:
                self._raise_broken()
            if race.error is not None:
                raise_of(race)
            assert race.winner is not None  # noqa: S101 - what is over without an error has a winner
            return self._sockets.pop(race.winner.number)
        finally:
            for number in list(self._sockets):
                self._let_go(number)

    def _raise_broken(self) -> NoReturn:
        error, self._broken = self._broken, None
        assert error is not None  # noqa: S101 - it is asked for then
        try:
            raise error
        finally:
            del error

    async def _race_on(self) -> None:
        try:
            for lookup, answer in self._prepared.known:
                self._tell(self._race.answered, lookup, answer)
            for lookup in self._prepared.lookups:
                self._ask(lookup)
            while not self._race.is_over and self._broken is None:
                await self._wait()
        finally:
            # From here on nothing starts, whatever comes while the nursery ends.
            for job in self._jobs:
                POOL.drop(job)
            self._race.cancel(monotonic())

    async def _wait(self) -> None:
        left_s = self._race.wake_at - monotonic()
        with trio.move_on_after(max(left_s, 0.0)) if left_s < inf else trio.CancelScope() as limit:
            await self._changed.wait()
        self._changed = trio.Event()
        if limit.cancelled_caught:
            self._tell(self._race.tick)

    def _ask(self, lookup: Lookup) -> None:
        self._jobs.append(
            POOL.put(partial(self._prepared.find, lookup), partial(self._deliver, lookup), self._prepared.asker)
        )

    def _deliver(self, lookup: Lookup, outcome: Outcome[Answer]) -> None:
        """In a thread of the pool: hand the answer to trio."""
        with suppress(trio.RunFinishedError):  # too late
            self._token.run_sync_soon(self._answered, lookup, outcome)

    def _answered(self, lookup: Lookup, outcome: Outcome[Answer]) -> None:
        match outcome:
            case Value(answer):
                self._tell(self._race.answered, lookup, answer)
            case Failure(error):
                self._broken = error
        self._changed.set()

    async def _watch(self, number: int, sock: _socket) -> None:
        if number not in self._sockets:  # let go of before this task came to run
            return
        with suppress(trio.ClosedResourceError):  # let go of meanwhile
            await trio.lowlevel.wait_writable(sock)
            error = error_of(sock)
            if error:
                self._let_go(number)
                self._tell(self._race.failed, number, *failure_of(error))
            else:
                self._tell(self._race.connected, number)
            self._changed.set()

    def _tell(self, event: Callable[..., list[Action]], *facts: object) -> None:
        """Tell the race what has happened, and do what it says; what a listener of steps raises is the caller's."""
        try:
            self._do(event(*facts, monotonic()))
        except Exception as error:  # noqa: BLE001 - it is raised when the nursery is over
            self._broken = error

    def _do(self, actions: list[Action]) -> None:
        todo = deque(actions)
        while todo:
            match todo.popleft():
                case Start(attempt):
                    todo.extend(self._start(attempt))
                case Stop(number):
                    self._let_go(number)
                case Ask(lookup):
                    self._ask(lookup)

    def _start(self, attempt: Attempt) -> list[Action]:
        address, port = attempt.candidate.address, attempt.candidate.port or self._port
        try:
            check_still(address, self._outlet)
            sock, is_connected = begin(address, port, self._outlet.sources[address.version])
        except (OSError, AddressError) as error:
            return self._race.failed(attempt.number, *failure_of(error), monotonic())
        self._sockets[attempt.number] = sock
        if is_connected:
            return self._race.connected(attempt.number, monotonic())
        self._nursery.start_soon(self._watch, attempt.number, sock)
        return []

    def _let_go(self, number: int) -> None:
        sock = self._sockets.pop(number, None)
        if sock is not None:
            trio.lowlevel.notify_closing(sock)
            sock.close()
