"""Figures 12.2 to 12.5 of UNIX Network Programming, drawn from hosts in memory and not from a table of answers.

Each is made anew for a system: sockets are opened on hosts of it, clients call, and what came of it is written into the
boxes. The two lists of steps, of an IPv4 client with an IPv6 server and the other way, are what the hosts wrote down.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dualstack.core.address.address import Address
from dualstack.core.simulation.host import Host, Network
from dualstack.core.simulation.socket import Socket
from dualstack.errors import LookupFailed, UnknownBehaviour

__all__ = ["FIGURES", "Figure", "figure", "interoperability"]

PORT = 9999
_NO = "(no)"


@dataclass(frozen=True, slots=True)
class Figure:
    """A table of boxes, the steps that were seen, and what is to be said of them."""

    number: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def figure(number: str, os: str = "linux") -> Figure:
    """One of `FIGURES` for hosts of a system."""
    return FIGURES[number](os)


def _hosts(os: str) -> tuple[Network, Host, Host, Host]:
    """A host with IPv4 alone, one with IPv6 alone, and one with both."""
    network = Network()
    ipv4 = network.host("ipv4-host", os=os, ipv4=["192.0.2.4"])
    ipv6 = network.host("ipv6-host", os=os, ipv6=["2001:db8::6"])
    dual = network.host("dual-host", os=os, ipv4=["192.0.2.46"], ipv6=["2001:db8::46"])
    return network, ipv4, ipv6, dual


def _opened(host: Host, family: int, proto: str = "tcp") -> Socket:
    """A server's socket on the wildcard; an IPv6 one for both families, where the system has such."""
    made = host.socket(family, proto, v6only=False if family == 6 else None)
    made.bind("::" if family == 6 else "0.0.0.0", PORT)
    if proto == "tcp":
        made.listen()
    return made


def _client(host: Host, family: int, proto: str = "tcp") -> Socket:
    return host.socket(family, proto, v6only=False if family == 6 else None)


def _tried(call: Callable[[], str]) -> str:
    """What a call gives for a box: its text, or why there is none."""
    try:
        return call()
    except UnknownBehaviour:
        return "unknown"
    except (OSError, LookupFailed):
        return _NO


def _server_for_both(os: str) -> Figure:
    """Figure 12.2, with the six steps of its IPv4 client."""
    network, ipv4, ipv6, dual = _hosts(os)
    server = _opened(dual, 6)
    rows = [_served(network, server, ipv4, 4)]
    steps = tuple(f"{step.host} {step.text}" for step in network.steps)
    rows.append(_served(network, server, ipv6, 6))
    return Figure(
        "12.2",
        "An IPv6 server on a dual-stack host, serving IPv4 and IPv6 clients",
        ("client", "its SYN", "ethertype", "accept returns", "then"),
        tuple(rows),
        steps,
    )


def _served(network: Network, server: Socket, host: Host, family: int) -> tuple[str, ...]:
    before = len(network.frames)

    def call() -> str:
        client = _client(host, family)
        # dualstack: ignore[DS210] a host in memory whose name has one address of a family
        client.connect(host.getaddrinfo("dual-host", family)[0], PORT)
        connection, peer = server.accept()
        connection.send(b"hello")
        connection.peer_is_mapped()
        return str(peer.address)

    seen = _tried(call)
    frames = network.frames[before:]
    if not frames or seen in {_NO, "unknown"}:
        return f"IPv{family} client", f"IPv{family}", f"0x{frames[0].ethertype:04x}" if frames else "", seen, ""
    then = " and ".join(sorted({f"IPv{frame.version}" for frame in frames}))
    return f"IPv{family} client", f"IPv{frames[0].version}", f"0x{frames[0].ethertype:04x}", seen, f"{then} datagrams"


_KINDS = ((4, "tcp"), (4, "udp"), (6, "tcp"), (6, "udp"))
_HEADS = tuple(f"IPv{family} socket, {proto.upper()}" for family, proto in _KINDS)


def _receiving(os: str) -> Figure:
    """Figure 12.3."""
    rows = tuple(
        (f"IPv{version} datagram", *(_received(os, version, family, proto) for family, proto in _KINDS))
        for version in (4, 6)
    )
    title = "What a socket of a dual-stack host gets of a datagram: the peer's address that accept or recvfrom returns"
    return Figure("12.3", title, ("received", *_HEADS), rows)


def _received(os: str, version: int, family: int, proto: str) -> str:
    _, ipv4, ipv6, dual = _hosts(os)
    host = ipv4 if version == 4 else ipv6
    to = next(each for each in dual.addresses if each.version == version)

    def call() -> str:
        server = _opened(dual, family, proto)
        client = _client(host, version, proto)
        if proto == "tcp":
            client.connect(to, PORT)
            return str(server.accept()[1].address)
        client.sendto(b"hello", to, PORT)
        return str(server.recvfrom()[1].address)

    return _tried(call)


def _sending(os: str) -> Figure:
    """Figure 12.4, with the four steps of an IPv6 client and an IPv4 server."""
    targets = (("IPv4 address", "192.0.2.4"), ("IPv4-mapped", "::ffff:192.0.2.4"), ("IPv6 address", "2001:db8::6"))
    rows = tuple(
        (f"to an {title}", *(_sent(os, Address(text), family, proto) for family, proto in _KINDS))
        for title, text in targets
    )
    title = "What leaves a dual-stack host, by the address and the socket: connect for TCP, sendto for UDP"
    return Figure("12.4", title, ("sent", *_HEADS), rows, _steps_of_an_ipv6_client(os))


def _sent(os: str, to: Address, family: int, proto: str) -> str:
    network, ipv4, ipv6, dual = _hosts(os)

    def call() -> str:
        if to.version != family:
            return _NO  # it does not fit into the socket's own sockaddr
        _opened(ipv6 if to.canonical.version == 6 else ipv4, to.canonical.version, proto)
        client = _client(dual, family, proto)
        if proto == "tcp":
            client.connect(to, PORT)
        else:
            client.sendto(b"hello", to, PORT)
        return f"IPv{network.frames[0].version} (0x{network.frames[0].ethertype:04x})"

    return _tried(call)


def _steps_of_an_ipv6_client(os: str) -> tuple[str, ...]:
    network, ipv4, _, dual = _hosts(os)

    def call() -> str:
        server = _opened(ipv4, 4)
        client = _client(dual, 6)
        # dualstack: ignore[DS210] a host in memory whose name has one address of a family
        client.connect(dual.getaddrinfo("ipv4-host", 6, v4mapped=True)[0], PORT)
        server.accept()
        return ""

    _tried(call)
    return tuple(f"{step.host} {step.text}" for step in network.steps)


def interoperability(os: str = "linux", *, loop: bool = False) -> tuple[tuple[str, ...], ...]:
    """The sixteen boxes of Figure 12.5; with `loop` the clients ask for all addresses and try each."""
    clients = ((4, "ipv4-host"), (6, "ipv6-host"), (4, "dual-host"), (6, "dual-host"))
    servers = ((4, "ipv4-host"), (6, "ipv6-host"), (4, "dual-host"), (6, "dual-host"))
    return tuple(tuple(_box(os, client, server, loop=loop) for server in servers) for client in clients)


def _box(os: str, client: tuple[int, str], server: tuple[int, str], *, loop: bool) -> str:
    network = _hosts(os)[0]
    host = _caller(network, *client, os=os)

    def call() -> str:
        _opened(network.hosts[server[1]], server[0])
        found = host.getaddrinfo(server[1], client[0], v4mapped=client[0] == 6, everything=loop)
        made = _connected(host, client[0], found if loop else found[:1])
        return f"IPv{made.wire}"

    return _tried(call)


def _caller(network: Network, family: int, name: str, *, os: str) -> Host:
    """The client's host: another than the server's, with addresses of the same families."""
    like = network.hosts[name]
    ipv4 = [f"192.0.2.1{family}"] if any(each.version == 4 for each in like.addresses) else []
    ipv6 = [f"2001:db8::1{family}"] if like.has_ipv6 else []
    return network.host("client", os=os, ipv4=ipv4, ipv6=ipv6)


def _connected(host: Host, family: int, addresses: Iterable[Address]) -> Socket:
    """U5: each address in turn, with a socket of its own; the last failure where all fail."""
    failure: OSError | None = None
    for address in addresses:
        client = _client(host, family)
        try:
            client.connect(address, PORT)
        except OSError as error:
            failure = error
        else:
            return client
    raise failure or LookupFailed(host.name, "no address")


def _summary(os: str) -> Figure:
    """Figure 12.5; its asterisk where a client that tries every address gets through and one that does not, not."""
    first, every = interoperability(os), interoperability(os, loop=True)
    boxes = [
        ["(no*)" if box == _NO and other not in {_NO, "unknown"} else box for box, other in zip(row, more, strict=True)]
        for row, more in zip(first, every, strict=True)
    ]
    hosts = ("IPv4-only host", "IPv6-only host", "dual-stack host", "dual-stack host")
    clients = (4, 6, 4, 6)
    rows = tuple((f"IPv{family} client, {host}", *row) for family, host, row in zip(clients, hosts, boxes, strict=True))
    columns = tuple(f"IPv{family} server, {host}" for family, host in zip(clients, hosts, strict=True))
    starred = any("(no*)" in row for row in boxes)
    note = "* reached by a client that asks for every address (AI_V4MAPPED | AI_ALL) and tries each in turn"
    title = "IPv4 and IPv6 clients and servers"
    return Figure("12.5", title, ("", *columns), rows, (), (note,) if starred else ())


FIGURES: dict[str, Callable[[str], Figure]] = {
    "12.2": _server_for_both,
    "12.3": _receiving,
    "12.4": _sending,
    "12.5": _summary,
}
