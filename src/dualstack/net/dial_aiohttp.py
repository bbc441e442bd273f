"""Connections for aiohttp's client, raced. Needs aiohttp, and nothing else here does.

>>> import aiohttp  # doctest: +SKIP
>>> session = aiohttp.ClientSession(connector=Connector())  # doctest: +SKIP

The lookup belongs to the race, so the connector's own resolver, its cache and `happy_eyeballs_delay` are never used.
TLS, proxies and the pool are aiohttp's.
"""

import asyncio
import socket
from typing import TYPE_CHECKING

import aiohttp

from dualstack.errors import LookupFailed, TargetError
from dualstack.net.dial import connect
from dualstack.net.dialer import Dialer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohappyeyeballs import AddrInfoType
    from aiohttp.abc import ResolveResult
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

__all__ = ["Connector"]

FAMILIES = {socket.AF_UNSPEC: 0, socket.AF_INET: 4, socket.AF_INET6: 6}


class Connector(aiohttp.TCPConnector):
    """`aiohttp.TCPConnector`, with its options, over every address of the host."""

    dialer: Dialer | None = None
    """The policy; the default one shares its history with all who name none."""

    async def _resolve_host(
        self, host: str, port: int, traces: "Sequence[Trace] | None" = None
    ) -> "list[ResolveResult]":
        """The name itself, which the race looks up."""
        del traces
        number = socket.AI_NUMERICHOST
        return [{"hostname": host, "host": host, "port": port, "family": self._family, "proto": 0, "flags": number}]

    def _convert_hosts_to_addr_infos(self, hosts: "list[ResolveResult]") -> "list[AddrInfoType]":
        """One "address" for aiohttp to try: the name."""
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
        host, port = addr_infos[0][4][:2]
        try:
            async with asyncio.timeout(timeout.sock_connect):
                sock = await connect(
                    host, port, source_address=self._source(), family=FAMILIES[self._family], dialer=self.dialer
                )
        except (LookupFailed, TargetError) as error:
            raise aiohttp.ClientConnectorDNSError(req.connection_key, error) from error
        except OSError as error:
            if error.errno is None and isinstance(error, asyncio.TimeoutError):
                raise  # aiohttp's own limit, of which it makes its own error
            raise client_error(req.connection_key, error) from error
        return await self._wrap_existing_connection(
            *args, req=req, timeout=timeout, client_error=client_error, sock=sock, **kwargs
        )

    def _source(self) -> tuple[str, int] | None:
        return self._local_addr_infos[0][4][:2] if self._local_addr_infos else None
