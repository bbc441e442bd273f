"""Connections for aiohttp's client, raced. Needs aiohttp, and nothing else here does.

>>> import aiohttp  # doctest: +SKIP
>>> session = aiohttp.ClientSession(connector=Connector())  # doctest: +SKIP

The lookup belongs to the race. A `resolver` that the caller hands over is asked instead, with aiohttp's cache and its
traces, and the race is over what it answers: it may be there to keep some addresses out. TLS, proxies and the pool are
aiohttp's; with a `socket_factory` so is the race, for ours makes its own sockets.
"""

import asyncio
import socket
from dataclasses import replace
from errno import EINVAL
from typing import TYPE_CHECKING

import aiohttp

from dualstack.core.dial.timing import LEAST_ATTEMPT_DELAY_S
from dualstack.errors import LookupFailed, TargetError
from dualstack.net.dial.asyncio_calls import connect
from dualstack.net.dial.dialer import Dialer
from dualstack.net.dial.policy import DEFAULT_POLICY, DialPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohappyeyeballs import AddrInfoType
    from aiohttp.abc import ResolveResult
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

__all__ = ["Connector"]

_USUAL_DELAY_S = 0.25  # aiohttp's default of happy_eyeballs_delay, which says no more than that nobody chose one


class Connector(aiohttp.TCPConnector):
    """`aiohttp.TCPConnector`, with its options, over every address of the host."""

    dialer: Dialer | None = None
    """The policy; the default one shares its history with all who name none."""

    _asks_by_itself: bool
    _races_by_itself: bool

    if not TYPE_CHECKING:  # what it takes is aiohttp's to say, in its own types

        def __init__(self, **options: object) -> None:
            super().__init__(**options)
            self._races_by_itself = options.get("socket_factory") is not None
            self._asks_by_itself = self._races_by_itself or options.get("resolver") is not None

    async def _resolve_host(
        self, host: str, port: int, traces: "Sequence[Trace] | None" = None
    ) -> "list[ResolveResult]":
        """The name itself, which the race looks up; or what the caller's own resolver says."""
        if self._asks_by_itself:
            return await super()._resolve_host(host, port, traces)
        number = socket.AI_NUMERICHOST
        return [{"hostname": host, "host": host, "port": port, "family": self._family, "proto": 0, "flags": number}]

    def _convert_hosts_to_addr_infos(self, hosts: "list[ResolveResult]") -> "list[AddrInfoType]":
        """What aiohttp is to try: the name, or each address that the caller's own resolver has given."""
        if self._races_by_itself:
            return super()._convert_hosts_to_addr_infos(hosts)
        return [
            (self._family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (found["host"], found["port"]))
            for found in hosts
        ]

    async def _wrap_create_connection(  # type: ignore[override] # aiohttp has Any where this has what comes
        self,
        *args: object,
        addr_infos: "list[AddrInfoType]",
        req: "aiohttp.ClientRequest",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own argument
        client_error: type[aiohttp.ClientConnectorError] = aiohttp.ClientConnectorError,
        **kwargs: object,
    ) -> "tuple[asyncio.Transport, ResponseHandler]":
        if self._races_by_itself:
            if self.dialer is not None:
                raise ValueError("a dialer's policy is not kept by a socket_factory's race: give the connector either")
            return await super()._wrap_create_connection(
                *args, addr_infos=addr_infos, req=req, timeout=timeout, client_error=client_error, **kwargs
            )
        shutdown_s = getattr(self, "_ssl_shutdown_timeout", None)  # aiohttp 3.11 has none
        if kwargs.get("ssl") and shutdown_s:
            kwargs["ssl_shutdown_timeout"] = shutdown_s
        # One limit for the connection and for its handshake, as aiohttp's own is.
        async with asyncio.timeout(timeout.sock_connect):
            sock = await self._raced(addr_infos, req, client_error)
            return await self._wrap_existing_connection(
                *args, req=req, timeout=timeout, client_error=client_error, sock=sock, **kwargs
            )

    async def _raced(
        self,
        addr_infos: "list[AddrInfoType]",
        req: "aiohttp.ClientRequest",
        client_error: type[aiohttp.ClientConnectorError],
    ) -> socket.socket:
        """A connection to one of them; where that is not the end, aiohttp has no other to try."""
        hosts, ports = zip(*(info[4][:2] for info in addr_infos), strict=True)
        del addr_infos[1:]
        if len(set(ports)) > 1:
            several = OSError(EINVAL, f"the resolver has given the ports {sorted(set(ports))}: a race is to one")
            raise client_error(req.connection_key, several)
        try:
            sock = await connect(
                hosts if len(hosts) > 1 else hosts[0],
                ports[0],
                source_address=self._source(),
                family=self._family,
                dialer=self._policy(),
            )
        except (LookupFailed, TargetError) as error:
            raise aiohttp.ClientConnectorDNSError(req.connection_key, error) from error
        except OSError as error:
            if error.errno is None and isinstance(error, asyncio.TimeoutError):
                raise  # aiohttp's own limit, of which it makes its own error
            raise client_error(req.connection_key, error) from error
        # Where a certificate's fingerprint is another, aiohttp looks for the peer here.
        addr_infos[0] = (sock.family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", sock.getpeername())
        return sock

    def _policy(self) -> DialPolicy:
        """The dialler, with what the connector's options say of the race."""
        dialer, delay_s = self.dialer or DEFAULT_POLICY, self._happy_eyeballs_delay
        if delay_s not in {None, _USUAL_DELAY_S}:
            dialer = replace(dialer, attempt_delay=max(delay_s, LEAST_ATTEMPT_DELAY_S))
        return replace(dialer, first_family_count=self._interleave) if self._interleave else dialer

    def _source(self) -> tuple[str, int] | None:
        return self._local_addr_infos[0][4][:2] if self._local_addr_infos else None
