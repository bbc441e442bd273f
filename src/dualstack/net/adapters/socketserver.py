"""The standard library's servers, of `socketserver` and `http.server`, for both families."""

import socket
import socketserver

from dualstack.core.address.address import Address
from dualstack.net.listen import bind_socket

__all__ = ["BothFamilies"]


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
