"""Several workers as one gateway: this process plans, opens every listening socket, and relays nothing.

Each worker gets a socket of its own for every one that is planned (SO_REUSEPORT), so that the kernel spreads clients
over them by their addresses and ports, and a UDP flow stays with one. A worker that dies is replaced and its successor
gets the same sockets; who waited in them waits a moment longer. One that dies at once is replaced after a while, and
each time after a longer one.

Every worker is asked again and again whether it lives, and nothing that is asked of one waits much longer than that
answer may take: one that hangs, stopped or spinning, is ended and replaced as one that has died.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from socket import socket
from types import NoneType
from typing import TypeVar

from dualstack.core.planning.configuration import Configuration
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.core.planning.worker_limits import part_of
from dualstack.errors import ConfigError, DualstackError, ListenError
from dualstack.gateway.counters.log import Log
from dualstack.gateway.listeners.named_port import with_real_port
from dualstack.gateway.listeners.port_life import PortEvent
from dualstack.gateway.listeners.sources import ListenerSource, held_ports
from dualstack.gateway.processes.fork_server_client import ForkServer, WorkerGone
from dualstack.gateway.processes.messages import (
    Beat,
    End,
    HandOver,
    Leave,
    ListPorts,
    Order,
    PortCount,
    Share,
    StartPort,
    StopPort,
    Take,
    TakeSnapshot,
)
from dualstack.gateway.processes.port_set import Change, PortSet
from dualstack.gateway.processes.restarts import Restarts
from dualstack.gateway.processes.shared_listeners import SharedListener, SharedPort
from dualstack.gateway.processes.worker_handle import ANSWER_S, WorkerHandle
from dualstack.gateway.processes.worker_life import FATES, Event

__all__ = ["Supervisor"]

T = TypeVar("T")

_LOOK_AGAIN_S = 0.1
_BEAT_S = 2.0
# How long a worker may take to begin, or to serve another configuration, on a machine that is busy; to end at once.
_BEGIN_S = 60.0
_END_S = 2.0


class Supervisor(PortSet[SharedPort, SharedListener]):
    """One configuration, running in several processes.

    Args:
        config: what to serve; `workers` says by how many.
        log: where events go.
        source: where its sockets come from; they are opened here where it has none.
        settled_s: a worker that has lived so long has not died at once.
    """

    def __init__(
        self, config: Configuration, log: Log, source: ListenerSource | None = None, *, settled_s: float = 2.0
    ) -> None:
        super().__init__(config, log, source, SharedPort)
        self._count = config.workers
        self._shared: list[SharedListener] = []
        self._fork_server = ForkServer(self._ended)
        self._workers: dict[int, WorkerHandle] = {}
        self._departed: set[WorkerHandle] = set()
        self._restarts = Restarts(settled_s, asyncio.get_running_loop().time)
        self._tasks: set[asyncio.Task[None]] = set()
        self._longest_drain_s = 0.0
        self._is_leaving = False

    async def open(self) -> None:
        """Open every socket of the plan, and start the workers.

        Raises:
            ConfigError: the configuration cannot run on this host.
            ListenError: a socket cannot be opened; none is left open.
        """
        if sys.platform != "linux":
            why = "only Linux spreads the clients of a port over processes; leave the key out"
            raise ConfigError(self.config.where, "workers", why)
        self._fork_server.start()
        await super().open()

    async def _carry_out(self, change: Change[SharedListener]) -> None:
        opened = dict(zip(change.fresh, self._opened(change.fresh), strict=True))
        kept = {each.planned.identity: each for each in change.kept}
        self._enter(change, [opened.get(spec) or _again(kept[spec.identity], spec) for spec in change.specs])
        # A worker's is then the last, and it takes who waits before it closes.
        for each in change.gone:
            each.close()
        if change.at_start:
            await self._begin_workers()
        else:
            await self._tell_of_changes(list(opened.values()))

    async def _begin_workers(self) -> None:
        """Start them all; where one cannot be started, nothing stays open."""
        with ExitStack() as undo:
            for each in self._shared:
                undo.callback(each.close)
            if self.config.user is not None:
                await self._fork_server.become(self.config.user, self.config.where)
            await asyncio.gather(*(self._bring_up(number) for number in range(self._count)))
            undo.pop_all()

    def _opened(self, specs: Sequence[SocketSpec]) -> list[SharedListener]:
        own = held_ports(each.sockets for each in self._shared)
        opened = self._source.open(specs, copies=self._count, held=own)
        return [
            SharedListener(spec, with_real_port(spec, sockets[0]), list(sockets))
            for spec, sockets in zip(specs, opened, strict=True)
        ]

    def _enter(self, change: Change[SharedListener], listeners: list[SharedListener]) -> None:
        self.config, self._shared, self._names = change.config, listeners, change.names
        # Connections of a service that a reload took away go on as long as it said.
        self._longest_drain_s = max(self._longest_drain_s, *(service.drain_s for service in change.config.services))
        self.ports = self._ports_of(change.config, change.stopped)
        for port in self.ports.values():
            port.listeners = []
        for each in listeners:
            self.ports[each.spec.port_name.casefold()].listeners.append(each)

    def _listeners(self) -> Iterable[SharedListener]:
        return self._shared

    def _sockets_of(self, listener: SharedListener) -> Sequence[socket]:
        return listener.sockets

    # Workers.

    async def _bring_up(self, number: int) -> None:
        """Start a worker and have it serve.

        Raises:
            DualstackError, OSError: it cannot.
        """
        await self._set_to_work(await self._fork(number))

    async def _fork(self, number: int) -> WorkerHandle:
        sock, pid = await self._fork_server.fork()
        # From here on it is told of every change, after what it is told first.
        worker = self._workers[number] = WorkerHandle(number, pid, sock, self._gone)
        if self._is_leaving:
            worker.happens(Event.DISMISSED)
        return worker

    async def _set_to_work(self, worker: WorkerHandle) -> None:
        await self._tell_what_to_serve(worker, self._shared)
        self._begin(self._look_after(worker))

    async def _look_after(self, worker: WorkerHandle) -> None:
        """Ask it whether it lives, until it does not."""
        with suppress(WorkerGone):
            while True:
                await worker.ask(Beat(), NoneType)
                await asyncio.sleep(_BEAT_S)

    async def _tell_what_to_serve(self, worker: WorkerHandle, fresh: Iterable[SharedListener]) -> None:
        """Tell a worker what to serve, with its sockets of `fresh`, which it has not got yet."""
        mine = [each for each in self._shared if each.is_for(worker.number)]
        new = {each: sock for each in fresh if (sock := each.socket_of(worker.number)) is not None}
        brought = [index for index, each in enumerate(mine) if each in new]
        # The plan's number may be 0: a worker has the real one from its socket, or from here.
        specs = [each.planned if each.sockets else replace(each.planned, port=each.spec.port) for each in mine]
        share = Share(part_of(self.config, self._count), specs, dict(self._names), self._stopped())
        order = Take(share.pickled(), brought, worker.number, self._log.form, self._log.quiet)
        await worker.ask(order, NoneType, handed=[new[mine[index]] for index in brought], within_s=_BEGIN_S)

    def _ended(self, pid: int, status: int) -> None:
        if not self._is_leaving or status:
            how = f"signal {-status}" if status < 0 else f"exit code {status}"
            self._log.warning("worker ended", pid=pid, how=how)

    def _gone(self, worker: WorkerHandle) -> None:
        """What follows from a worker's end, however it came."""
        if self._workers.get(worker.number) is not worker:
            return
        del self._workers[worker.number]
        fate = FATES[worker.state]
        if fate.is_said:
            self._log.error(
                "worker silent", worker=worker.number, pid=worker.pid, asked=worker.unanswered, done="killed"
            )
        self._departed.add(worker)
        self._begin(self._bury(worker))
        if fate.is_replaced:
            self._begin(self._replace(worker.number, self._restarts.delay_s(worker.number, worker.born)))

    async def _bury(self, worker: WorkerHandle) -> None:
        await worker.ended()
        self._departed.discard(worker)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replace(self, number: int, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        try:
            worker = await self._fork(number)
        except (DualstackError, OSError) as error:
            self._log.error("worker not started", worker=number, why=str(error) or type(error).__name__)
            now = asyncio.get_running_loop().time()
            self._begin(self._replace(number, self._restarts.delay_s(number, born=now)))
            return
        try:
            await self._set_to_work(worker)
        except (DualstackError, OSError) as error:
            self._log.error("worker not started", worker=number, why=str(error) or type(error).__name__)
            # Its end is heard as that of any other, and it is replaced for that.
            worker.kill()
        else:
            self._log.info("worker started", worker=number, pid=worker.pid)

    async def _of_all(self, asked: Iterable[Coroutine[None, None, T]]) -> list[T]:
        """The answers of all workers that live to give one; the first error that is another's is raised at the end."""
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, WorkerGone):
                raise answer
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    async def _ask_all(self, order: Order, kind: type[T], *, within_s: float = ANSWER_S) -> list[T]:
        return await self._of_all([each.ask(order, kind, within_s=within_s) for each in list(self._workers.values())])

    # What a gateway does.

    async def _tell_of_changes(self, fresh: list[SharedListener]) -> None:
        """Have every worker serve what is served now; one that cannot is replaced by one that can."""
        workers = list(self._workers.values())
        outcomes = await asyncio.gather(
            *(self._tell_what_to_serve(worker, fresh) for worker in workers), return_exceptions=True
        )
        for worker, outcome in zip(workers, outcomes, strict=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, WorkerGone):
                self._log.error("worker fails", worker=worker.number, why=str(outcome))
                worker.kill()

    async def _stop(self, port: SharedPort, *, drain_s: float | None, release: bool) -> int:
        port.happens(PortEvent.STOP)
        for each in port.listeners:
            if not each.spec.inherited and (release or each.spec.proto == "udp"):
                each.close()
        if port.is_inherited:
            # They have one socket between them, and it must not be shut down twice: one after the other.
            for worker in list(self._workers.values()):
                await self._of_all([worker.ask(StopPort(port.name), int)])
        within_s = ANSWER_S + (drain_s or 0.0)
        return sum(await self._ask_all(StopPort(port.name, drain_s, release), int, within_s=within_s))

    async def _start(self, port: SharedPort) -> None:
        closed = [each for each in port.listeners if not each.sockets]
        try:
            for each, again in zip(closed, self._opened([each.spec for each in closed]), strict=True):
                each.sockets = again.sockets
            port.happens(PortEvent.START)
            await self._of_all([self._start_in(worker, port, closed) for worker in list(self._workers.values())])
        except ListenError as error:
            self._fail(port, error)
            await self._ask_all(StopPort(port.name), int)
            raise

    async def _start_in(self, worker: WorkerHandle, port: SharedPort, closed: Sequence[SharedListener]) -> None:
        sockets = [sock for each in closed if (sock := each.socket_of(worker.number)) is not None]
        await worker.ask(StartPort(port.name), NoneType, handed=sockets)

    async def list_ports(self) -> list[dict[str, object]]:
        """As `Gateway.list_ports`; the connections of all workers are counted together."""
        # A reload may change the ports while the workers are asked.
        connections: Counter[str] = Counter()
        for ports in await self._ask_all(ListPorts(), list[PortCount]):
            for port in ports:
                connections[port.name.casefold()] += port.connections
        return [port.describe(connections[key]) for key, port in self.ports.items()]

    async def snapshots(self) -> list[dict[str, object]]:
        """What each worker says of itself; one that has died takes its counts with it."""
        return await self._ask_all(TakeSnapshot(), dict[str, object])

    @property
    def pids(self) -> list[int]:
        """The workers' process ids, in their order."""
        return [self._workers[number].pid for number in sorted(self._workers)]

    async def beat(self) -> None:
        """Return once every worker's data plane has seen an event made for it."""
        if len(await self._ask_all(Beat(), NoneType)) < self._count:
            # One has died just now: its successor is on the way, and then everybody is asked again.
            await asyncio.sleep(_LOOK_AGAIN_S)
            await self.beat()

    async def step_down(self) -> None:
        """As `Gateway.step_down`, in every worker."""
        self._leave()
        await self._ask_all(HandOver(), NoneType)

    def _leave(self) -> None:
        """Replace no worker any more; what each has of a socket is the last."""
        self._dismiss()
        for each in self._shared:
            each.close()

    def _dismiss(self) -> None:
        self._is_leaving = True
        for worker in self._workers.values():
            worker.happens(Event.DISMISSED)

    async def drain(self) -> int:
        """As `Gateway.drain`, in every worker."""
        self._leave()
        workers = list(self._workers.values())
        cut = await self._ask_all(Leave(), int, within_s=ANSWER_S + self._longest_drain_s)
        await asyncio.gather(*(worker.ended() for worker in workers))
        return sum(cut)

    async def close(self) -> None:
        """End everything now."""
        self._dismiss()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(_end(worker) for worker in list(self._workers.values())))
        await asyncio.gather(*(worker.ended() for worker in list(self._departed)))
        for each in self._shared:
            each.close()
        self._source.close()
        await self._fork_server.close()


def _again(listener: SharedListener, spec: SocketSpec) -> SharedListener:
    """The same sockets, as the new plan has them."""
    listener.planned, listener.spec = spec, replace(spec, port=listener.spec.port)
    return listener


async def _end(worker: WorkerHandle) -> None:
    """End a worker, be it by force."""
    with suppress(DualstackError):
        await worker.ask(End(), NoneType, within_s=_END_S)
    await worker.ended()
