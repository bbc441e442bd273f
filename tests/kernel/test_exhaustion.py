"""No descriptor left: clients wait, all are served as room is made, nothing spins, and it is said once (X1)."""

import asyncio
import sys
from collections.abc import Callable
from time import monotonic

import pytest

from support.crowd import Behind, Limited, Talker, cpu_s, run_crowd

DESCRIPTORS = 64
CLIENTS = 240
WAVES = 4
CROWD = 60


def relay(behind: Behind) -> tuple[tuple[str, ...], str | None]:
    return ("relay", "127.0.0.1:0", f"127.0.0.1:{behind.port}"), None


def relay_by_name(behind: Behind) -> tuple[tuple[str, ...], str | None]:
    return ("relay", "127.0.0.1:0", f"localhost:{behind.port}"), None


def proxy(behind: Behind) -> tuple[tuple[str, ...], str | None]:
    return ("proxy", "127.0.0.1:0"), f"127.0.0.1:{behind.port}"


def proxy_by_name(behind: Behind) -> tuple[tuple[str, ...], str | None]:
    return ("proxy", "127.0.0.1:0"), f"localhost:{behind.port}"


def a_child_each(_: Behind) -> tuple[tuple[str, ...], str | None]:
    return ("relay", "127.0.0.1:0", "exec:cat"), None


WAYS = pytest.mark.parametrize("way", [relay, relay_by_name, proxy, proxy_by_name, a_child_each])
Way = Callable[[Behind], tuple[tuple[str, ...], str | None]]


@WAYS
def test_with_few_descriptors_every_client_is_served_as_room_is_made(way: Way) -> None:
    async def scenario() -> None:
        async with Behind.echo() as behind:
            argv, target = way(behind)
            with Limited(DESCRIPTORS, *argv, "--connect-timeout", "2") as gateway:

                async def call() -> None:
                    talker = await Talker.open(gateway.port, by_proxy_to=target)
                    await talker.ask()
                    await talker.close()

                began = monotonic()
                for _ in range(WAVES):
                    async with asyncio.timeout(40):
                        await asyncio.gather(*(call() for _ in range(CLIENTS // WAVES)))
                elapsed_s = monotonic() - began
                said = [line for line in gateway.err.said if "descriptors short" in line]
                sys.stdout.write(f"{CLIENTS} clients, {DESCRIPTORS} descriptors: all served in {elapsed_s:.2f} s\n")
                assert len(said) <= 1

    run_crowd(scenario)


@pytest.mark.parametrize("way", [relay, proxy_by_name])
def test_who_waits_for_descriptors_costs_nothing_and_is_served_when_others_leave(way: Way) -> None:
    async def scenario() -> None:
        async with Behind.echo() as behind:
            argv, target = way(behind)
            with Limited(DESCRIPTORS, *argv, "--connect-timeout", "1") as gateway:
                served: list[Talker] = []
                release = asyncio.Event()

                async def stay() -> None:
                    talker = await Talker.open(gateway.port, by_proxy_to=target)
                    await talker.ask()
                    served.append(talker)
                    await release.wait()
                    await talker.close()

                crowd = [asyncio.create_task(stay()) for _ in range(CROWD)]
                await asyncio.to_thread(gateway.err.until, "descriptors short")

                before_s, from_s, slowest_s = cpu_s(gateway.pid), monotonic(), 0.0
                while monotonic() < from_s + 1.5:  # longer than the time to connect, which must not run
                    for each in served:
                        # Those who are there are served all along.
                        slowest_s = max(slowest_s, await each.ask())
                    await asyncio.sleep(0.05)
                share = (cpu_s(gateway.pid) - before_s) / (monotonic() - from_s)
                there = len(served)
                sys.stdout.write(
                    f"{there} are served, the slowest answer in {slowest_s * 1e3:.1f} ms, {CROWD - there} wait: "
                    f"{share:.1%} of a processor\n"
                )
                assert 0 < there < CROWD
                assert share < 0.5

                release.set()
                await asyncio.gather(*crowd)
                assert len(served) == CROWD
                await asyncio.to_thread(gateway.err.until, "descriptors suffice")
                assert sum("descriptors short" in line for line in gateway.err.said) == 1
                assert not [line for line in gateway.err.said if "unreached" in line or "Traceback" in line]

    run_crowd(scenario)
