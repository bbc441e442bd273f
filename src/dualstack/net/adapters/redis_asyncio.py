"""Connections for redis-py's asyncio client, raced. Needs redis, and nothing else here does.

>>> import redis.asyncio  # doctest: +SKIP
>>> pool = redis.asyncio.ConnectionPool(connection_class=Connection, host="cache.example")  # doctest: +SKIP
>>> client = redis.asyncio.Redis.from_pool(pool)  # doctest: +SKIP
"""

import socket
from typing import TYPE_CHECKING, ClassVar, cast

import redis.asyncio

from dualstack.net.dial.asyncio_calls import open_connection
from dualstack.net.dial.dialer import Dialer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Connection", "SSLConnection"]


class Connection(redis.asyncio.Connection):
    """`redis.asyncio.Connection` over every address of the host; `socket_connect_timeout` is for all together."""

    dialer: ClassVar[Dialer | None] = None
    """The policy; the default one shares its history with all who name none."""

    async def _connect(self) -> None:
        where = self._connection_arguments()
        reader, writer = await open_connection(**where, timeout=self.socket_connect_timeout, dialer=self.dialer)
        try:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.socket_keepalive:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for option, value in cast("Mapping[int, int]", self.socket_keepalive_options).items():
                    sock.setsockopt(socket.IPPROTO_TCP, option, value)
        except BaseException:
            writer.transport.abort()
            raise
        self._reader, self._writer = reader, writer


class SSLConnection(redis.asyncio.SSLConnection, Connection):
    """The same with TLS; the first handshake that succeeds wins."""
