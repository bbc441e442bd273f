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
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from socket import socket
from typing import TypeVar, cast

from dualstack.core.address.address import Address
from dualstack.core.planning.configuration import Configuration
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.core.planning.worker_limits import part_of
from dualstack.core.suggestion import those_known
from dualstack.errors import ConfigError, DualstackError, ListenError
from dualstack.gateway.config.host_plan import gather_facts, mention_what_needs_a_restart, report, working_plan
from dualstack.gateway.counters.log import Log
from dualstack.gateway.listeners.listening import PortState
from dualstack.gateway.listeners.named_port import describe_socket, with_real_port
from dualstack.gateway.listeners.regain import why_lost
from dualstack.gateway.listeners.sources import Supply, held_ports
from dualstack.gateway.processes.channel import packed
from dualstack.gateway.processes.restarts import Restarts
from dualstack.gateway.processes.shared_listeners import Held, HeldPort, held_ports_of
from dualstack.gateway.processes.upgrade import Heritage
from dualstack.gateway.processes.worker_handle import ANSWER_S, Hand, Nursery, WorkerGone

__all__ = ["Supervisor"]

T = TypeVar("T")

_LOOK_AGAIN_S = 0.1
_BEAT_S = 2.0
# How long a worker may take to begin, or to serve another configuration, on a machine that is busy; to end at once.
_BEGIN_S = 60.0
_END_S = 2.0


class Supervisor:
    """One configuration, running in several processes.

    Args:
        config: what to serve; `workers` says by how many.
        log: where events go.
        supply: where its sockets come from; they are opened here where it has none.
        settled_s: a worker that has lived so long has not died at once.
    """

    def __init__(
        self, config: Configuration, log: Log, supply: Supply | None = None, *, settled_s: float = 2.0
    ) -> None:
        self.config = config
        self.page: tuple[str, ...] = ()
        self._log = log
        self._supply = supply or Supply()
        self._count = config.workers
        self._ports: dict[str, HeldPort] = {}
        self._held: list[Held] = []
        self._names: Mapping[str, tuple[Address, ...]] = {}
        self._nursery = Nursery(self._ended)
        self._hands: dict[int, Hand] = {}
        self._departed: set[Hand] = set()
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
        self._nursery.start()
        facts = await gather_facts(self.config, tell=self._tell)
        planned = self._supply.settle(working_plan(self.config, facts), self.config.where, at_start=True)
        with ExitStack() as undo:
            held = self._opened(planned.sockets)
            for each in held:
                undo.callback(each.close)
            self._enter(self.config, held, facts.names, stopped=self._supply.stopped)
            if self.config.user is not None:
                await self._nursery.become(self.config.user, self.config.where)
            await asyncio.gather(*(self._bring_up(number) for number in range(self._count)))
            undo.pop_all()
        self._supply.let_go()
        report(self._log, self.config, planned, facts)

    def _tell(self, why: str) -> None:
        self._log.info("waiting", why=why)

    def _opened(self, specs: Sequence[SocketSpec]) -> list[Held]:
        own = held_ports(each.sockets for each in self._held)
        opened = self._supply.open(specs, copies=self._count, held=own)
        return [
            Held(spec, with_real_port(spec, sockets[0]), list(sockets))
            for spec, sockets in zip(specs, opened, strict=True)
        ]

    def _enter(
        self,
        config: Configuration,
        held: list[Held],
        names: Mapping[str, tuple[Address, ...]],
        stopped: Iterable[str] = (),
    ) -> None:
        self.config, self._held, self._names = config, held, names
        # Connections of a service that a reload took away go on as long as it said.
        self._longest_drain_s = max(self._longest_drain_s, *(service.drain_s for service in config.services))
        self._ports = held_ports_of(config, held, self._ports, stopped)

    # Workers.

    async def _bring_up(self, number: int) -> None:
        """Start a worker and have it serve.

        Raises:
            DualstackError, OSError: it cannot.
        """
        await self._set_to_work(await self._fork(number))

    async def _fork(self, number: int) -> Hand:
        sock, pid = await self._nursery.fork()
        # From here on it is told of every change, after what it is told first.
        hand = self._hands[number] = Hand(number, pid, sock, self._gone)
        return hand

    async def _set_to_work(self, hand: Hand) -> None:
        await self._hand_over(hand, self._held)
        self._begin(self._look_after(hand))

    async def _look_after(self, hand: Hand) -> None:
        """Ask it whether it lives, until it does not."""
        with suppress(WorkerGone):
            while True:
                await hand.ask("beat")
                await asyncio.sleep(_BEAT_S)

    async def _hand_over(self, hand: Hand, fresh: Iterable[Held]) -> None:
        """Tell a worker what to serve, with its sockets of `fresh`, which it has not got yet."""
        mine = [each for each in self._held if each.is_for(hand.number)]
        new = {each: sock for each in fresh if (sock := each.socket_of(hand.number)) is not None}
        brought = [index for index, each in enumerate(mine) if each in new]
        # The plan's number may be 0: a worker has the real one from its socket, or from here.
        specs = [each.planned if each.sockets else replace(each.planned, port=each.spec.port) for each in mine]
        stopped = [port.name for port in self._ports.values() if port.state is not PortState.LISTENING]
        await hand.ask(
            "take",
            [new[mine[index]] for index in brought],
            within_s=_BEGIN_S,
            share=packed((part_of(self.config, self._count), specs, dict(self._names), stopped)),
            brought=brought,
            worker=hand.number,
            log=self._log.form,
            quiet=self._log.quiet,
        )

    def _ended(self, pid: int, status: int) -> None:
        if not self._is_leaving or status:
            how = f"signal {-status}" if status < 0 else f"exit code {status}"
            self._log.warning("worker ended", pid=pid, how=how)

    def _gone(self, hand: Hand) -> None:
        """Replace a worker that has died."""
        if self._hands.get(hand.number) is not hand:
            return
        del self._hands[hand.number]
        if hand.unanswered:
            self._log.error("worker silent", worker=hand.number, pid=hand.pid, asked=hand.unanswered, done="killed")
        self._departed.add(hand)
        self._begin(self._bury(hand))
        if not self._is_leaving:
            self._begin(self._replace(hand.number, self._restarts.delay_s(hand.number, hand.born)))

    async def _bury(self, hand: Hand) -> None:
        await hand.ended()
        self._departed.discard(hand)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replace(self, number: int, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        try:
            hand = await self._fork(number)
        except (DualstackError, OSError) as error:
            self._log.error("worker not started", worker=number, why=str(error) or type(error).__name__)
            now = asyncio.get_running_loop().time()
            self._begin(self._replace(number, self._restarts.delay_s(number, born=now)))
            return
        try:
            await self._set_to_work(hand)
        except (DualstackError, OSError) as error:
            self._log.error("worker not started", worker=number, why=str(error) or type(error).__name__)
            # Its end is heard as that of any other, and it is replaced for that.
            hand.kill()
        else:
            self._log.info("worker started", worker=number, pid=hand.pid)

    async def _of_all(self, asked: Iterable[Coroutine[None, None, T]]) -> list[T]:
        """The answers of all workers that live to give one; the first error that is another's is raised at the end."""
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, WorkerGone):
                raise answer
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    async def _ask_all(self, do: str, *, within_s: float = ANSWER_S, **more: object) -> list[object]:
        return await self._of_all([hand.ask(do, (), within_s=within_s, **more) for hand in list(self._hands.values())])

    # What a gateway does.

    async def reload(self, config: Configuration) -> None:
        """As `Gateway.reload`.

        Raises:
            ConfigError, ListenError: it cannot run; what ran before runs on.
        """
        facts = await gather_facts(config, tell=self._tell)
        planned = self._supply.settle(working_plan(config, facts), config.where, at_start=False)
        mention_what_needs_a_restart(self._log, self.config, config)
        old = {each.planned.identity: each for each in self._held if not each.is_bound_to_one_before}
        fresh = [spec for spec in planned.sockets if spec.identity not in old]
        opened = dict(zip(fresh, self._opened(fresh), strict=True))
        held = [opened.get(spec) or _again(old[spec.identity], spec) for spec in planned.sockets]
        gone = [each for each in self._held if each not in held]
        self._enter(config, held, facts.names)
        # A worker's is then the last, and it takes who waits before it closes.
        for each in gone:
            each.close()
        await self._tell_of_changes(list(opened.values()))
        report(self._log, config, planned, facts)
        self._log.info("reloaded", opened=len(fresh), closed=len(gone), kept=len(held) - len(fresh))

    async def _tell_of_changes(self, fresh: list[Held]) -> None:
        """Have every worker serve what is served now; one that cannot is replaced by one that can."""
        hands = list(self._hands.values())
        outcomes = await asyncio.gather(*(self._hand_over(hand, fresh) for hand in hands), return_exceptions=True)
        for hand, outcome in zip(hands, outcomes, strict=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, WorkerGone):
                self._log.error("worker fails", worker=hand.number, why=str(outcome))
                hand.kill()

    def _port_named(self, name: str) -> HeldPort:
        try:
            return self._ports[name.casefold()]
        except KeyError:
            known = those_known(name, [port.name for port in self._ports.values()])
            raise ConfigError("", "", f"no port {name!r}; there are: {known}") from None

    async def stop_port(self, name: str, *, drain_s: float | None = None, release: bool = False) -> int:
        """As `Gateway.stop_port`, in every worker.

        Raises:
            ConfigError: no such port.
        """
        port = self._port_named(name)
        release = release and not port.is_inherited
        port.state, port.error = PortState.STOPPED, None
        for each in port.held:
            if not each.spec.inherited and (release or each.spec.proto == "udp"):
                each.close()
        if port.is_inherited:
            # They have one socket between them, and it must not be shut down twice: one after the other.
            for hand in list(self._hands.values()):
                await self._of_all([hand.ask("stop", (), name=port.name, drain_s=None, release=False)])
        within_s = ANSWER_S + (drain_s or 0.0)
        cut = await self._ask_all("stop", within_s=within_s, name=port.name, drain_s=drain_s, release=release)
        return sum(cast("list[int]", cut))

    def why_no_restart(self, name: str, *, release: bool) -> str:
        """As `Gateway.why_no_restart`.

        Raises:
            ConfigError: no such port.
        """
        return why_lost(self._port_named(name).lost_by_a_stop(release=release))

    async def start_port(self, name: str) -> None:
        """As `Gateway.start_port`, in every worker.

        Raises:
            ConfigError: no such port.
            ListenError: it cannot listen.
        """
        port = self._port_named(name)
        if port.state is PortState.LISTENING:
            return
        closed = [each for each in port.held if not each.sockets]
        try:
            for each, again in zip(closed, self._opened([each.spec for each in closed]), strict=True):
                each.sockets = again.sockets
            port.state, port.error = PortState.LISTENING, None
            await self._of_all([self._start_in(hand, port, closed) for hand in list(self._hands.values())])
        except ListenError as error:
            port.state, port.error = PortState.FAILED, str(error)
            self._log.error("port failed", port=port.name, why=str(error))
            await self._ask_all("stop", name=port.name, drain_s=None, release=False)
            raise

    async def _start_in(self, hand: Hand, port: HeldPort, closed: Sequence[Held]) -> None:
        sockets = [sock for each in closed if (sock := each.socket_of(hand.number)) is not None]
        await hand.ask("start", sockets, name=port.name)

    async def list_ports(self) -> list[dict[str, object]]:
        """As `Gateway.list_ports`; the connections of all workers are counted together."""
        # A reload may change the ports while the workers are asked.
        connections: Counter[str] = Counter()
        for ports in await self._ask_all("list"):
            for port in cast("list[dict[str, object]]", ports):
                connections[str(port["name"]).casefold()] += int(str(port["connections"]))
        return [port.describe(connections[key]) for key, port in self._ports.items()]

    async def snapshots(self) -> list[dict[str, object]]:
        """What each worker says of itself; one that has died takes its counts with it."""
        return cast("list[dict[str, object]]", await self._ask_all("snapshot"))

    def open_sockets(self) -> list[tuple[SocketSpec, socket]]:
        """As `Gateway.open_sockets`: of those that the workers share out, one for all."""
        return [(each.spec, each.sockets[0]) for each in self._held if each.sockets]

    def describe_sockets(self) -> list[dict[str, object]]:
        """As `Gateway.describe_sockets`: those that were planned, however many stand for each."""
        return [describe_socket(each.spec) for each in self._held]

    @property
    def pids(self) -> list[int]:
        """The workers' process ids, in their order."""
        return [self._hands[number].pid for number in sorted(self._hands)]

    async def beat(self) -> None:
        """Return once every worker's data plane has seen an event made for it."""
        if len(await self._ask_all("beat")) < self._count:
            # One has died just now: its successor is on the way, and then everybody is asked again.
            await asyncio.sleep(_LOOK_AGAIN_S)
            await self.beat()

    def heritage(self) -> Heritage:
        """As `Gateway.heritage`."""
        kept = [(each.planned, each.sockets) for each in self._held if each.sockets and not each.spec.inherited]
        stopped = [port.name for port in self._ports.values() if port.state is not PortState.LISTENING]
        return Heritage(kept, self._supply.handed, stopped)

    async def hand_over(self) -> None:
        """As `Gateway.hand_over`, in every worker."""
        self._leave()
        await self._ask_all("hand over")

    def _leave(self) -> None:
        """Replace no worker any more; what each has of a socket is the last."""
        self._is_leaving = True
        for each in self._held:
            each.close()

    async def drain(self) -> int:
        """As `Gateway.drain`, in every worker."""
        self._leave()
        hands = list(self._hands.values())
        cut = await self._ask_all("leave", within_s=ANSWER_S + self._longest_drain_s)
        await asyncio.gather(*(hand.ended() for hand in hands))
        return sum(cast("list[int]", cut))

    async def close(self) -> None:
        """End everything now."""
        self._is_leaving = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(_end(hand) for hand in list(self._hands.values())))
        await asyncio.gather(*(hand.ended() for hand in list(self._departed)))
        for each in self._held:
            each.close()
        self._supply.close()
        await self._nursery.close()


def _again(held: Held, spec: SocketSpec) -> Held:
    """The same sockets, as the new plan has them."""
    held.planned, held.spec = spec, replace(spec, port=held.spec.port)
    return held


async def _end(hand: Hand) -> None:
    """End a worker, be it by force."""
    with suppress(DualstackError):
        await hand.ask("end", within_s=_END_S)
    await hand.ended()
