"""Connections for redis-py, raced. Needs redis, and nothing else here does.

>>> import redis  # doctest: +SKIP
>>> pool = redis.ConnectionPool(connection_class=Connection, host="cache.example")  # doctest: +SKIP
>>> client = redis.Redis(connection_pool=pool)  # doctest: +SKIP
"""

import socket
from typing import ClassVar

import redis

from dualstack.net.dial.blocking_calls import create_connection
from dualstack.net.dial.dialer import Dialer

__all__ = ["Connection", "SSLConnection"]


class Connection(redis.Connection):
    """`redis.Connection` over every address of the host; `socket_connect_timeout` is for all of them together."""

    dialer: ClassVar[Dialer | None] = None
    """The policy; the default one shares its history with all who name none."""

    def _connect(self) -> socket.socket:
        sock = create_connection((self.host, self.port), self.socket_connect_timeout, dialer=self.dialer)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.socket_keepalive:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for option, value in self.socket_keepalive_options.items():
                    sock.setsockopt(socket.IPPROTO_TCP, option, value)
            sock.settimeout(self.socket_timeout)
        except BaseException:
            sock.close()
            raise
        return sock


class SSLConnection(redis.SSLConnection, Connection):
    """The same with TLS: `redis.SSLConnection` wraps what `Connection` has connected."""
