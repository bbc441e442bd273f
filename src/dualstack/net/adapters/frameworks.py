"""Our sockets in the hands of other libraries, in the shape that each asks for. Imports none of them.

What has to be made of a library's own classes stands in a module beside it: `dial_aiohttp`, `dial_httpcore`,
`dial_redis`, `dial_redis_asyncio`, `dial_trio`.

>>> import urllib3.util.connection  # doctest: +SKIP
>>> urllib3.util.connection.create_connection = urllib3_connection  # doctest: +SKIP
"""

import os
import socket
import socketserver
from collections.abc import Iterable
from functools import cache

from dualstack.core.address.address import Address
from dualstack.core.dial.egress import SocketOption
from dualstack.net.dial.blocking_driver import create_connection
from dualstack.net.dial.dialer import Dialer
from dualstack.net.dial.target import HostLike, PortLike
from dualstack.net.listen import bind_socket, bind_sockets
from dualstack.net.names.limits import GLOBAL_DEFAULT_TIMEOUT

__all__ = ["BothFamilies", "gunicorn_bind", "urllib3_connection"]


def urllib3_connection(
    address: tuple[HostLike, PortLike],
    timeout: object = GLOBAL_DEFAULT_TIMEOUT,
    source_address: tuple[str, int] | None = None,
    socket_options: Iterable[SocketOption] | None = None,
    *,
    dialer: Dialer | None = None,
) -> socket.socket:
    """`urllib3.util.connection.create_connection`, and so that of requests, over every address of the host.

    Args:
        address: host and port.
        timeout: seconds for all of it; what is no number and not None, such as urllib3's own default, is left out.
        source_address: `(host, port)` to bind before.
        socket_options: arguments of `setsockopt`, set before it is connected, as urllib3 does.
        dialer: the policy, for `functools.partial` to give.

    Raises:
        DialError, LookupFailed, TargetError: as `create_connection` does.
    """
    is_left_out = timeout is not None and not isinstance(timeout, int | float)
    timeout = GLOBAL_DEFAULT_TIMEOUT if is_left_out else timeout
    return create_connection(address, timeout, source_address, socket_options=socket_options or (), dialer=dialer)


class BothFamilies(socketserver.TCPServer):
    """Before a class of `socketserver` or `http.server`: one socket for both families, and no peer in IPv6 clothes.

    Its address is `(text, port)`, with `*`, or nothing, for both families. Where the text needs more than one socket,
    it raises `ListenError`: these servers have one.

    >>> import http.server
    >>> class Server(BothFamilies, http.server.ThreadingHTTPServer): ...
    >>> with Server(("*", 0), http.server.BaseHTTPRequestHandler) as server: server.socket.family.name
    'AF_INET6'
    """

    def server_bind(self) -> None:
        """Put our socket in the place of the one that was made for one family."""
        where, port = self.server_address[:2]
        sock = bind_socket(str(where) or "*", port=int(port), backlog=self.request_queue_size)
        self.socket.close()
        self.socket = sock
        self.address_family = sock.family
        self.server_address = sock.getsockname()
        # As `http.server` has them; it would ask the resolver for the name of the wildcard.
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def server_activate(self) -> None:
        """It listens already."""

    def get_request(self) -> tuple[socket.socket, object]:
        """The next connection, with its peer as it is."""
        sock, peer = super().get_request()
        address = Address(peer).canonical
        return sock, (str(address), peer[1]) if address.version == 4 else peer


@cache
def gunicorn_bind(where: str | int, *, port: int | None = None) -> list[str]:
    """What `bind` is in a gunicorn.conf.py: a socket for each family, made once.

    gunicorn reads that file again at SIGHUP, and at SIGUSR2 in a new process that has inherited the sockets: then there
    is nothing left to bind.

    Args:
        where: as for `bind_sockets`.
        port: likewise.

    Raises:
        AddressError, ConfigError, ListenError: as `bind_sockets` says.
    """
    if "GUNICORN_FD" in os.environ:
        return []
    return [f"fd://{sock.detach()}" for sock in bind_sockets(where, port=port)]
