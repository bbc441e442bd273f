"""Who connects: each library by its own documented call, nothing tuned; ours by the calls that stand in for them.

A peer connects so many times in a row and closes each connection; the seconds are taken inside its loop, so that no
loop's beginning or end is in them.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import dualstack

__all__ = ["OURS", "OURS_ASYNC", "OURS_DNS", "PEERS", "PROGRAMS", "RAW", "Peer", "Spent", "forget", "installed"]

RAW = "raw connect"
OURS = "dualstack, blocking"
OURS_ASYNC = "dualstack, asyncio"
OURS_DNS = "dualstack, asyncio, DnsResolver"

_DELAY_S = 0.25
_LIMIT_S = 20.0

Where = tuple[str, int]


@dataclass(frozen=True)
class Spent:
    """Seconds a connection: on the wall's clock, and of the processor."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Peer:
    """One way to connect.

    Args:
        name: as the table has it.
        module: what must be there.
        run: connects so often to a host and port, and tells what each cost.
        takes: what it is measured with: a literal, a name, a pair of addresses that is known.
    """

    name: str
    module: str
    run: Callable[[str, int, int], Spent]
    takes: tuple[str, ...] = ("literal", "name", "silent", "refused")


def _spent(began: tuple[float, float], times: int) -> Spent:
    return Spent((time.perf_counter() - began[0]) / times, (time.process_time() - began[1]) / times)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _blocking(connect: Callable[[Where], socket.socket], host: str, port: int, times: int) -> Spent:
    began = _now()
    for _ in range(times):
        connect((host, port)).close()
    return _spent(began, times)


async def _in_turn(connect: Callable[[str, int], Awaitable[object]], host: str, port: int, times: int) -> Spent:
    began = _now()
    for _ in range(times):
        await connect(host, port)
    return _spent(began, times)


def _asyncio(connect: Callable[[str, int], Awaitable[object]], host: str, port: int, times: int) -> Spent:
    return asyncio.run(_in_turn(connect, host, port, times))


def _raw(where: Where) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in where[0] else socket.AF_INET)
    sock.connect(where)
    return sock


def _create_connection(where: Where) -> socket.socket:
    return socket.create_connection(where, _LIMIT_S)


class _Ours:
    """Our dialler; a new one has learnt nothing yet."""

    dialer = dualstack.Dialer()
    _by_servers: dualstack.Dialer | None = None

    @classmethod
    def by_servers(cls) -> dualstack.Dialer:
        """The one that asks name servers itself."""
        if cls._by_servers is None:
            from dualstack.dns import DnsResolver

            cls._by_servers = dualstack.Dialer(resolver=DnsResolver())
        return cls._by_servers

    @classmethod
    def forget(cls) -> None:
        cls.dialer, cls._by_servers = dualstack.Dialer(), None


def forget() -> None:
    """Begin with a dialler that has learnt nothing."""
    _Ours.forget()


def _ours(where: Where) -> socket.socket:
    return _Ours.dialer.create_connection(where, _LIMIT_S)


def _urllib3(where: Where) -> socket.socket:
    from urllib3.util.connection import create_connection

    return create_connection(where, _LIMIT_S)


async def _ours_async(host: str, port: int) -> None:
    (await _Ours.dialer.connect(host, port, timeout=_LIMIT_S)).close()


async def _ours_by_servers(host: str, port: int) -> None:
    (await _Ours.by_servers().connect(host, port, timeout=_LIMIT_S)).close()


async def _ours_pair(_host: str, port: int) -> None:
    (await _Ours.dialer.connect(("::1", "127.0.0.1"), port, timeout=_LIMIT_S)).close()


async def _ours_streams(host: str, port: int) -> None:
    _, writer = await _Ours.dialer.open_connection(host, port, timeout=_LIMIT_S)
    writer.transport.abort()


async def _open_connection(host: str, port: int, **options: float) -> None:
    _, writer = await asyncio.open_connection(host, port, **options)
    writer.transport.abort()


async def _aiohappyeyeballs(host: str, port: int) -> None:
    import aiohappyeyeballs

    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    (await aiohappyeyeballs.start_connection(infos, happy_eyeballs_delay=_DELAY_S)).close()


async def _aiohappyeyeballs_pair(_host: str, port: int) -> None:
    import aiohappyeyeballs

    infos = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
    ]
    (await aiohappyeyeballs.start_connection(infos, happy_eyeballs_delay=_DELAY_S)).close()


async def _anyio(host: str, port: int) -> None:
    import anyio

    stream = await anyio.connect_tcp(host, port, happy_eyeballs_delay=_DELAY_S)
    await stream.aclose()


async def _trio_stream(host: str, port: int) -> None:
    import trio

    stream = await trio.open_tcp_stream(host, port)
    await stream.aclose()


def _trio(host: str, port: int, times: int) -> Spent:
    import trio

    return trio.run(_in_turn, _trio_stream, host, port, times)


def _uvloop(host: str, port: int, times: int) -> Spent:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_in_turn(_open_connection, host, port, times))


def _ours_on_uvloop(host: str, port: int, times: int) -> Spent:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_in_turn(_ours_async, host, port, times))


PEERS: tuple[Peer, ...] = (
    Peer(RAW, "socket", partial(_blocking, _raw), ("literal",)),
    Peer("socket.create_connection", "socket", partial(_blocking, _create_connection)),
    Peer("urllib3", "urllib3", partial(_blocking, _urllib3)),
    Peer(OURS, "dualstack", partial(_blocking, _ours)),
    Peer("asyncio.open_connection", "asyncio", partial(_asyncio, _open_connection)),
    Peer(
        "asyncio, happy_eyeballs_delay",
        "asyncio",
        partial(_asyncio, partial(_open_connection, happy_eyeballs_delay=_DELAY_S)),
    ),
    Peer("aiohappyeyeballs", "aiohappyeyeballs", partial(_asyncio, _aiohappyeyeballs)),
    Peer("aiohappyeyeballs", "aiohappyeyeballs", partial(_asyncio, _aiohappyeyeballs_pair), ("pair",)),
    Peer("anyio", "anyio", partial(_asyncio, _anyio)),
    Peer("trio", "trio", _trio),
    Peer("uvloop", "uvloop", _uvloop),
    Peer(OURS_ASYNC, "dualstack", partial(_asyncio, _ours_async)),
    Peer(OURS_ASYNC, "dualstack", partial(_asyncio, _ours_pair), ("pair",)),
    Peer(OURS_DNS, "dns", partial(_asyncio, _ours_by_servers), ("name", "silent", "refused")),
    Peer("dualstack, open_connection", "dualstack", partial(_asyncio, _ours_streams)),
    Peer("dualstack, on uvloop", "uvloop", _ours_on_uvloop),
)


def installed() -> tuple[list[Peer], list[str]]:
    """The peers that are here, and the names of those that are not."""
    from importlib.util import find_spec

    here = [peer for peer in PEERS if find_spec(peer.module) is not None]
    return here, [peer.name for peer in PEERS if peer not in here]


def _curl(host: str, port: int) -> float:
    command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{time_connect}"]
    done = subprocess.run(
        [*command, f"http://{host}:{port}/"], capture_output=True, text=True, check=False, timeout=_LIMIT_S
    )
    return float(done.stdout)


_NODE = """
const net = require('net'); const began = process.hrtime.bigint();
const s = net.connect({host: process.argv[1], port: Number(process.argv[2])});
s.on('connect', () => { console.log(Number(process.hrtime.bigint() - began) / 1e9); s.destroy(); });
s.on('error', () => { console.log('nan'); });
"""


def _node(host: str, port: int) -> float:
    done = subprocess.run(
        ["node", "-e", _NODE, "--", host, str(port)], capture_output=True, text=True, check=False, timeout=_LIMIT_S
    )
    return float(done.stdout or "nan")


PROGRAMS: Sequence[tuple[str, Callable[[str, int], float]]] = (("curl", _curl), ("node", _node))
"""Programs of their own: the seconds until they are connected, as they tell them."""

if __name__ == "__main__":
    sys.exit("run python -m bench.connect")
