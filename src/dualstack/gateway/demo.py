"""The main job on one machine: an IPv4-only and an IPv6-only web server, and the gateway between them.

Every client is tried on every server, directly and through the gateway, with real sockets on loopback.
"""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.well_known import LOOPBACK
from dualstack.core.planning.configuration import Configuration, Service
from dualstack.kernel.sockets import describe, listen_on_loopback

__all__ = ["Box", "DemoServer", "boxes", "demo_configuration", "demo_servers"]

FAMILIES = (4, 6)


@dataclass(frozen=True, slots=True)
class DemoServer:
    """A web server of one family alone."""

    family: int
    port: int

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""
        return Endpoint(LOOPBACK[self.family], self.port)


@dataclass(frozen=True, slots=True)
class Box:
    """One client at one server: over which family the server was reached (None: not at all), and what it said."""

    client: int
    server: int
    server_wire: int | None
    said: str

    @property
    def reached(self) -> bool:
        """Whether there was an answer."""
        return self.server_wire is not None


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        family = 6 if self.connection.family == socket.AF_INET6 else 4
        body = f"Hello from the IPv{family}-only server; you came over IPv{family} from {self.client_address[0]}\n"
        self.send_response(http.HTTPStatus.OK)
        self.send_header("Came-Over", str(family))
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """The demo prints a table instead."""


@contextmanager
def demo_servers() -> Iterator[dict[int, DemoServer]]:
    """An IPv4-only and an IPv6-only web server on free ports of loopback, until the block ends."""
    with ExitStack() as undo:
        servers = {}
        for family in FAMILIES:
            sock = undo.enter_context(listen_on_loopback(family))
            name = sock.getsockname()[:2]  # dualstack: ignore[DS233] what it calls itself
            server = ThreadingHTTPServer(name, _Answer, bind_and_activate=False)
            server.socket.close()
            server.socket = sock
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            undo.callback(thread.join)
            undo.callback(server.shutdown)
            servers[family] = DemoServer(family, int(str(describe(sock)["port"])))
        yield servers


def demo_configuration(servers: dict[int, DemoServer]) -> Configuration:
    """A gateway that gives each of the servers the face that it lacks, on free ports of both loopbacks."""
    services = tuple(
        Service(f"web{server.family}", server.endpoint, listen=(Endpoint("localhost", 0),), drain_s=1.0)
        for server in servers.values()
    )
    return Configuration(services, where="demo")


def boxes(ports: dict[int, int]) -> list[Box]:
    """Each client at each server, which is asked for on `ports[family]` of the client's own loopback."""
    return [_fetch(client, server, ports[server]) for client in FAMILIES for server in FAMILIES]


def _fetch(client: int, server: int, port: int) -> Box:
    connection = http.client.HTTPConnection(str(LOOPBACK[client]), port, timeout=5)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        return Box(client, server, int(response.headers["Came-Over"]), response.read().decode().strip())
    except OSError as error:
        return Box(client, server, None, error.strerror or str(error))
    finally:
        connection.close()
