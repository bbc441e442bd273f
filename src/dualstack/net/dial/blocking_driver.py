"""Connections for who blocks: `socket.create_connection`, raced.

Sockets that do not block, one selector for them, and a queue for what the pool's daemon threads have found. One literal
address needs no race: it is one plain call.
"""

import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from math import inf
from queue import Empty, SimpleQueue
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector, SelectSelector
from time import monotonic

from dualstack.core.address.address import Address
from dualstack.core.dial.egress import EgressPolicy, SocketOption
from dualstack.core.dial.resolution import Answer, Lookup
from dualstack.errors import DialError
from dualstack.kernel.attempts import connect, socket_pair
from dualstack.net.dial.driver import LONGEST_WAIT_S, RaceDriver
from dualstack.net.dial.one_address import failure, is_plain
from dualstack.net.dial.policy import DEFAULT_POLICY, DialPolicy, OnStep, narrowed
from dualstack.net.dial.prepare import PreparedRace, files_for, prepare
from dualstack.net.dial.source import SourceAddress, local_end
from dualstack.net.dial.target import HostLike, PortLike, Target, read_pair
from dualstack.net.names.limits import GLOBAL_DEFAULT_TIMEOUT, check_limit
from dualstack.net.names.thread_pool import Outcome

try:
    from selectors import PollSelector as _Selector
except ImportError:  # Windows
    _Selector = SelectSelector  # type: ignore[misc,assignment]

__all__ = ["create_connection"]

# In poll(2) it is a C int of milliseconds.
_LONGEST_TIMEOUT_S = 2**31 / 1000 - 1


def create_connection(
    address: tuple[HostLike, PortLike],
    timeout: object = GLOBAL_DEFAULT_TIMEOUT,
    source_address: SourceAddress | None = None,
    *,
    all_errors: bool = False,
    family: int = 0,
    socket_options: Iterable[SocketOption] = (),
    dialer: DialPolicy | None = None,
    on_step: OnStep | None = None,
) -> socket.socket:
    """Connect to a host of whichever family, as `socket.create_connection` does, over every address it has.

    Args:
        address: host and port; no host, or None, is this one's loopback.
        timeout: seconds for all of it, lookups included, and the timeout of the socket then; None is no limit, and
            left out it is `socket.getdefaulttimeout()`.
        source_address: `(host, port)` to bind before; a name of this host too.
        all_errors: raise an `ExceptionGroup` of what happened to each address, as `socket.create_connection` does.
        family: 4 or 6 for one alone, or one of `socket`'s.
        socket_options: arguments of `setsockopt`, for each socket before it is connected.
        dialer: the policy; the default one shares its history with all who name none.
        on_step: told of each step as it happens.

    Raises:
        DialError: no address could be connected to.
        LookupFailed: the name has no address, or nobody says.
        TargetError: host or port can be none, or the source can be none.

    >>> with socket.create_server(("127.0.0.1", 0)) as server:
    ...     create_connection(server.getsockname()).close()
    """
    target = read_pair(address)
    policy = dialer or DEFAULT_POLICY
    limit = _seconds(socket.getdefaulttimeout() if timeout is GLOBAL_DEFAULT_TIMEOUT else timeout)
    options = tuple(socket_options)
    has_wishes = bool(family or options) or source_address is not None or on_step is not None
    try:
        if is_plain(target, policy, limit_s=limit, has_wishes=has_wishes):
            made = _plain(target, policy, limit)
            if made is not None:
                return made
        began = monotonic()
        files = files_for(target, policy)
        if files is not None:
            files.look()
        end = replace(local_end(source_address, timeout=limit), options=options) if has_wishes else None
        outlet = narrowed(policy.outlet, family, end)
        limit_s = inf if limit is None else limit
        prepared = prepare(target, outlet, policy, began, limit_s=limit_s, on_step=on_step)
        sock = BlockingDriver(prepared, target.port, outlet).run()
    except DialError as error:
        group = error.__cause__
        if not (all_errors and isinstance(group, ExceptionGroup)):
            raise
    else:
        sock.settimeout(limit)
        return sock
    try:
        raise group
    finally:
        del group


def _seconds(timeout: object) -> float | None:
    if timeout is None:
        return None
    check_limit(timeout)
    assert isinstance(timeout, int | float)  # noqa: S101 - it has just been seen
    if not timeout >= 0:
        raise ValueError(f"timeout {timeout!r}: 0 or more seconds, or None")
    # Longer than a socket can count is as long as it takes.
    return None if timeout > _LONGEST_TIMEOUT_S else float(timeout)


def _plain(target: Target, policy: DialPolicy, limit: float | None) -> socket.socket | None:
    """The one call that a literal address needs; None where a translator may have another way."""
    assert isinstance(target.host, Address)  # noqa: S101 - it is plain
    started = monotonic()
    try:
        return connect(target.host, target.port, timeout=limit)
    except OSError as error:
        failed = failure(target, target.host, policy, error, monotonic() - started)
    try:
        if failed is not None:
            raise failed
    finally:
        del failed  # a frame that holds what it raises is garbage that only the collector finds
    return None


class BlockingDriver(RaceDriver):
    """One race, for who waits for it."""

    def __init__(self, prepared: PreparedRace, port: int, outlet: EgressPolicy) -> None:
        super().__init__(prepared, port, outlet)
        self._selector: BaseSelector | None = None
        self._answers: SimpleQueue[tuple[Lookup, Outcome[Answer]]] = SimpleQueue()
        self._unanswered = 0
        self._waker: tuple[socket.socket, socket.socket] | None = None

    def run(self) -> socket.socket:
        """The connected socket, which does not block yet.

        Raises:
            DialError, LookupFailed: there is none.
        """
        race = self._race
        try:
            self._begin()
            while not race.is_over:
                self._wait(race.wake_at - monotonic())
            return self._winner()
        finally:
            self._close()

    def _wait(self, timeout_s: float) -> None:
        """Wait for the next thing to happen, and tell the race."""
        timeout = None if timeout_s == inf else min(max(timeout_s, 0.0), LONGEST_WAIT_S)
        if not self._sockets:
            self._wait_for_answer(timeout)
            return
        selector = self._selector
        assert selector is not None  # noqa: S101 - made for the first socket
        if self._unanswered and self._waker is None:
            self._open_waker(selector)
            timeout = 0.0  # an answer may have come before the waker
        for key, _ in selector.select(timeout):
            if key.data is None:
                self._empty_waker()
            elif key.data in self._sockets:  # else let go of a moment ago
                self._ready(key.data)
        with suppress(Empty):
            while self._unanswered:
                self._answered(*self._answers.get_nowait())
        self._tell(self._race.tick)

    def _wait_for_answer(self, timeout: float | None) -> None:
        try:
            self._answered(*self._answers.get(timeout=timeout))
        except Empty:
            self._tell(self._race.tick)

    # Lookups: a queue, and a socket to wake the selector where both are waited for.

    def _ask(self, lookup: Lookup) -> None:
        self._unanswered += 1
        super()._ask(lookup)

    def _deliver(self, lookup: Lookup, outcome: Outcome[Answer]) -> None:
        self._answers.put((lookup, outcome))
        waker = self._waker
        if waker is not None:
            with suppress(OSError):  # nobody waits any more
                waker[1].send(b"!")

    def _answered(self, lookup: Lookup, outcome: Outcome[Answer]) -> None:
        self._unanswered -= 1
        super()._answered(lookup, outcome)

    def _open_waker(self, selector: BaseSelector) -> None:
        reader, writer = socket_pair()
        self._waker = reader, writer
        selector.register(reader.fileno(), EVENT_READ)

    def _empty_waker(self) -> None:
        assert self._waker is not None  # noqa: S101 - it has just been heard
        with suppress(BlockingIOError):
            self._waker[0].recv(64)

    # Sockets: one selector, made for the first that is not connected at once.

    def _watch(self, number: int, sock: socket.socket) -> None:
        if self._selector is None:
            self._selector = _Selector()
        self._selector.register(sock.fileno(), EVENT_WRITE, number)

    def _unwatch(self, sock: socket.socket) -> None:
        if self._selector is not None:
            with suppress(KeyError):
                self._selector.unregister(sock.fileno())

    def _close(self) -> None:
        self._drop_lookups()
        self._let_all_go()
        if self._selector is not None:
            self._selector.close()
        waker, self._waker = self._waker, None
        for end in waker or ():
            end.close()
