"""The name server of a lab, over UDP and TCP, on port 53 of the addresses that it is told.

Told of them, of names and of faults by lines of JSON on its standard input; ends when that ends.
"""

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from typing import cast

from dualstack.core.address.address import Address
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.kernel.sockets import open_sockets
from dualstack.lab.faults import Fault
from dualstack.lab.zone import SWAP_S, Answer, Zone

__all__ = ["PORT", "main"]

PORT = 53
_LENGTH = struct.Struct("!H")  # RFC 1035 section 4.2.2
Send = Callable[[bytes], None]


class _Server:
    """Answers as the zone of the moment says."""

    def __init__(self) -> None:
        self.zone = Zone()
        self._listens: set[str] = set()
        self._held: dict[tuple[str, str, int], tuple[asyncio.TimerHandle, Callable[[], None]]] = {}

    async def obey(self, line: str) -> None:
        """Take what is told of names and faults in place of what was, and listen on what addresses are new."""
        told = json.loads(line)
        self.zone = Zone(
            {name: tuple(addresses) for name, addresses in told["names"].items()},
            {
                client: {int(family): address for family, address in beside.items()}
                for client, beside in told["dead"].items()
            },
            tuple(Fault(**fault) for fault in told["faults"]),
            {name: tuple(records) for name, records in told["records"].items()},
        )
        new = [address for address in told["listen"] if address not in self._listens]
        self._listens.update(new)
        await self._listen(new)

    async def _listen(self, addresses: Sequence[str]) -> None:
        """On each by itself: an answer comes from the address that was asked, whatever others there are."""
        for sock in open_sockets([_spec(text, proto) for text in addresses for proto in ("udp", "tcp")]):
            if sock.type == socket.SOCK_DGRAM:
                loop = asyncio.get_running_loop()
                await loop.create_datagram_endpoint(lambda: _OverUdp(self), sock=sock)
            else:
                await asyncio.start_server(lambda reader, writer: _over_tcp(self, reader, writer), sock=sock)

    def asked(self, packet: bytes, client: str, send: Send, *, over_tcp: bool = False) -> None:
        """Answer now, later, or never."""
        answer = self.zone.answer(packet, client, over_tcp=over_tcp)
        if answer is not None:
            asyncio.get_running_loop().call_later(answer.after_s, self._send, answer, send)

    def _send(self, answer: Answer, send: Send) -> None:
        """Send it, or hold it until the other family's answer has gone out."""
        if answer.swap_key is None:
            send(answer.packet)
            return
        client, name, family = answer.swap_key
        other = self._held.pop((client, name, 10 - family), None)
        if other is None:
            timer = asyncio.get_running_loop().call_later(SWAP_S, self._let_go, answer.swap_key)
            self._held[answer.swap_key] = timer, lambda: send(answer.packet)
            return
        timer, send_other = other
        timer.cancel()
        send(answer.packet)
        send_other()

    def _let_go(self, key: tuple[str, str, int]) -> None:
        _, send = self._held.pop(key)
        send()


class _OverUdp(asyncio.DatagramProtocol):
    def __init__(self, server: _Server) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, packet: bytes, source: tuple[str, int]) -> None:
        self._server.asked(packet, source[0], lambda answer: self._transport.sendto(answer, source))


async def _over_tcp(server: _Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    def send(answer: bytes) -> None:
        writer.write(_LENGTH.pack(len(answer)) + answer)

    client = writer.get_extra_info("peername")[0]
    try:
        while True:
            (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
            server.asked(await reader.readexactly(length), client, send, over_tcp=True)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _serve() -> None:
    server, lines = _Server(), asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        await server.obey(line.decode())
        sys.stdout.write("null\n")
        sys.stdout.flush()


def _spec(text: str, proto: str) -> SocketSpec:
    address = Address(text)
    return SocketSpec("resolver", proto, address.version, address, PORT, address.version == 6 or None, proto=proto)


def main() -> int:
    """Be the name server until standard input ends."""
    asyncio.run(_serve())
    return 0
