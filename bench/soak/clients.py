"""Clients of all kinds, each a coroutine that goes on until it is cancelled, and tells a `Tally` what became of it."""

import asyncio
import random
import socket
import struct
from contextlib import closing, suppress
from time import monotonic

from bench.soak.tally import Tally

__all__ = ["behind", "calls", "datagrams", "dead_names", "resets", "talks", "viewer"]

LIMIT_S = 60.0
_SIZES = (1, 100, 5_000, 200_000)
_REST_S = 0.2
_HOSTS = ("127.0.0.1", "::1")
_RESET = struct.pack("ii", 1, 0)
_TRIES = 8


async def behind() -> tuple[asyncio.Server, asyncio.DatagramTransport, int]:
    """Echo servers on one port number: of connections on both loopbacks, of datagrams on 127.0.0.1."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        with suppress(OSError):
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    await server.start_serving()
    six = await asyncio.start_server(echo, "::1", port, backlog=1024)
    # One to close.
    server_close = server.close

    def close() -> None:
        server_close()
        six.close()

    server.close = close  # type: ignore[method-assign]
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Echo, local_addr=("127.0.0.1", port))
    return server, transport, port


class _Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(data, addr)


async def calls(tally: Tally, ports: list[int], chance: random.Random) -> None:
    """One connection after another: says something, sends its end, and hears it all."""
    while True:
        host, port = chance.choice(_HOSTS), chance.choice(ports)
        said = chance.randbytes(chance.choice(_SIZES))
        began = monotonic()
        what = f"a call of {len(said)} bytes to [{host}]:{port}"
        try:
            async with asyncio.timeout(LIMIT_S):
                heard = await _call(host, port, said)
        except TimeoutError:
            tally.broke(what, began, f"not over within {LIMIT_S:g} s")
        except OSError as error:
            tally.broke(what, began, error.strerror or str(error))
        else:
            if said.startswith(heard) and heard != said:
                tally.broke(what, began, f"{len(heard)} bytes came back")
            elif heard != said:
                tally.wrong(what)
            else:
                tally.counts["calls"] += 1
                tally.answered(monotonic() - began)
        await asyncio.sleep(chance.random() * _REST_S)


async def _call(host: str, port: int, said: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        sending = asyncio.ensure_future(_say(writer, said))
        heard = await reader.read()
        await sending
    finally:
        writer.close()
    return heard


async def _say(writer: asyncio.StreamWriter, said: bytes) -> None:
    writer.write(said)
    writer.write_eof()
    await writer.drain()


async def talks(tally: Tally, port: int, chance: random.Random) -> None:
    """One connection that stays: a line and its echo, again and again; a new one where it was lost."""
    while True:
        host, began = chance.choice(_HOSTS), monotonic()
        what = f"a connection to [{host}]:{port} that stays"
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except ConnectionRefusedError:
            tally.counts["refused while stopped"] += 1
            await asyncio.sleep(_REST_S)
            continue
        except OSError as error:
            tally.broke(what, began, error.strerror or str(error))
            continue
        try:
            await _exchange(tally, reader, writer, chance, what)
        except TimeoutError:
            tally.broke(what, began, f"no answer within {LIMIT_S:g} s")
        except OSError as error:
            tally.broke(what, began, error.strerror or str(error))
        except asyncio.IncompleteReadError:
            tally.broke(what, began, "it was ended")
        finally:
            writer.close()


async def _exchange(
    tally: Tally, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: random.Random, what: str
) -> None:
    while True:
        said, began = chance.randbytes(100), monotonic()
        writer.write(said)
        async with asyncio.timeout(LIMIT_S):
            heard = await reader.readexactly(len(said))
        if heard != said:
            tally.wrong(what)
        tally.counts["exchanges"] += 1
        tally.answered(monotonic() - began)
        await asyncio.sleep(chance.random())


async def resets(tally: Tally, ports: list[int], chance: random.Random) -> None:
    """Connections that say something and are reset."""
    loop = asyncio.get_running_loop()
    while True:
        host = chance.choice(_HOSTS)
        with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as sock, suppress(OSError):
            sock.setblocking(False)
            await loop.sock_connect(sock, (host, chance.choice(ports)))
            await loop.sock_sendall(sock, bytes(1000))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        tally.counts["resets"] += 1
        await asyncio.sleep(chance.random() * _REST_S)


async def datagrams(tally: Tally, port: int, chance: random.Random) -> None:
    """Questions by UDP; a datagram may be lost, so each is asked again for a while, as a resolver does."""
    loop = asyncio.get_running_loop()
    while True:
        host, began = chance.choice(_HOSTS), monotonic()
        with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            sock.setblocking(False)
            sock.connect((host, port))
            said = chance.randbytes(64)
            for _ in range(_TRIES):
                with suppress(TimeoutError, OSError):
                    await loop.sock_sendall(sock, said)
                    async with asyncio.timeout(2.0):
                        if await loop.sock_recv(sock, 1000) != said:
                            tally.wrong(f"an answer from [{host}]:{port} by UDP")
                    tally.counts["datagrams"] += 1
                    break
            else:
                tally.broke(f"a question to [{host}]:{port} by UDP", began, f"no answer to {_TRIES} of them")
        await asyncio.sleep(chance.random() * _REST_S)


async def viewer(tally: Tally, port: int) -> None:
    """Somebody who connects to the page and says nothing, and comes again when he is shown out."""
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await reader.read()
            finally:
                writer.close()
            tally.counts["viewers shown out"] += 1
        await asyncio.sleep(1.0)


async def dead_names(tally: Tally, port: int, number: int) -> None:
    """Somebody who asks the proxy for a name whose server is silent, and again when he hears that there is none."""
    name = f"dead-{number}.test".encode()
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"\x05\x01\x00")
                await reader.readexactly(2)
                writer.write(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + b"\x00\x50")
                if (await reader.readexactly(2))[1] == 0:
                    tally.wrong("a name that nobody answers for was reached")
            finally:
                writer.close()
            tally.counts["dead names"] += 1
        await asyncio.sleep(0.5)
