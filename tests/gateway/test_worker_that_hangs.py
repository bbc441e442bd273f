"""A worker that does not answer, does not end, or cannot do what it is told: nobody waits, and it is replaced."""

import asyncio
import os
import signal
import socket
from dataclasses import dataclass
from math import inf

from dualstack.core.planning.configuration import Configuration
from dualstack.gateway.processes.life import Life, answered
from dualstack.gateway.processes.restarts import Restarts
from support.gateway import run, service
from support.gateway import until as in_no_time
from support.load import is_alive
from support.supervised import Supervised, everybody_is_back, is_stopped, supervised, until


class Frozen(asyncio.SelectorEventLoop):
    """A loop on which time goes on when it is told to."""

    now = 1000.0

    def time(self) -> float:
        return self.now


async def hang_one(r: Supervised) -> int:
    """Stop a worker; its process id."""
    pid = r.gateway.pids[0]
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: is_stopped(pid))
    return pid


def test_nobody_waits_for_a_worker_that_hangs_and_it_is_replaced() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0")) as r:
            before = r.gateway.pids
            stopped = await hang_one(r)
            # About half of the clients come to the sockets that the stopped one has.
            asked = [asyncio.create_task(r.ask()) for _ in range(24)]
            ports, shots = await asyncio.gather(r.ports(), r.gateway.snapshots())
            assert (set(ports), len(shots)) == ({"a"}, 1)
            await until(everybody_is_back(r, before))
            assert not is_alive(stopped)
            assert r.events.of("worker silent")[0]["pid"] == stopped
            assert await asyncio.gather(*asked) == [b"you: hello\n"] * 24
            assert r.gateway.pids[1] == before[1]

    run(scenario)


def test_a_worker_that_hangs_is_noticed_although_nobody_asks_for_anything() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0")) as r:
            before = r.gateway.pids
            stopped = await hang_one(r)
            await until(everybody_is_back(r, before))
            assert r.events.of("worker silent") == [{"worker": 0, "pid": stopped, "asked": "beat", "done": "killed"}]

    run(scenario)


def test_a_drain_ends_when_it_says_although_a_worker_hangs() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0", drain="0.1")) as r:
            pids = r.gateway.pids
            held = await r.hold(8)
            await hang_one(r)
            await r.gateway.drain()
            for _, writer in held:
                writer.close()
            assert not any(map(is_alive, pids))
            assert r.events.of("worker silent")

    run(scenario)


def test_no_worker_is_alive_after_the_close() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0"), workers=4) as r:
            for _, writer in await r.hold(8):
                writer.close()
            pids = r.gateway.pids
            os.kill(pids[3], signal.SIGKILL)
            await until(lambda: len(r.gateway.pids) == 3 or pids[3] not in r.gateway.pids)
        # Those of the moment, and one that was on its way.
        assert not any(map(is_alive, {*pids, *r.gateway.pids}))

    run(scenario)


def test_ports_are_listed_while_a_reload_gives_the_gateway_other_ones() -> None:
    """One worker is slow with its answer, and by then there is a port more."""

    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0")) as r:
            slow = await hang_one(r)
            listing = asyncio.create_task(r.ports())
            wider = service("a", "127.0.0.1:0") + service("b", "127.0.0.1:0")
            reloading = asyncio.create_task(r.gateway.reload(r.parse(wider)))
            await until(lambda: "b" in r.gateway.ports)
            os.kill(slow, signal.SIGCONT)
            assert set(await listing) == {"a", "b"}
            await reloading

    run(scenario)


def test_a_worker_that_is_killed_at_once_is_no_end_of_its_number() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0")) as r:
            for _ in range(2):
                before = r.gateway.pids
                for pid in before:
                    os.kill(pid, signal.SIGKILL)
                await until(everybody_is_back(r, before))
            assert await r.ask() == b"you: hello\n"

    run(scenario)


@dataclass(frozen=True, slots=True)
class OnlyHere(Configuration):
    """A configuration that no worker can read: it has no such class."""


def test_a_worker_that_raises_on_reload_is_killed_and_replaced() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0")) as r:
            before, good = r.gateway.pids, r.gateway.config
            wrong = OnlyHere(good.services, workers=2, where="test.toml")
            await r.gateway.reload(wrong)
            assert [facts["worker"] for facts in r.events.of("worker fails")] == [0, 1]
            await until(lambda: not any(map(is_alive, before)))
            await r.gateway.reload(good)
            await until(lambda: len(r.gateway.pids) == 2 and not {*before} & {*r.gateway.pids})
            await until(lambda: len(r.events.of("worker started")) >= 2)
            assert [await r.ask() for _ in range(8)] == [b"you: hello\n"] * 8

    run(scenario)


def test_a_worker_that_dies_again_and_again_is_given_time_and_each_time_more() -> None:
    now = 0.0
    restarts = Restarts(2.0, lambda: now)
    assert [restarts.delay_s(0, born=now) for _ in range(8)] == [0.0, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert restarts.delay_s(1, born=now) == 0.0, "another's deaths are not its own"
    now = 1.9
    assert restarts.delay_s(0, born=0.0) == 10.0
    now = 2.0
    assert restarts.delay_s(0, born=0.0) == 0.0, "it had settled"
    assert [restarts.delay_s(0, born=now) for _ in range(2)] == [0.0, 0.4]


def test_the_successor_of_one_that_died_twice_begins_when_its_time_has_come() -> None:
    async def scenario(loop: Frozen) -> None:
        async with supervised(service("a", "127.0.0.1:0"), settled_s=inf) as r:
            other = r.gateway.pids[1]

            async def killed() -> None:
                os.kill(r.gateway.pids[0], signal.SIGKILL)
                await in_no_time(lambda: r.gateway.pids == [other])

            async def is_alone() -> bool:
                for _ in range(3):
                    await r.ports()
                return r.gateway.pids == [other]

            await killed()
            await in_no_time(lambda: len(r.events.of("worker started")) == 1)
            await killed()
            assert await is_alone()
            loop.now += 0.39
            assert await is_alone()
            loop.now += 0.02
            await in_no_time(lambda: len(r.events.of("worker started")) == 2)

    with asyncio.Runner(loop_factory=Frozen) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Frozen)
        runner.run(scenario(loop))


def test_a_pause_of_the_gateway_is_not_its_workers_silence() -> None:
    """The clock jumps, as after SIGCONT, and what was answered meanwhile is still to be read."""

    async def scenario(loop: Frozen) -> None:
        ours, its = socket.socketpair()
        with ours, its:
            ours.setblocking(False)
            waiting = loop.create_task(loop.sock_recv(ours, 10))
            asking = loop.create_task(answered(waiting, 5.0))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            its.send(b"answer")
            loop.now += 3600
            assert await asking
            assert waiting.result() == b"answer"

    with asyncio.Runner(loop_factory=Frozen) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Frozen)
        runner.run(scenario(loop))


def test_one_that_never_answers_is_waited_for_as_long_as_was_said() -> None:
    async def scenario(loop: Frozen) -> None:
        waiting = loop.create_future()
        asking = loop.create_task(answered(waiting, 5.0))
        for _ in range(4):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            loop.now += 1.0
            for _ in range(6):
                await asyncio.sleep(0)
            assert not asking.done()
        loop.now += 1.0
        assert not await asking
        assert not waiting.cancelled()

    with asyncio.Runner(loop_factory=Frozen) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Frozen)
        runner.run(scenario(loop))


def test_a_process_that_is_gone_has_ended_and_is_not_killed_again() -> None:
    async def scenario() -> None:
        process = await asyncio.create_subprocess_exec("true")
        await process.wait()
        life = Life(process.pid)
        assert await life.ended(1.0)
        life.kill()
        life.close()

    run(scenario)
