"""What is done to the gateway each minute: reloads, ports stopped, a worker stopped (SIGSTOP), a worker killed."""

import asyncio
import os
import random
import signal
import urllib.request
from collections.abc import Awaitable, Callable
from time import monotonic

from bench.soak.gateway import Gateway
from bench.soak.tally import Tally

__all__ = ["SCHEDULE", "disturb"]

# A worker that hangs is to be seen within seven seconds; the machine may be busy.
_BACK_S = 30.0
_ANSWER_S = 30.0


async def _reload(gateway: Gateway, tally: Tally, _chance: random.Random) -> None:
    if await gateway.reload(_ANSWER_S):
        tally.counts["reloads"] += 1
    else:
        tally.fault(f"a reload was not carried out within {_ANSWER_S:g} s")


async def _stop_port(gateway: Gateway, tally: Tally, _chance: random.Random) -> None:
    await gateway.tell("stop", "stopped")
    try:
        await asyncio.open_connection("127.0.0.1", gateway.ports["stopped"])
    except ConnectionRefusedError:
        tally.counts["port stops"] += 1
    else:
        tally.fault("a port that is stopped lets clients in")
    await asyncio.sleep(1.0)
    await gateway.tell("start", "stopped")


async def _lose_worker(gateway: Gateway, tally: Tally, chance: random.Random, number: signal.Signals) -> None:
    pid = chance.choice(gateway.workers())
    began = monotonic()
    # Whatever it has is its own until it is gone, a moment more for who is told late.
    window = len(tally.kills)
    tally.kills.append((began, began + _BACK_S))
    os.kill(pid, number)
    took_s = await gateway.workers_are_back(pid, _BACK_S)
    tally.kills[window] = (began, monotonic() + 1.0)
    if took_s is None:
        tally.fault(f"worker {pid} was not replaced within {_BACK_S:g} s of {number.name}")
    else:
        tally.counts["workers stopped" if number is signal.SIGSTOP else "workers killed"] += 1


async def _stop_worker(gateway: Gateway, tally: Tally, chance: random.Random) -> None:
    """And ask meanwhile for what must not wait for it."""
    losing = asyncio.create_task(_lose_worker(gateway, tally, chance, signal.SIGSTOP))
    async with asyncio.timeout(_ANSWER_S):
        await gateway.port_states()
    await losing


async def _kill_worker(gateway: Gateway, tally: Tally, chance: random.Random) -> None:
    await _lose_worker(gateway, tally, chance, signal.SIGKILL)


async def _look_at_page(gateway: Gateway, tally: Tally, _chance: random.Random) -> None:
    url = f"http://127.0.0.1:{gateway.ports['page']}/snapshot.json"

    def look() -> int:
        with urllib.request.urlopen(url, timeout=_ANSWER_S) as answer:
            return len(answer.read())

    if await asyncio.to_thread(look):
        tally.counts["page looked at"] += 1


Disturbance = Callable[[Gateway, Tally, random.Random], Awaitable[None]]

SCHEDULE: tuple[tuple[float, Disturbance], ...] = (
    *((second, _reload) for second in (5.0, 25.0, 50.0)),
    *((second, _stop_port) for second in (8.0, 28.0, 48.0)),
    *((second, _look_at_page) for second in (3.0, 23.0, 43.0, 53.0)),
    (12.0, _stop_worker),
    (35.0, _kill_worker),
)
"""What is done at which second of each minute."""


async def disturb(gateway: Gateway, tally: Tally, chance: random.Random) -> None:
    """Do all of it, minute after minute, each thing once the one before is over."""
    loop = asyncio.get_running_loop()
    minute = loop.time()
    while True:
        for second, disturbance in sorted(SCHEDULE, key=lambda planned: planned[0]):
            await asyncio.sleep(minute + second - loop.time())
            try:
                await disturbance(gateway, tally, chance)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not have happened
                tally.fault(f"{disturbance.__name__.strip('_')}: {type(error).__name__}: {error}")
        minute += 60.0
