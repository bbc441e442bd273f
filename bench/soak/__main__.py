"""`python -m bench.soak --minutes N`: a gateway of two workers under clients of all kinds, while it is disturbed.

Both families, half-closes, resets, connections that stay, datagrams; reloads, ports that stop, a worker stopped and one
killed each minute; a log that nobody reads, 100 silent viewers of the page, 50 clients of names whose server is silent.
Nothing may be lost, nothing wrong, descriptors and memory flat. A line each minute, a verdict at the end; exit code 1
where anything was not as it must be. What a killed worker had is lost with it, and counted apart: see `tally`.
"""

import argparse
import asyncio
import json
import random
import signal
import socket
import sys
import tempfile
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from bench.soak import clients
from bench.soak.disturbances import disturb
from bench.soak.gateway import DRAIN_S, Gateway, Size
from bench.soak.tally import Tally

_SAMPLE_S = 5.0
_WARM_S = 15.0
_END_WITHIN_S = DRAIN_S + 10.0
# What a worker that is new, and connections that come and go, make of it.
_DESCRIPTORS_MORE, _BYTES_MORE = 100, 48 << 20
_SHARE_MORE = 0.15
_COLUMNS = (
    *("calls", "exchanges", "resets", "datagrams", "dead names", "reloads", "port stops", "workers stopped"),
    *("workers killed", "with their worker", "lost", "wrong", "faults"),
)


class Soak:
    """One run."""

    def __init__(self, gateway: Gateway, silent: int, seed: int) -> None:
        self.gateway, self.tally = gateway, Tally()
        self.samples: list[Size] = []
        self._silent = silent
        self._seed = seed
        self._rows = 0

    def load(self) -> list[Coroutine[Any, Any, None]]:
        """All clients, and who disturbs."""
        tally, ports, number = self.tally, self.gateway.ports, 0

        def chance() -> random.Random:
            nonlocal number
            number += 1
            return random.Random(self._seed + number)  # noqa: S311 - a soak that can be repeated, no secret

        streams = [ports["to4"], ports["to6"], ports["named"]]
        return [
            *(clients.calls(tally, streams, chance()) for _ in range(8)),
            *(clients.talks(tally, port, chance()) for port in [*streams, ports["stopped"]] for _ in range(5)),
            *(clients.resets(tally, streams, chance()) for _ in range(2)),
            *(clients.datagrams(tally, ports["datagrams"], chance()) for _ in range(3)),
            *(clients.viewer(tally, ports["page"]) for _ in range(100)),
            *(clients.dead_names(tally, ports["proxy"], number) for number in range(50)),
            disturb(self.gateway, tally, chance()),
            self._sample(),
        ]

    async def _sample(self) -> None:
        await asyncio.sleep(_WARM_S)
        while True:
            self.samples.append(self.gateway.size())
            if not self.gateway.is_alive:
                self.tally.fault("the gateway has ended")
                return
            await asyncio.sleep(_SAMPLE_S)

    async def run(self, minutes: float) -> None:
        """Have it all happen."""
        await self.gateway.ready()
        tasks = [asyncio.create_task(each) for each in self.load()]
        try:
            left_s = minutes * 60
            while left_s > 0:
                await asyncio.sleep(min(60.0, left_s))
                left_s -= 60.0
                self.show_row()
                for task in tasks:
                    if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                        raise error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._end()

    async def _end(self) -> None:
        code, took_s, left = await self.gateway.end()
        if code != 0:
            self.tally.fault(f"the gateway ended with {code} after SIGTERM, in {took_s:.1f} s")
        elif took_s > _END_WITHIN_S:
            self.tally.fault(f"the gateway took {took_s:.1f} s to end, with drain = {DRAIN_S:g}")
        if left:
            self.tally.fault(f"processes are left after its end: {left}")
        self._judge("descriptors", [sample.descriptors for sample in self.samples], _DESCRIPTORS_MORE)
        self._judge("bytes in memory", [sample.resident_bytes for sample in self.samples], _BYTES_MORE)
        for name in ("calls", "exchanges", "datagrams", "reloads", "port stops", "page looked at"):
            if not self.tally.counts[name]:
                self.tally.fault(f"there were no {name}: nothing was shown")

    def _judge(self, what: str, values: list[int], more: int) -> None:
        """Whether the last third is about the first."""
        third = max(len(values) // 3, 1)
        first, last = median(values[:third] or [0]), median(values[-third:] or [0])
        if last > first * (1 + _SHARE_MORE) + more:
            self.tally.fault(f"{what} grew from {first:,.0f} to {last:,.0f}")

    def show_row(self) -> None:
        """One minute more."""
        counts = self.tally.counts
        size = self.samples[-1] if self.samples else Size(0, 0)
        if self._rows % 20 == 0:
            _say(" | ".join(("minute", *_COLUMNS, "descriptors", "MiB", "slowest s")))
        self._rows += 1
        numbers = [f"{self._rows:>6}", *(f"{counts[name]:>{len(name)}}" for name in _COLUMNS)]
        ends = f"{size.descriptors:>11} | {size.resident_bytes / (1 << 20):>3.0f} | {self.tally.slowest_s:>9.1f}"
        _say(" | ".join((*numbers, ends)))

    def document(self) -> dict[str, object]:
        """All that was counted."""
        return {
            "version": 1,
            "verdict": "held" if not self.tally.counts["faults"] else "failed",
            "seed": self._seed,
            "counts": dict(self.tally.counts),
            "slowest_s": round(self.tally.slowest_s, 3),
            "faults": self.tally.faults,
            "samples": [asdict(sample) for sample in self.samples],
        }


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _free_ports(count: int) -> list[int]:
    """Port numbers that nobody has on either loopback, for TCP and UDP."""
    with ExitStack() as stack:
        found = []
        while len(found) < count:
            sock = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            found.append(int(sock.getsockname()[1]))
        return found


async def _soak(minutes: float, seed: int) -> Soak:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    server, transport, port = await clients.behind()
    names = ("to6", "to4", "named", "stopped", "datagrams", "proxy", "page")
    with ExitStack() as undo:
        undo.callback(server.close)
        undo.callback(transport.close)
        silent = undo.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        silent.bind(("127.0.0.1", 0))
        ports = dict(zip(names, _free_ports(len(names)), strict=True))
        place = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="dualstack-soak-")))
        gateway = Gateway(place, {**ports, "behind": port, "silent": silent.getsockname()[1]})
        undo.callback(gateway.kill)
        soak = Soak(gateway, silent.getsockname()[1], seed)
        await soak.run(minutes)
    return soak


def main() -> int:
    """Soak, and say how it went."""
    arguments = argparse.ArgumentParser(prog="make soak ARGS=...", description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=30.0, metavar="N", help="for how long (default 30)")
    arguments.add_argument("--seed", type=int, default=1, metavar="N", help="another course of events")
    arguments.add_argument("--json", action="store_true", help="print a document on standard output")
    given = arguments.parse_args()
    try:
        soak = asyncio.run(_soak(given.minutes, given.seed))
    except (KeyboardInterrupt, asyncio.CancelledError):
        _say("interrupted; nothing is left running")
        return 130
    document = soak.document()
    for fault in soak.tally.faults:
        _say(f"fault: {fault}")
    if soak.tally.more_faults:
        _say(f"and {soak.tally.more_faults} faults more")
    if given.json:
        sys.stdout.write(json.dumps(document) + "\n")
    _say(f"verdict: {document['verdict']}")
    return 1 if soak.tally.counts["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
