"""Stevens' Figure 12.5, measured: four clients by four servers, with real sockets, on hosts of their own.

Which protocol is on the wire is captured on both hosts, not assumed: ethertype 0x0800 or 0x86dd, as in Figure 12.2.
"""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import cast

from dualstack.kernel.ourselves import our_module
from dualstack.lab.declaration import HOSTS, Declaration
from dualstack.lab.network import Network
from dualstack.lab.orders import NetworkError
from dualstack.lab.process import Process
from dualstack.lab.service import Service

__all__ = [
    "CLIENTS",
    "PROTOCOLS",
    "SERVERS",
    "VARIANTS",
    "Box",
    "Client",
    "Matrix",
    "Rows",
    "Server",
    "Variant",
    "measure",
]

PROTOCOLS = ("tcp", "udp")
"""The transports of the figure."""


@dataclass(frozen=True, slots=True)
class Client:
    """A row of the figure: a program of one family on a host."""

    title: str
    host: str
    family: int


@dataclass(frozen=True, slots=True)
class Server:
    """A column of the figure: a program of one family on a host, with a port number of its own."""

    title: str
    host: str
    family: int
    port: int


CLIENTS = (
    Client("IPv4 client, IPv4-only host", "client4", 4),
    Client("IPv6 client, IPv6-only host", "client6", 6),
    Client("IPv4 client, dual-stack host", "client", 4),
    Client("IPv6 client, dual-stack host", "client", 6),
)
SERVERS = (
    Server("IPv4 server, IPv4-only host (A only)", "server4", 4, 7001),
    Server("IPv6 server, IPv6-only host (AAAA only)", "server6", 6, 7002),
    Server("IPv4 server, dual-stack host (A and AAAA)", "server", 4, 7003),
    Server("IPv6 server, dual-stack host (A and AAAA)", "server", 6, 7004),
)
GATEWAY = "gateway"
_SOCKS_PORT = 1080


@dataclass(frozen=True, slots=True)
class Variant:
    """How a client gets to a server.

    Args:
        title: for people.
        flags: of getaddrinfo, where an IPv6 client asks.
        loop: try every address that the lookup gave, or the first alone.
        through: the host whose name is asked for; None for the server itself.
        by_proxy: that host is told where to by SOCKS5, on one port; else it has a port for each server.
        protocols: those that there is something for yet.
    """

    title: str
    flags: int = 0
    loop: bool = False
    through: str | None = None
    by_proxy: bool = False
    protocols: tuple[str, ...] = PROTOCOLS


VARIANTS: dict[str, Variant] = {
    "kernel-plain": Variant("the kernel alone, no flags, the first address"),
    "kernel": Variant("the kernel alone: AI_V4MAPPED, the first address", socket.AI_V4MAPPED),
    "kernel-loop": Variant(
        "the kernel alone: AI_V4MAPPED | AI_ALL, every address in turn", socket.AI_V4MAPPED | socket.AI_ALL, loop=True
    ),
    "gateway": Variant(
        "with dualstack: a port of the gateway's for each server",
        socket.AI_V4MAPPED,
        through=GATEWAY,
    ),
    "forward": Variant(
        "with dualstack: a forward proxy, told where to by SOCKS5",
        socket.AI_V4MAPPED,
        through=GATEWAY,
        by_proxy=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Box:
    """A box of the figure.

    Args:
        reached: there was an answer.
        client_wire: `ipv4` or `ipv6`, by the ethertype of the frames at the client; None where nothing was reached.
        server_wire: likewise at the server.
        peer: who the server saw, as accept or recvfrom gave it.
        failures: what was tried in vain, for people.
    """

    reached: bool
    client_wire: str | None = None
    server_wire: str | None = None
    peer: str | None = None
    failures: tuple[str, ...] = ()


Rows = tuple[tuple[Box, ...], ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """By variant and protocol the figure, None where nothing is built for it yet."""

    figures: Mapping[str, Mapping[str, Rows | None]]
    elapsed_s: float


def measure(
    variants: Sequence[str], on_figure: Callable[[str, str], None] = lambda _variant, _protocol: None
) -> Matrix:
    """Build the hosts, and measure each variant.

    Args:
        variants: names of `VARIANTS`.
        on_figure: called before each variant and protocol, for progress.

    Raises:
        NetworkError: the hosts cannot be made here.
    """
    started = monotonic()
    with Network(Declaration(HOSTS)) as network, ExitStack() as undo:
        gateway = undo.enter_context(_gateway(network)) if _needs_gateway(variants) else None
        ground = _Ground(network)
        figures: dict[str, dict[str, Rows | None]] = {}
        for name in variants:
            variant = VARIANTS[name]
            if variant.through and variant.protocols and gateway is not None:
                gateway.wait()
            figures[name] = {}
            for protocol in PROTOCOLS:
                on_figure(name, protocol)
                figures[name][protocol] = ground.figure(variant, protocol) if protocol in variant.protocols else None
    return Matrix(figures, monotonic() - started)


class _Ground:
    """An agent for each client, and one for the servers of each host."""

    def __init__(self, network: Network) -> None:
        def agent(host: str) -> Service:
            return Service(network.hosts[host].serve("dualstack.lab.agent:main"), f"the agent of {host}")

        self._clients = [(client, agent(client.host)) for client in CLIENTS]
        self._servers = {host: agent(host) for host in dict.fromkeys(server.host for server in SERVERS)}
        for host, serving in self._servers.items():
            serving.tell({"serve": [[each.family, each.port] for each in SERVERS if each.host == host]})

    def figure(self, variant: Variant, protocol: str) -> Rows:
        """One measured figure, all clients at the same time."""
        for client, agent in self._clients:
            agent.send({"ask": _question(variant, protocol, client)})
        answers = [_answers(agent.hear()) for _, agent in self._clients]
        return tuple(
            tuple(self._box(protocol, agent, server, each) for server, each in zip(SERVERS, row, strict=True))
            for (_, agent), row in zip(self._clients, answers, strict=True)
        )

    def _box(self, protocol: str, client: Service, server: Server, answer: Mapping[str, object]) -> Box:
        failures = tuple(map(str, _list(answer["failures"])))
        if not answer["reached"]:
            return Box(reached=False, failures=failures)
        return Box(
            reached=True,
            client_wire=_wire(client, protocol, answer["local"]),
            server_wire=_wire(self._servers[server.host], protocol, answer["peer"]),
            peer=str(_list(answer["peer"])[0]),
            failures=failures,
        )


def _wire(agent: Service, protocol: str, end: object) -> str | None:
    """What the agent saw on the wire of that end: one protocol, or nothing that can be said."""
    seen = _list(agent.tell({"wires": [protocol, *_list(end)]}))
    return str(seen[0]) if len(seen) == 1 else None


def _question(variant: Variant, protocol: str, client: Client) -> dict[str, object]:
    return {
        "protocol": protocol,
        "family": client.family,
        "flags": variant.flags if client.family == 6 else 0,
        "loop": variant.loop,
        "targets": [_way(variant, server) for server in SERVERS],
    }


def _way(variant: Variant, server: Server) -> list[object]:
    """The name and port to connect to; behind a proxy, those of the server beside them."""
    if variant.by_proxy:
        return [f"{variant.through}.test", _SOCKS_PORT, [f"{server.host}.test", server.port]]
    return [f"{variant.through or server.host}.test", server.port]


def _list(value: object) -> list[object]:
    return cast("list[object]", value)


def _answers(value: object) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", value)


def _needs_gateway(variants: Sequence[str]) -> bool:
    return any(VARIANTS[name].through and VARIANTS[name].protocols for name in variants)


class _Gateway:
    """The gateway as a process on its host; it starts while the kernel is measured."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._is_ready = False

    def wait(self) -> None:
        """Until all its sockets listen."""
        if self._is_ready:
            return
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self._is_ready = bool(self._process.stdout.readline())
        if not self._is_ready:
            raise NetworkError(f"the gateway has ended with {self._process.wait()}; what it said stands above")


@contextmanager
def _gateway(network: Network) -> Iterator[_Gateway]:
    host = network.hosts[GATEWAY]
    services = [
        f"[[services]]\nname = '{each.title}, {protocol}'\nprotocol = '{protocol}'\n"
        f"listen = '*:{each.port}'\nto = '{each.host}.test:{each.port}'\n"
        for each in SERVERS
        for protocol in PROTOCOLS
    ]
    services.append(
        f"[[services]]\nname = 'forward'\nlisten = '*:{_SOCKS_PORT}'\nforward = ['socks5']\n"
        "access = ['allow any']\nreach = ['allow any']\n"
    )
    path = "/run/gateway.toml"  # each host has its own
    host.run(["sh", "-c", f"cat > {path}"], stdin="".join(services))
    argv = our_module("dualstack", "gateway", "--config", path, "--json", "--quiet")
    with host.popen(argv) as process:
        yield _Gateway(process)
