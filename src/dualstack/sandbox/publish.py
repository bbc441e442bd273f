"""Ports of the program that others reach: opened on this host for both families, as long as the program listens.

A server sees its client's own address where both are of one family; else, and where the client is this host, one that
stands for it, which is said. What listens on a loopback alone is opened on the loopback alone. TCP only.

The kernel tells nobody that a socket listens: it is asked a few times a second, which is little work.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from socket import SocketType

from dualstack.core.access.access_list import AccessList, Verdict
from dualstack.core.address.address import SOCKET_FAMILIES, Address
from dualstack.core.address.sockaddr import SockAddr, SocketAddress
from dualstack.core.address.well_known import LOOPBACK
from dualstack.core.host.facts import Listener
from dualstack.core.spate import each_once
from dualstack.gateway.relay.link import Link, Target
from dualstack.gateway.relay.stream.data_plane import DataPlane
from dualstack.gateway.transparent.names import POOLS
from dualstack.kernel.sockdiag import read_tcp_listeners
from dualstack.kernel.socket_options import BACKLOG
from dualstack.kernel.streams import reset
from dualstack.kernel.transparent_sockets import open_transparent_stream
from dualstack.sandbox.network import ProgramNetwork

__all__ = ["Publish", "Publisher"]

_LOOK_S = 0.2
_CONNECT_S = 10.0
_CLIENT_IN_POOL = 3
_JOINING_MAX = 1024
_OUTSIDE = {False: {4: "0.0.0.0", 6: "::"}, True: {version: str(address) for version, address in LOOPBACK.items()}}


@dataclass(frozen=True, slots=True)
class Publish:
    """What is published.

    Args:
        auto: all that the program listens on, under its own numbers.
        ports: numbers outside, each with the one inside.
        access: who may connect; None is everybody.
    """

    auto: bool = False
    ports: Sequence[tuple[int, int]] = ()
    access: AccessList | None = None


class Publisher:
    """Keeps ports outside as the program's are; `close` closes them, and leaves connections to the plane.

    Args:
        publish: which ports.
        network: where the program is.
        plane: who accepts and relays.
        say: what there is to be logged.
    """

    def __init__(self, publish: Publish, network: ProgramNetwork, plane: DataPlane, say: Callable[[str], None]) -> None:
        self._publish = publish
        self._network = network
        self._plane = plane
        self._write = say
        self._spate = each_once()
        self._loop = asyncio.get_running_loop()
        self._opened: dict[tuple[int, int, bool], list[socket.socket]] = {}
        self._joining: set[asyncio.Task[None]] = set()
        self._task = self._loop.create_task(self._keep()) if publish.auto or publish.ports else None

    def close(self) -> None:
        """Close what was opened."""
        for task in [*self._joining, *([self._task] if self._task is not None else [])]:
            task.cancel()
        for key in list(self._opened):
            self._shut(key)

    async def _keep(self) -> None:
        for outside, inside in self._publish.ports:
            self._open((outside, inside, False))
        named = set(self._opened)
        while self._publish.auto:
            found = await self._listeners()
            wanted = {(each.port, each.port, each.address.is_loopback) for each in found}
            # One that listens on all addresses is opened there, and nowhere else.
            wanted -= {(port, same, True) for port, same, is_loopback in wanted if not is_loopback}
            for key in set(self._opened) - wanted - named:
                self._shut(key)
            for key in sorted(wanted - set(self._opened)):
                self._open(key)
            await asyncio.sleep(_LOOK_S)

    async def _listeners(self) -> Sequence[Listener]:
        return [
            each
            for each in await asyncio.wrap_future(self._network.program.later(read_tcp_listeners))
            if each.port not in self._network.own_ports
        ]

    def _open(self, key: tuple[int, int, bool]) -> None:
        outside, inside, is_loopback = key
        opened: list[socket.socket] = self._opened.setdefault(key, [])
        for version, address in _OUTSIDE[is_loopback].items():
            try:
                sock = _listening(version, address, outside)
            except OSError as error:
                self._say(f"port {outside} of the program is not published on {address}: {error.strerror or error}")
                continue
            opened.append(sock)
            self._plane.listen(sock, _Entrance(partial(self._admit, inside)))
        if opened:
            self._say(f"port {inside} of the program is published as {outside}{' of the loopback' * is_loopback}")

    def _shut(self, key: tuple[int, int, bool]) -> None:
        for sock in self._opened.pop(key):
            self._plane.unlisten(sock)
            sock.close()

    def _admit(self, inside: int, entrance: "_Entrance", client: SocketType, peer: SockAddr) -> None:
        address = Address(peer[0]).canonical
        access = self._publish.access
        decision = None if access is None else access.check(address)
        if decision is not None and decision.verdict is not Verdict.ALLOW:
            self._say(f"{address} may not connect to port {inside}: {decision.why}")
            reset(client)
            client.close()
            return
        if len(self._joining) >= _JOINING_MAX:
            self._say(f"{_JOINING_MAX} clients wait for the program: more are reset")
            reset(client)
            client.close()
            return
        task = self._loop.create_task(self._join(inside, entrance, client, peer))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    async def _join(self, inside: int, entrance: "_Entrance", client: SocketType, peer: SockAddr) -> None:
        try:
            async with asyncio.timeout(_CONNECT_S):
                server = await self._connect(inside, Address(peer[0]).canonical, int(peer[1]))
        except (OSError, TimeoutError):
            reset(client)
            client.close()
            return
        self._plane.relay(client, server, entrance, peer=peer)

    async def _connect(self, inside: int, client: Address, port: int) -> SocketType:
        """To whoever listens inside, in the client's name."""
        listeners = [each for each in await self._listeners() if each.port == inside]
        there, is_loopback = _best(listeners, client.version, self._network.addresses)
        if is_loopback:
            sock = await asyncio.wrap_future(
                self._network.program.later(partial(socket.socket, SOCKET_FAMILIES[there.version]))
            )
            sock.setblocking(False)
        else:
            source = (client, port) if self._is_fit(client, there) else (self._stand_in(client, there.version), 0)
            sock = await asyncio.wrap_future(self._network.router.later(partial(open_transparent_stream, source)))
        try:
            await self._loop.sock_connect(sock, SocketAddress(there, inside).to_tuple())
        except BaseException:
            sock.close()
            raise
        return sock

    def _say(self, text: str) -> None:
        now = self._loop.time()
        self._spate.over(now)
        if self._spate.is_said(text, now):
            self._write(text)

    def _is_fit(self, client: Address, there: Address) -> bool:
        """Whether the program can be told of the client as it is: its own kernel drops what seems to be its own."""
        if client.version != there.version or client.is_loopback or client.needs_scope:
            return False
        return client not in self._network.addresses.values()

    def _stand_in(self, client: Address, version: int) -> Address:
        stand_in = Address.from_int(POOLS[version].network.value + _CLIENT_IN_POOL, version)
        self._say(f"client {client} is seen as {stand_in}")
        return stand_in


class _Entrance:
    """The gate of one port."""

    def __init__(self, admit: Callable[["_Entrance", SocketType, SockAddr], None]) -> None:
        self._admit = admit

    def admit(self, client: SocketType, peer: SockAddr) -> Target | None:
        """Take a client over."""
        self._admit(self, client, peer)
        return None

    def closed(self, link: Link) -> None:
        """A connection is over."""


def _best(listeners: Iterable[Listener], version: int, own: Mapping[int, Address]) -> tuple[Address, bool]:
    """Where to connect, in the client's family where somebody takes that; whether it is a loopback."""
    found: list[tuple[bool, Address, bool]] = []
    for each in listeners:
        address = each.address.canonical
        takes = [4, 6] if each.family == 6 and not each.v6only and address.is_unspecified else [address.version]
        for family in takes:
            there = own[family] if address.is_unspecified else address
            found.append((family != version, there, address.is_loopback))
    if not found:
        raise ConnectionRefusedError("nobody listens inside")
    _, there, is_loopback = min(found, key=lambda each: each[0])
    return there, is_loopback


def _listening(version: int, address: str, port: int) -> socket.socket:
    sock = socket.socket(SOCKET_FAMILIES[version], socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if version == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock
