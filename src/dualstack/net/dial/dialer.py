"""A dialler: a policy of connections, and the calls that connect by it."""

from dualstack.net.dial.policy import DialPolicy
from dualstack.net.names.limits import GLOBAL_DEFAULT_TIMEOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Iterable
    from socket import socket
    from typing import TypedDict, Unpack

    from dualstack.core.dial.egress import SocketOption
    from dualstack.net.dial.policy import OnStep
    from dualstack.net.dial.source import SourceAddress
    from dualstack.net.dial.target import HostLike, PortLike

    class AsynciosWords(TypedDict, total=False):
        """What `dualstack.open_connection` takes besides."""

        ssl_handshake_timeout: float | None
        ssl_shutdown_timeout: float | None
        local_addr: SourceAddress | None
        proto: int
        flags: int
        sock: socket | None
        happy_eyeballs_delay: float | None
        interleave: int | None
        all_errors: bool
        socket_options: Iterable[SocketOption]


__all__ = ["Dialer"]


class Dialer(DialPolicy):
    """A policy for connections, with the history that they make; share one among all threads.

    Args:
        family: 4 or 6 for one alone, 0 for both.
        source: the local address to connect from, which leaves its family alone; `(host, port)` too.
        interface: the one interface to go by (Linux).
        access: rules, or a list of them as read, that every socket address must pass before it is dialled.
        nat64: prefixes of translators, for IPv4 addresses where IPv4 has no way; None looks for them (RFC 7050) when
            one is needed, `()` uses none.
        attempt_delay: seconds before the next address is tried beside one that has not answered; None is what was
            measured, else 0.25.
        resolution_delay: seconds to wait for the preferred family's addresses.
        first_family_count: addresses of the first family before one of the other.
        in_flight: attempts under way at once.
        history: where what is learnt goes; None learns nothing.
        policy: the table of RFC 6724; None is this host's, /etc/gai.conf where there is one.
        resolver: whoever is asked for names; None is the system, and `dualstack.dns.DnsResolver` name servers.
        service: such as https, whose records are asked for beside the addresses (RFC 9460); takes such a resolver.
        outlet: instead of family, source, interface, access and nat64, the whole as a value.

    Raises:
        AddressError, RuleError, ValueError: one of them cannot be.

    >>> Dialer(family=6).outlet.families
    (6,)
    """

    __slots__ = ()

    def create_connection(
        self,
        address: "tuple[HostLike, PortLike]",
        timeout: object = GLOBAL_DEFAULT_TIMEOUT,
        source_address: "SourceAddress | None" = None,
        *,
        all_errors: bool = False,
        family: int = 0,
        socket_options: "Iterable[SocketOption]" = (),
        on_step: "OnStep | None" = None,
    ) -> "socket":
        """`dualstack.create_connection` by this policy."""
        from dualstack.net.dial.blocking_calls import create_connection

        return create_connection(
            address,
            timeout,
            source_address,
            all_errors=all_errors,
            family=family,
            socket_options=socket_options,
            dialer=self,
            on_step=on_step,
        )

    async def connect(
        self,
        host: "HostLike",
        port: "PortLike",
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - it counts in the lookups too
        source_address: "SourceAddress | None" = None,
        family: int = 0,
        socket_options: "Iterable[SocketOption]" = (),
        on_step: "OnStep | None" = None,
    ) -> "socket":
        """`dualstack.connect` by this policy."""
        from dualstack.net.dial.asyncio_calls import connect

        return await connect(
            host,
            port,
            timeout=timeout,
            source_address=source_address,
            family=family,
            socket_options=socket_options,
            dialer=self,
            on_step=on_step,
        )

    async def open_connection(
        self,
        host: "HostLike" = None,
        port: "PortLike | None" = None,
        *,
        limit: int = 1 << 16,
        ssl: "ssl.SSLContext | bool | None" = None,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        source_address: "SourceAddress | None" = None,
        family: int = 0,
        on_step: "OnStep | None" = None,
        **asyncios: "Unpack[AsynciosWords]",
    ) -> "tuple[StreamReader, StreamWriter]":
        """`dualstack.open_connection` by this policy."""
        from dualstack.net.dial.asyncio_calls import open_connection

        return await open_connection(
            host,
            port,
            limit=limit,
            ssl=ssl,
            server_hostname=server_hostname,
            timeout=timeout,
            source_address=source_address,
            family=family,
            dialer=self,
            on_step=on_step,
            **asyncios,
        )
