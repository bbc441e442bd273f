"""Connections for httpcore, and so for httpx, raced. Needs httpcore, and nothing else here does.

>>> import httpx  # doctest: +SKIP
>>> client = raced(httpx.Client())  # doctest: +SKIP

A connection is httpcore's own stream over our socket; TLS, pools and proxies are httpcore's.
"""

import socket
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias, TypeVar
from urllib.request import getproxies, proxy_bypass

import anyio.abc
import httpcore

# They have no public name.
from httpcore._backends.anyio import AnyIOStream
from httpcore._backends.sync import SyncStream

from dualstack.core.dial.egress import SocketOption
from dualstack.errors import LookupFailed
from dualstack.net.dial.asyncio_calls import connect
from dualstack.net.dial.blocking_calls import create_connection
from dualstack.net.dial.dialer import Dialer

if TYPE_CHECKING:
    import httpx

__all__ = ["AsyncBackend", "Backend", "raced"]

Options: TypeAlias = Iterable[httpcore.SOCKET_OPTION] | None
Made = TypeVar("Made", "httpx.Client", "httpx.AsyncClient", "httpx.HTTPTransport", "httpx.AsyncHTTPTransport")


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
            sock = create_connection(
                (host, port), timeout, local_address, socket_options=_with_no_delay(socket_options), dialer=self._dialer
            )
            return SyncStream(sock)


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
            sock = await dial(
                host,
                port,
                timeout=timeout,
                source_address=local_address,
                socket_options=_with_no_delay(socket_options),
                dialer=self._dialer,
            )
            try:
                return AnyIOStream(await anyio.abc.SocketStream.from_socket(sock))
            except BaseException:
                sock.close()
                raise


def raced(made: Made, dialer: Dialer | None = None, *, direct: bool = False) -> Made:
    """The same client or transport of httpx, whose connections are ours from now on, those to its proxies too.

    A client goes by the proxies of its environment, as httpx has it. A transport that its user hands to a client does
    not, whoever made it: where there is such a proxy, that is warned of.

    Args:
        made: an `httpx.Client` or `httpx.AsyncClient`, or a transport of either, with whatever options.
        dialer: the policy; the default one shares its history with all who name none.
        direct: a transport's proxies are its own `proxy=...` or none, whatever the environment says.
    """
    if hasattr(made, "_transport"):
        # httpx has no other way to them; None is how a client says: as all others, by no proxy.
        transports = [transport for transport in (made._transport, *made._mounts.values()) if transport is not None]  # noqa: SLF001
        for transport in transports:
            _take_over(transport, dialer)
        return made
    if not (direct or isinstance(getattr(made, "_pool", None), _PROXIES)):
        _warn_of_proxies()
    if not _take_over(made, dialer):
        raise TypeError(f"{made!r}: no transport of httpx that makes connections")
    return made


_PROXIES = (httpcore.HTTPProxy, httpcore.AsyncHTTPProxy, httpcore.SOCKSProxy, httpcore.AsyncSOCKSProxy)


def _take_over(transport: object, dialer: Dialer | None) -> bool:
    """Whether it makes connections, which are ours from now on; one that calls a WSGI application makes none."""
    pool = getattr(transport, "_pool", None)
    if isinstance(pool, httpcore.AsyncConnectionPool):
        pool._network_backend = AsyncBackend(dialer)  # noqa: SLF001 - as above
    elif isinstance(pool, httpcore.ConnectionPool):
        pool._network_backend = Backend(dialer)  # noqa: SLF001 - as above
    else:
        return False
    return True


def _warn_of_proxies() -> None:
    found = [scheme for scheme in ("http", "https", "all") if scheme in getproxies()]
    if found and not proxy_bypass("*"):
        names = ", ".join(f"{scheme.upper()}_PROXY" for scheme in found)
        text = f"{names} is set, and a transport goes direct: write raced(httpx.Client()), proxy=... or direct=True"
        warnings.warn(text, RuntimeWarning, stacklevel=3)


def _is_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())


async def _dial_trio(
    host: str,
    port: int,
    *,
    timeout: float | None,  # noqa: ASYNC109 - it counts in the threads of the lookups too
    source_address: str | None,
    socket_options: tuple[SocketOption, ...],
    dialer: Dialer | None,
) -> socket.socket:
    from dualstack.net.dial.trio_driver import open_tcp_stream

    stream = await open_tcp_stream(
        host, port, timeout=timeout, source_address=source_address, socket_options=socket_options, dialer=dialer
    )
    return socket.socket(fileno=stream.socket.detach())


def _with_no_delay(options: Options) -> tuple[SocketOption, ...]:
    """The caller's options, and the one that httpcore always sets."""
    return (*(_as_ours(option) for option in options or ()), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1))


def _as_ours(option: httpcore.SOCKET_OPTION) -> SocketOption:
    level, name, value = option[0], option[1], option[2]
    return level, name, value if isinstance(value, int) else bytes(value or b"")


@contextmanager
def _errors_of_httpcore() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        is_late = isinstance(error, TimeoutError) or (isinstance(error, LookupFailed) and error.timed_out)
        raise (httpcore.ConnectTimeout if is_late else httpcore.ConnectError)(str(error)) from error
