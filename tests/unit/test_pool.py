"""`net.names.thread_pool`: blocking calls in threads that nobody waits for."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from math import inf

import pytest

from dualstack.core.dial.lookup_shares import MYSELF, Asker
from dualstack.net.names.thread_pool import LimitReachedError, Pool, asked_by, why_late


class Gate:
    """A call that hangs until the test opens it, and counts how many hang at once."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._lock = threading.Lock()
        self._inside = 0
        self.most_inside = 0
        self.entered = threading.Semaphore(0)

    def __call__(self) -> str:
        with self._lock:
            self._inside += 1
            self.most_inside = max(self.most_inside, self._inside)
        self.entered.release()
        self._open.wait()
        with self._lock:
            self._inside -= 1
        return "late"

    def open(self) -> None:
        self._open.set()


class Threads:
    """Starts the threads of a pool and knows them, so that a test can wait for their end."""

    def __init__(self) -> None:
        self.started: list[threading.Thread] = []

    def __call__(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.started.append(thread)

    def wait(self) -> None:
        for thread in self.started:
            thread.join(timeout=60)
            assert not thread.is_alive()


@pytest.fixture
def threads() -> Threads:
    return Threads()


@pytest.fixture
def gate(threads: Threads) -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()
    threads.wait()


def test_what_a_call_returns_comes_back(threads: Threads) -> None:
    assert Pool(start=threads).run(lambda: 7, timeout=60) == 7


def test_what_a_call_raises_comes_back(threads: Threads) -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        Pool(start=threads).run(fail, timeout=60)


def test_a_call_past_its_limit_is_left_alone(threads: Threads, gate: Gate) -> None:
    with pytest.raises(LimitReachedError):
        Pool(idle_s=0, start=threads).run(gate, timeout=0.01)


def test_a_thread_is_used_again(threads: Threads) -> None:
    pool = Pool(idle_s=5, start=threads)
    for _ in range(20):
        pool.run(lambda: None, timeout=60)
    # A call may come before the thread that answered the last one is idle again.
    assert len(threads.started) <= 2


def test_an_idle_thread_ends(threads: Threads) -> None:
    pool = Pool(idle_s=0, start=threads)
    pool.run(lambda: None, timeout=60)
    threads.wait()
    assert pool.threads == 0


def test_no_more_threads_than_the_limit_and_the_others_queue(threads: Threads, gate: Gate) -> None:
    pool = Pool(threads=3, turn_s=inf, idle_s=0, start=threads)

    async def ask() -> None:
        asked = [asyncio.create_task(pool.run_async(gate, timeout=60)) for _ in range(10)]
        await asyncio.sleep(0)
        assert (pool.threads, len(threads.started)) == (3, 3)
        for _ in range(3):
            assert await asyncio.to_thread(gate.entered.acquire, timeout=60)
        assert pool.queued == 7
        gate.open()
        assert await asyncio.gather(*asked) == ["late"] * 10

    asyncio.run(ask())
    assert gate.most_inside == 3


def test_a_queued_call_keeps_its_limit_and_leaves_the_queue(threads: Threads, gate: Gate) -> None:
    pool = Pool(threads=1, places=1, turn_s=inf, idle_s=0, start=threads)
    pool.put(gate, lambda _outcome: None)
    assert gate.entered.acquire(timeout=20)
    begun = []
    for _ in range(3):
        with pytest.raises(LimitReachedError) as caught:
            pool.run(gate, timeout=0.01)
        begun.append(caught.value.has_begun)
    assert (pool.threads, pool.queued) == (1, 0)
    assert begun == [False, False, False]


def test_a_cancelled_caller_is_gone_at_once_and_nothing_is_left_of_it(threads: Threads, gate: Gate) -> None:
    pool = Pool(idle_s=0, start=threads)

    async def ask() -> None:
        asked = asyncio.create_task(pool.run_async(gate, timeout=60))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        gate.open()
        await asyncio.to_thread(threads.wait)

    asyncio.run(ask())


def test_a_result_after_the_loop_has_closed_is_dropped(threads: Threads, gate: Gate) -> None:
    pool = Pool(idle_s=0, start=threads)

    async def ask() -> None:
        with pytest.raises(LimitReachedError):
            await pool.run_async(gate, timeout=0.01)

    asyncio.run(ask())
    gate.open()
    threads.wait()


def test_an_error_in_asyncio_comes_back(threads: Threads) -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        asyncio.run(Pool(start=threads).run_async(fail, timeout=60))


def test_without_any_thread_the_caller_is_told() -> None:
    def start(_work: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    pool = Pool(start=start)
    with pytest.raises(RuntimeError):
        pool.run(lambda: None, timeout=60)
    assert (pool.threads, pool.queued) == (0, 0)


def test_without_another_thread_those_there_do_the_work(threads: Threads, gate: Gate) -> None:
    def start(work: Callable[[], None]) -> None:
        if threads.started:
            raise RuntimeError("can't start new thread")
        threads(work)

    pool = Pool(idle_s=0, start=start)
    with pytest.raises(LimitReachedError):
        pool.run(gate, timeout=0.01)

    async def ask() -> None:
        asked = asyncio.create_task(pool.run_async(lambda: 7, timeout=60))
        await asyncio.sleep(0)
        gate.open()
        assert await asked == 7

    asyncio.run(ask())


FORK = """
import os, threading
from dualstack.net.names.thread_pool import LimitReachedError, Pool
pool = Pool()
try:
    pool.run(threading.Event().wait, timeout=0.01)
except LimitReachedError:
    pass
child = os.fork()
if child == 0:
    os._exit(0 if pool.run(lambda: 7, timeout=60) == 7 and pool.threads == 1 else 1)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork(2) on this system")
def test_after_a_fork_the_child_has_an_empty_pool_that_works() -> None:
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=20)


HANG = """
import asyncio, threading
from dualstack.net.names.thread_pool import LimitReachedError, Pool
hang = threading.Event().wait
try:
    Pool().run(hang, timeout=0.01)
except LimitReachedError:
    pass
try:
    asyncio.run(Pool().run_async(hang, timeout=0.01))
except LimitReachedError:
    print("left")
"""


def test_calls_that_never_end_do_not_keep_the_process_alive() -> None:
    done = subprocess.run([sys.executable, "-c", HANG], check=True, timeout=20, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("left\n", "")


def test_calls_that_hang_for_many_others_do_not_keep_one_from_its_turn(threads: Threads, gate: Gate) -> None:
    pool = Pool(threads=4, turn_s=0.001, idle_s=0, start=threads)
    for client in range(200):
        pool.put(gate, lambda _outcome: None, Asker("proxy", str(client)))
    for asker in (Asker("proxy", "another"), Asker("relay"), MYSELF):
        with asked_by(asker):
            assert pool.run(lambda: "good", timeout=60) == "good"


def test_an_abandoned_call_gives_its_place_up(threads: Threads, gate: Gate) -> None:
    pool = Pool(threads=1, turn_s=inf, idle_s=0, start=threads)
    for _ in range(20):
        job = pool.put(gate, lambda _outcome: None)
        assert gate.entered.acquire(timeout=20)
        pool.drop(job)
    assert pool.run(lambda: "good", timeout=60) == "good"
    assert not pool.is_at_rest


def test_no_more_calls_than_places_are_ever_under_way(threads: Threads, gate: Gate) -> None:
    pool = Pool(turn_s=0.001, places=5, idle_s=0, start=threads)
    jobs = [pool.put(gate, lambda _outcome: None) for _ in range(20)]
    for _ in range(5):
        assert gate.entered.acquire(timeout=20)
    for job in jobs:
        pool.drop(job)
    with pytest.raises(LimitReachedError) as caught:
        pool.run(lambda: None, timeout=0.01)
    assert not caught.value.has_begun
    assert gate.most_inside == 5


def test_what_is_said_of_a_call_that_nobody_began() -> None:
    assert why_late(2.0, has_begun=True) == "no answer within 2 s"
    assert "waited for its turn for 2 s" in why_late(2.0, has_begun=False)
