"""`asyncio.start_server` over all the sockets of a listen text: several servers, one a socket, as one.

asyncio is imported when a server is first started: whoever has that done has imported it.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from dualstack.kernel.socket_options import BACKLOG
from dualstack.net.listen import Where, bind_sockets

if TYPE_CHECKING:
    import asyncio
    import socket
    import ssl as _ssl
    from collections.abc import Iterable
    from typing import Self

__all__ = ["ClientConnected", "Server", "start_server"]

ClientConnected: TypeAlias = "Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None]"


async def start_server(
    client_connected_cb: "ClientConnected",
    where: Where = None,
    port: int | None = None,
    *,
    host: Where = None,
    v6only: bool = False,
    family: int = 0,
    sockets: str = "auto",
    sock: "socket.socket | None" = None,
    backlog: int = BACKLOG,
    limit: int = 2**16,
    ssl: "_ssl.SSLContext | None" = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    start_serving: bool = True,
) -> "Server":
    """`asyncio.start_server` for a listen text; returns a `Server` over all of its sockets.

    Args:
        client_connected_cb: called with a reader and a writer for each connection.
        where: as for `bind_sockets`; with `port` beside it a host, as asyncio has it.
        port: likewise.
        host: asyncio's word for `where`.
        v6only: as for `bind_sockets`.
        family: likewise.
        sockets: likewise.
        sock: one that listens or is bound, instead of all these.
        backlog: connections that may wait to be accepted.
        limit: the reader's buffer, bytes.
        ssl: a context for TLS.
        ssl_handshake_timeout: seconds for each handshake; 60 where it is left out.
        ssl_shutdown_timeout: seconds for the end of TLS; 30 where it is left out.
        start_serving: accept at once.

    Raises:
        AddressError, ConfigError, ListenError: as `bind_sockets` says.
        ValueError: arguments that exclude each other.
    """
    import asyncio
    from contextlib import ExitStack

    where = _one_where(where, host, port, sock)
    opened = [sock] if sock is not None else None
    if opened is None:
        opened = bind_sockets(where, port=port, v6only=v6only, family=family, sockets=sockets, backlog=backlog)
    loop = asyncio.get_running_loop()
    told = _Told(client_connected_cb)

    def stream() -> asyncio.StreamReaderProtocol:
        reader = asyncio.StreamReader(limit=limit, loop=loop)
        return asyncio.StreamReaderProtocol(reader, told.callback, loop=loop)

    with ExitStack() as undo:
        for each in opened if sock is None else ():
            undo.callback(each.close)
        servers = []
        for each in opened:
            # Not `asyncio.start_server`, in whose place a program may have put this very function.
            server = await loop.create_server(
                stream,
                sock=each,
                backlog=backlog,
                ssl=ssl,
                ssl_handshake_timeout=ssl_handshake_timeout,
                ssl_shutdown_timeout=ssl_shutdown_timeout,
                start_serving=start_serving,
            )
            undo.callback(server.close)
            servers.append(server)
        undo.pop_all()
    return Server(tuple(servers), told.transports)


def _one_where(where: Where, host: Where, port: int | None, sock: "socket.socket | None") -> Where:
    if where is not None and host is not None:
        raise ValueError("where and host are two words for one thing: give either")
    where = host if where is None else where
    if sock is not None and (where is not None or port is not None):
        raise ValueError("where and port say what to open, and sock is open: give either")
    if sock is None and where is None and port is None:
        raise ValueError('nothing says what to open: write "*:8080", or give port or sock')
    return where


# Before 3.13 asyncio does not know its servers' connections.
_KNOWS_CLIENTS = sys.version_info >= (3, 13)


class _Told:
    """Who is told of connections, remembering them where asyncio itself does not."""

    def __init__(self, client_connected_cb: "ClientConnected") -> None:
        from weakref import WeakSet

        self.transports: WeakSet[asyncio.WriteTransport] = WeakSet()
        self._callback = client_connected_cb
        self.callback: ClientConnected = client_connected_cb if _KNOWS_CLIENTS else self._remember

    def _remember(self, reader: "asyncio.StreamReader", writer: "asyncio.StreamWriter") -> Awaitable[None] | None:
        self.transports.add(writer.transport)
        return self._callback(reader, writer)


class Server:
    """Several `asyncio.Server`s, one a socket, as one."""

    def __init__(
        self, servers: "tuple[asyncio.Server, ...]", transports: "Iterable[asyncio.WriteTransport]" = ()
    ) -> None:
        self._servers = servers
        self._transports = transports

    @property
    def sockets(self) -> "tuple[socket.socket, ...]":
        """The listening sockets."""
        return tuple(sock for server in self._servers for sock in server.sockets)

    def get_loop(self) -> "asyncio.AbstractEventLoop":
        """The loop that accepts."""
        return self._servers[0].get_loop()

    def is_serving(self) -> bool:
        """Whether every socket accepts."""
        return all(server.is_serving() for server in self._servers)

    async def start_serving(self) -> None:
        """Accept on all sockets."""
        for server in self._servers:
            await server.start_serving()

    async def serve_forever(self) -> None:
        """Accept until cancelled; then all sockets are closed."""
        import asyncio

        try:
            await asyncio.gather(*(server.serve_forever() for server in self._servers))
        finally:
            self.close()

    def close(self) -> None:
        """Stop listening; connections go on."""
        for server in self._servers:
            server.close()

    def close_clients(self) -> None:
        """Close every connection once what was written to it is sent; of any Python, asyncio has it from 3.13 on."""
        for server in self._servers if _KNOWS_CLIENTS else ():
            server.close_clients()  # type: ignore[attr-defined, unused-ignore]
        for transport in list(self._transports):
            transport.close()

    def abort_clients(self) -> None:
        """End every connection at once."""
        for server in self._servers if _KNOWS_CLIENTS else ():
            server.abort_clients()  # type: ignore[attr-defined, unused-ignore]
        for transport in list(self._transports):
            transport.abort()

    async def wait_closed(self) -> None:
        """Until all servers are closed."""
        for server in self._servers:
            await server.wait_closed()

    async def __aenter__(self) -> "Self":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        await self.wait_closed()
