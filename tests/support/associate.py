"""A client of SOCKS5's UDP ASSOCIATE: a connection that asks, and a socket that sends where the answer says."""

import asyncio
import socket
from typing import Self

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import parse_target
from dualstack.wire.socks5 import client_association, client_greeting, read_bound, reply_size
from dualstack.wire.socks5_udp import header, header_size, read_header
from support.gateway import SOON, UdpClient

__all__ = ["Associated", "associate", "split"]


class Associated(UdpClient):
    """Datagrams through the proxy."""

    def __init__(self, bound: tuple[str, int], writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> None:
        super().__init__(bound[1], bound[0])
        self.bound, self.writer, self.reader = bound, writer, reader

    def send_to(self, target: str, content: bytes) -> None:
        self.say(header(parse_target(target)) + content)

    async def answer(self) -> tuple[str, bytes]:
        """Who answered, and what."""
        return split(await self.hear())

    async def ask_of(self, target: str, content: bytes = b"hello") -> tuple[str, bytes]:
        self.send_to(target, content)
        return await self.answer()

    async def hang_up(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.writer.close()


def split(datagram: bytes) -> tuple[str, bytes]:
    """The header as text, and the content."""
    cut = header_size(datagram)
    return str(read_header(datagram[:cut])), datagram[cut:]


async def reply_to(
    port: int, host: str = "127.0.0.1", request: bytes | None = None
) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """The proxy's answer to a request for an association, the greeting's left out."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(client_greeting() + (client_association() if request is None else request))
    async with asyncio.timeout(SOON):
        start = (await reader.readexactly(6))[2:]
        rest = await reader.readexactly((16 if start[3] == 4 else 4) + 2)
    return start + rest, reader, writer


async def associate(port: int, host: str = "127.0.0.1", request: bytes | None = None) -> Associated:
    """An association with the proxy on that port."""
    answer, reader, writer = await reply_to(port, host, request)
    assert reply_size(answer) == len(answer)
    bound = read_bound(answer)
    assert bound.address == Address(host), "datagrams go where the connection went"
    return Associated((str(bound.address), bound.port), writer, reader)


def udp_socket(family: int = socket.AF_INET) -> socket.socket:
    """A socket that does not block."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setblocking(False)
    return sock
