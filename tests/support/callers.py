"""A client on its own host, for tests of ports that stop and start: it answers one line for each line it is told.

    hold HOST PORT COUNT     open so many connections and keep them
    held                     have each kept one echo a line: how many did
    try HOST PORT            open one connection: "echoed", or why not
    calls HOST PORT RATE     from now on, open RATE connections a second; each echoes, ends, and is told as "call ..."
    hang up                  stop calling, and tell how many calls there were and what went wrong with any

Run as a program in a namespace; the target is an echo service.
"""

import asyncio
import json
import sys
from contextlib import suppress

LIMIT_S = 60.0


async def call(host: str, port: int) -> str:
    """One whole connection: open, say, hear, end both ways."""
    try:
        async with asyncio.timeout(LIMIT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"hello\n")
                writer.write_eof()
                heard = await reader.read()
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except OSError as error:
        return type(error).__name__
    return "echoed" if heard == b"hello\n" else f"heard {heard!r}"


class Caller:
    """What the lines ask for."""

    def __init__(self) -> None:
        self._kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._calling: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._outcomes: list[str] = []

    async def hold(self, host: str, port: str, count: str) -> str:
        for _ in range(int(count)):
            self._kept.append(await asyncio.open_connection(host, int(port)))
        return await self.held()

    async def held(self) -> str:
        return str(sum(await asyncio.gather(*(self._echoes(*each) for each in self._kept))))

    async def _echoes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            async with asyncio.timeout(LIMIT_S):
                writer.write(b"still here\n")
                return await reader.readline() == b"still here\n"
        except OSError:
            return False

    async def attempt(self, host: str, port: str) -> str:
        return await call(host, int(port))

    async def calls(self, host: str, port: str, rate: str) -> str:
        self._calling = asyncio.create_task(self._keep_calling(host, int(port), float(rate)))
        return "calling"

    async def _keep_calling(self, host: str, port: int, rate: float) -> None:
        loop = asyncio.get_running_loop()
        start, count = loop.time(), 0
        while True:
            count += 1
            task = asyncio.create_task(self._call(host, port))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
            await asyncio.sleep(start + count / rate - loop.time())  # the rate that was asked for

    async def _call(self, host: str, port: int) -> None:
        self._outcomes.append(outcome := await call(host, port))
        tell(f"call {outcome}")

    async def hang_up(self) -> str:
        assert self._calling is not None
        self._calling.cancel()
        await asyncio.gather(self._calling, *self._calls, return_exceptions=True)
        wrong = [outcome for outcome in self._outcomes if outcome != "echoed"]
        return json.dumps({"calls": len(self._outcomes), "wrong": wrong})

    async def close(self) -> None:
        for _, writer in self._kept:
            writer.close()


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main() -> None:
    caller = Caller()
    verbs = {
        "hold": caller.hold,
        "held": caller.held,
        "try": caller.attempt,
        "calls": caller.calls,
        "hang": lambda _up: caller.hang_up(),
    }
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tell("ready")
    while line := (await lines.readline()).decode():
        verb, *words = line.split()
        tell(f"{verb}: {await verbs[verb](*words)}")
    await caller.close()


if __name__ == "__main__":
    asyncio.run(main())
