"""A plugin of pytest: our functions in the place of those that a foreign suite tests, for the whole run.

`DUALSTACK_SWAP` says which; without it nothing is changed, so that both runs are the same but for that.
"""

import asyncio
import os
import socket

import dualstack


def _standard() -> None:
    """`socket.create_connection`, and asyncio's streams, clients and servers."""
    socket.create_connection = dualstack.create_connection
    for module in (asyncio, asyncio.streams):
        module.open_connection = dualstack.open_connection
        module.start_server = dualstack.start_server


def _urllib3() -> None:
    import urllib3.util.connection

    from dualstack.urllib3 import urllib3_connection

    urllib3.util.connection.create_connection = urllib3_connection


def _aiohttp() -> None:
    import aiohttp.client
    import aiohttp.connector

    from dualstack.aiohttp import Connector

    for module in (aiohttp, aiohttp.client, aiohttp.connector):
        module.TCPConnector = Connector


def _anyio() -> None:
    """What a backend connects and listens by: a loop's `create_connection`, trio's sockets, `socket.bind`."""
    import anyio
    import anyio.abc
    from anyio._backends._asyncio import AsyncIOBackend
    from anyio._backends._trio import SocketStream, TrioBackend

    from dualstack.trio import open_tcp_stream

    async def on_asyncio(
        _cls: type, host: str, port: int, local_address: tuple[str, int] | None = None
    ) -> anyio.abc.SocketStream:
        sock = await dualstack.connect(host, port, source_address=local_address)
        return await anyio.abc.SocketStream.from_socket(sock)

    async def on_trio(
        _cls: type, host: str, port: int, local_address: tuple[str, int] | None = None
    ) -> anyio.abc.SocketStream:
        stream = await open_tcp_stream(host, port, source_address=local_address)
        return SocketStream(stream.socket)

    AsyncIOBackend.connect_tcp = classmethod(on_asyncio)
    TrioBackend.connect_tcp = classmethod(on_trio)


_SWAPS = {"standard": _standard, "urllib3": _urllib3, "aiohttp": _aiohttp, "anyio": _anyio}

for _name in filter(None, os.environ.get("DUALSTACK_SWAP", "").split(",")):
    _SWAPS[_name]()

if os.environ.get("DUALSTACK_SUITE") == "cpython":
    # Tests that want what is not on this machine are left out, as `python -m test` does by default.
    import test.support

    test.support.use_resources = []
