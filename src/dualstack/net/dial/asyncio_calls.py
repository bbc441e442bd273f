"""Connections for asyncio, raced: a connected socket, or streams.

Here is what a caller may ask for, in asyncio's own words too.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from dualstack.core.dial.egress import EgressPolicy, SocketOption
from dualstack.errors import DialError, LookupFailed, TargetError
from dualstack.net.dial.asyncio_driver import AsyncioDriver
from dualstack.net.dial.asyncio_literal import connect_literal
from dualstack.net.dial.one_address import is_plain
from dualstack.net.dial.policy import DEFAULT_POLICY, DialPolicy, OnStep, narrowed
from dualstack.net.dial.prepare import PreparedRace, files_for, prepare
from dualstack.net.dial.source import SourceAddress, local_end_async, version_of
from dualstack.net.dial.target import HostLike, PortLike, Target, as_pair, read_target
from dualstack.net.names.limits import check_limit

if TYPE_CHECKING:
    import ssl as _ssl

    from dualstack.net.dial.asyncio_handshake import Streams

__all__ = ["connect", "open_connection"]


async def connect(
    host: HostLike,
    port: PortLike,
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - it counts in the threads of the lookups too
    source_address: SourceAddress | None = None,
    family: int = 0,
    socket_options: Iterable[SocketOption] = (),
    dialer: DialPolicy | None = None,
    on_step: OnStep | None = None,
) -> socket.socket:
    """Connect to a host of whichever family, over every address it has.

    Args:
        host: a name or an address; nothing, or None, is this host's loopback.
        port: a number or a service's name.
        timeout: seconds for all of it, lookups included.
        source_address: `(host, port)` to bind before; a name of this host too.
        family: 4 or 6 for one alone, or one of `socket`'s.
        socket_options: arguments of `setsockopt`, for each socket before it is connected.
        dialer: the policy; the default one shares its history with all who name none.
        on_step: told of each step as it happens.

    Returns:
        A connected socket that does not block, for `loop.sock_recv` and the like.

    Raises:
        DialError: no address could be connected to.
        LookupFailed: the name has no address, or nobody says.
        TargetError: host or port can be none, or the source can be none.
    """
    check_limit(timeout)
    target = read_target(host, port)
    policy = dialer or DEFAULT_POLICY
    options = tuple(socket_options)
    has_wishes = bool(family or options) or source_address is not None or on_step is not None
    if is_plain(target, policy, limit_s=timeout, has_wishes=has_wishes):
        made = await connect_literal(target, policy, timeout)
        if made is not None:
            return made
    prepared, outlet = await _prepared(target, timeout, source_address, family, options, policy, on_step)
    return await AsyncioDriver(prepared, target.port, outlet).run()


async def open_connection(
    host: HostLike = None,
    port: PortLike | None = None,
    *,
    limit: int = 1 << 16,
    ssl: "_ssl.SSLContext | bool | None" = None,
    server_hostname: str | None = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - as above
    source_address: SourceAddress | None = None,
    local_addr: SourceAddress | None = None,
    family: int = 0,
    proto: int = 0,
    flags: int = 0,
    sock: socket.socket | None = None,
    happy_eyeballs_delay: float | None = None,
    interleave: int | None = None,
    all_errors: bool = False,
    socket_options: Iterable[SocketOption] = (),
    dialer: DialPolicy | None = None,
    on_step: OnStep | None = None,
) -> "Streams":
    """As `asyncio.open_connection`, over every address of the host.

    With `ssl` the race is won by the first handshake that succeeds, not by the first connection: until then the other
    attempts go on.

    Args:
        host: a name or an address; nothing, or None, is this host's loopback.
        port: a number or a service's name.
        limit: of the reader's buffer, in bytes.
        ssl: a context, or True for the default one.
        server_hostname: the name in the certificate, where it is not `host`.
        ssl_handshake_timeout: seconds for each handshake; 60 where it is left out.
        ssl_shutdown_timeout: seconds for the end of TLS; 30 where it is left out.
        timeout: seconds for all of it, lookups and handshakes included.
        source_address: `(host, port)` to bind before; a name of this host too.
        local_addr: the same in asyncio's word.
        family: 4 or 6 for one alone, or one of `socket`'s.
        proto: TCP's number, or 0.
        flags: of `getaddrinfo`: with AI_NUMERICHOST no name is looked up, and the others change nothing.
        sock: one that is connected, for which there is no host, port or race.
        happy_eyeballs_delay: the dialler's `attempt_delay`, for this connection.
        interleave: its `first_family_count`.
        all_errors: raise an `ExceptionGroup` of what happened to each address.
        socket_options: arguments of `setsockopt`, for each socket before it is connected.
        dialer: the policy.
        on_step: told of each step as it happens.

    Raises:
        DialError: no address could be connected to; also an `SSLError` where no handshake succeeded anywhere.
        LookupFailed: the name has no address, or nobody says.
        TargetError: host or port can be none, or the source can be none.
        ValueError: arguments that exclude each other, or a limit of nothing.
        TypeError: an `ssl` that is none.
    """
    check_limit(timeout)
    _check_streams(limit, ssl)
    _check_arguments(bool(ssl), server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout, proto, family)
    streams = partial(
        _streams,
        limit=limit,
        ssl=ssl,
        ssl_handshake_timeout=ssl_handshake_timeout,
        ssl_shutdown_timeout=ssl_shutdown_timeout,
    )
    if sock is not None:
        if host or port:
            raise ValueError("host and port say where to connect, and sock is connected: give either")
        return await streams(sock, server_hostname=server_hostname)
    policy = _by_asyncios_words(dialer or DEFAULT_POLICY, happy_eyeballs_delay, interleave)
    target = _read_target(host, port, flags)
    source = local_addr if source_address is None else source_address
    options = tuple(socket_options)
    try:
        if not ssl:
            made = await connect(
                target.host,
                target.port,
                timeout=timeout,
                source_address=source,
                family=family,
                socket_options=options,
                dialer=policy,
                on_step=on_step,
            )
            return await _or_closed(streams, made)
        from dualstack.net.dial.asyncio_handshake import HandshakeDriver  # who shakes no hands does not pay for it

        prepared, outlet = await _prepared(target, timeout, source, family, options, policy, on_step)
        hostname = target.hostname if server_hostname is None else server_hostname
        make_streams = partial(streams, server_hostname=hostname)
        return await HandshakeDriver(prepared, target.port, outlet, make_streams).streams()
    except DialError as error:
        group = error.__cause__
        if not (all_errors and isinstance(group, ExceptionGroup)):
            raise
    try:
        raise group
    finally:
        del group


def _check_streams(limit: int, tls: object) -> None:
    """What would be found out when the connection is made already."""
    if limit <= 0:
        raise ValueError(f"limit {limit}: the bytes of a buffer, more than 0")
    if tls is None or isinstance(tls, bool):
        return
    from ssl import SSLContext  # who wants none does not pay for it

    if not isinstance(tls, SSLContext):
        raise TypeError(f"ssl {tls!r}: an SSLContext, True or None")


def _check_arguments(  # noqa: PLR0917 - asyncio's own checks, in one place
    is_tls: bool,  # noqa: FBT001 - as above
    server_hostname: str | None,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
    proto: int,
    family: int,
) -> None:
    for name, value in (
        ("server_hostname", server_hostname),
        ("ssl_handshake_timeout", handshake_timeout),
        ("ssl_shutdown_timeout", shutdown_timeout),
    ):
        if value is not None and not is_tls:
            raise ValueError(f"{name} is only meaningful with ssl")
    if proto not in {0, socket.IPPROTO_TCP}:
        raise ValueError(f"proto {proto}: a connection is TCP's, {socket.IPPROTO_TCP}, or 0")
    version_of(family)


def _by_asyncios_words(policy: DialPolicy, happy_eyeballs_delay: float | None, interleave: int | None) -> DialPolicy:
    if happy_eyeballs_delay is not None:
        policy = replace(policy, attempt_delay=happy_eyeballs_delay)
    return policy if interleave is None else replace(policy, first_family_count=interleave)


def _read_target(host: HostLike, port: PortLike | None, flags: int) -> Target:
    if port is None:
        raise TargetError(host, f"no port is given{as_pair(host)}")
    target = read_target(host, port)
    if flags & socket.AI_NUMERICHOST and isinstance(target.host, str) and host:
        raise LookupFailed(target.host, "it is no address, and no other may be looked up", errno=socket.EAI_NONAME)
    return target


async def _or_closed(streams: "Callable[[socket.socket], Awaitable[Streams]]", sock: socket.socket) -> "Streams":
    try:
        return await streams(sock)
    except BaseException:
        sock.close()
        raise


async def _streams(
    sock: socket.socket,
    *,
    limit: int,
    ssl: "_ssl.SSLContext | bool | None" = None,
    server_hostname: str | None = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
) -> "Streams":
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.create_connection(
        lambda: protocol,
        sock=sock,
        ssl=ssl,
        server_hostname=server_hostname,
        ssl_handshake_timeout=ssl_handshake_timeout,
        ssl_shutdown_timeout=ssl_shutdown_timeout,
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _prepared(  # noqa: PLR0917 - what the two functions share
    target: Target,
    timeout: float | None,  # noqa: ASYNC109 - as above
    source_address: SourceAddress | None,
    family: int,
    options: tuple[SocketOption, ...],
    policy: DialPolicy,
    on_step: OnStep | None,
) -> tuple[PreparedRace, EgressPolicy]:
    began = monotonic()
    end = None
    if source_address is not None or options:
        end = replace(await local_end_async(source_address, limit_s=timeout), options=options)
    # What names go by is looked at off the loop.
    files = files_for(target, policy)
    if files is not None:
        await files.looked()
    outlet = narrowed(policy.outlet, family, end)
    limit_s = inf if timeout is None else timeout
    return prepare(target, outlet, policy, began, limit_s=limit_s, on_step=on_step), outlet
