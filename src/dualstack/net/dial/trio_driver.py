"""Connections for trio, raced: `trio.open_tcp_stream` by the same machine. Needs trio, and nothing else here does.

A task waits for each attempt; lookups run in the pool's daemon threads, since a thread of trio's own would be waited
for. Cancelled at any point it leaves nothing open.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf
from socket import socket as _socket
from time import monotonic
from typing import NoReturn

import trio

from dualstack.core.dial.actions import Action
from dualstack.core.dial.egress import EgressPolicy, SocketOption
from dualstack.core.dial.resolution import Answer, Lookup
from dualstack.net.dial.driver import RaceDriver
from dualstack.net.dial.policy import DEFAULT_POLICY, DialPolicy, OnStep, narrowed
from dualstack.net.dial.prepare import PreparedRace, files_for, prepare
from dualstack.net.dial.source import LocalEnd, SourceAddress, local_end, read_source
from dualstack.net.dial.target import HostLike, PortLike, read_target
from dualstack.net.names.thread_pool import Outcome

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
    sock = await TrioDriver(prepared, target.port, outlet).run()
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


class TrioDriver(RaceDriver):
    """One race, with a task for each attempt."""

    def __init__(self, prepared: PreparedRace, port: int, outlet: EgressPolicy) -> None:
        super().__init__(prepared, port, outlet)
        self._token = trio.lowlevel.current_trio_token()
        self._changed = trio.Event()
        self._broken: BaseException | None = None

    async def run(self) -> _socket:
        """The connected socket.

        Raises:
            DialError, LookupFailed: there is none.
        """
        try:
            async with trio.open_nursery() as self._nursery:
                await self._race_on()
                self._nursery.cancel_scope.cancel()
            if self._broken is not None:
                self._raise_broken()
            return self._winner()
        finally:
            self._let_all_go()

    async def _race_on(self) -> None:
        try:
            self._begin()
            while not self._race.is_over and self._broken is None:
                await self._wait()
        finally:
            # From here on nothing starts, whatever comes while the nursery ends.
            self._drop_lookups()
            self._race.cancel(monotonic())

    async def _wait(self) -> None:
        left_s = self._race.wake_at - monotonic()
        with trio.move_on_after(max(left_s, 0.0)) if left_s < inf else trio.CancelScope() as limit:
            await self._changed.wait()
        self._changed = trio.Event()
        if limit.cancelled_caught:
            self._tell(self._race.tick)

    def _tell(self, event: Callable[..., list[Action]], *facts: object) -> None:
        try:
            self._do(event(*facts, monotonic()))
        except BaseException as error:  # noqa: BLE001 - what is raised in a nursery comes out of it as a group
            self._broken = error

    def _raise_broken(self) -> NoReturn:
        error, self._broken = self._broken, None
        assert error is not None  # noqa: S101 - it is asked for then
        try:
            raise error
        finally:
            del error

    def _deliver(self, lookup: Lookup, outcome: Outcome[Answer]) -> None:
        with suppress(trio.RunFinishedError):  # too late
            self._token.run_sync_soon(self._answered, lookup, outcome)

    def _answered(self, lookup: Lookup, outcome: Outcome[Answer]) -> None:
        super()._answered(lookup, outcome)
        self._changed.set()

    def _watch(self, number: int, sock: _socket) -> None:
        self._nursery.start_soon(self._until_writable, number, sock)

    async def _until_writable(self, number: int, sock: _socket) -> None:
        if number not in self._sockets:  # let go of before this task came to run
            return
        with suppress(trio.ClosedResourceError):  # let go of meanwhile
            await trio.lowlevel.wait_writable(sock)
            self._ready(number)
            self._changed.set()

    def _unwatch(self, sock: _socket) -> None:
        trio.lowlevel.notify_closing(sock)
