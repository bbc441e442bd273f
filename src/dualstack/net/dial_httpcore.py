"""Connections for httpcore, and so for httpx, raced. Needs httpcore, and nothing else here does.

>>> import httpx  # doctest: +SKIP
>>> client = httpx.Client(transport=raced(httpx.HTTPTransport()))  # doctest: +SKIP

A connection is httpcore's own stream over our socket; TLS, pools and proxies are httpcore's.
"""

import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import anyio.abc
import httpcore

# They have no public name.
from httpcore._backends.anyio import AnyIOStream
from httpcore._backends.sync import SyncStream

from dualstack.errors import AddressError, LookupFailed
from dualstack.net.dial import connect
from dualstack.net.dial_blocking import create_connection
from dualstack.net.dialer import Dialer

if TYPE_CHECKING:
    import httpx

__all__ = ["AsyncBackend", "Backend", "raced"]

Options: TypeAlias = Iterable[httpcore.SOCKET_OPTION] | None
Transport = TypeVar("Transport", "httpx.HTTPTransport", "httpx.AsyncHTTPTransport")


class Backend(httpcore.SyncBackend):
    """`httpcore.ConnectionPool(network_backend=Backend())`.

    Args:
        dialer: the policy; the default one shares its history with all who name none.
    """

    def __init__(self, dialer: Dialer | None = None) -> None:
        self._dialer = dialer

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Options = None,
    ) -> httpcore.NetworkStream:
        """A stream over whichever address of the host answers.

        Raises:
            httpcore.ConnectError, httpcore.ConnectTimeout: none does; its context is our own error.
        """
        with _errors_of_httpcore():
            sock = create_connection((host, port), timeout, local_address, dialer=self._dialer)
            return SyncStream(_prepared(sock, socket_options))


class AsyncBackend(httpcore.AnyIOBackend):
    """`httpcore.AsyncConnectionPool(network_backend=AsyncBackend())`, on asyncio and on trio.

    Args:
        dialer: the policy; the default one shares its history with all who name none.
    """

    def __init__(self, dialer: Dialer | None = None) -> None:
        self._dialer = dialer

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own argument
        local_address: str | None = None,
        socket_options: Options = None,
    ) -> httpcore.AsyncNetworkStream:
        """A stream over whichever address of the host answers.

        Raises:
            httpcore.ConnectError, httpcore.ConnectTimeout: none does; its context is our own error.
        """
        with _errors_of_httpcore():
            dial = _dial_trio if _is_trio() else connect
            sock = await dial(host, port, timeout=timeout, source_address=local_address, dialer=self._dialer)
            _prepared(sock, socket_options)
            try:
                return AnyIOStream(await anyio.abc.SocketStream.from_socket(sock))
            except BaseException:
                sock.close()
                raise


def raced(transport: Transport, dialer: Dialer | None = None) -> Transport:
    """The same transport of httpx, whose connections are ours from now on.

    Args:
        transport: an `httpx.HTTPTransport` or `httpx.AsyncHTTPTransport`, with whatever options.
        dialer: the policy; the default one shares its history with all who name none.
    """
    pool = transport._pool  # noqa: SLF001 - httpx has no other way to its network backend
    if isinstance(pool, httpcore.AsyncConnectionPool):
        pool._network_backend = AsyncBackend(dialer)  # noqa: SLF001 - the same
    else:
        pool._network_backend = Backend(dialer)  # noqa: SLF001 - the same
    return transport


def _is_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())


async def _dial_trio(
    host: str,
    port: int,
    *,
    timeout: float | None,  # noqa: ASYNC109 - it counts in the threads of the lookups too
    source_address: str | None,
    dialer: Dialer | None,
) -> socket.socket:
    from dualstack.net.dial_trio import open_tcp_stream

    stream = await open_tcp_stream(host, port, timeout=timeout, source_address=source_address, dialer=dialer)
    return socket.socket(fileno=stream.socket.detach())


def _prepared(sock: socket.socket, options: Options) -> socket.socket:
    """The socket with these options, and with that which httpcore always sets."""
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option in options or ():
            sock.setsockopt(*option)
    except BaseException:
        sock.close()
        raise
    return sock


@contextmanager
def _errors_of_httpcore() -> Iterator[None]:
    try:
        yield
    except (OSError, AddressError) as error:
        is_late = isinstance(error, TimeoutError) or (isinstance(error, LookupFailed) and error.timed_out)
        raise (httpcore.ConnectTimeout if is_late else httpcore.ConnectError)(str(error)) from error
