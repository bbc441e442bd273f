"""A service while it runs: who is let in, where they go, and how many there are.

A door stands at each listening socket and answers the data plane. What it asks of is the service's policy, which a
reload swaps for another without touching a connection.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from socket import AF_UNIX, SocketType, if_nametoindex

from dualstack.core.access import AccessList, Verdict
from dualstack.core.address import Address
from dualstack.core.configuration import ExecTarget, Service, UnixTarget
from dualstack.core.endpoint import Endpoint
from dualstack.errors import DialError, DualstackError
from dualstack.gateway.children import Children
from dualstack.gateway.dataplane.link import Hop, Link, Reason, Target
from dualstack.gateway.dataplane.plane import DataPlane
from dualstack.gateway.log import Log
from dualstack.gateway.ports import NamedPort
from dualstack.gateway.routes import Route, hops
from dualstack.kernel.streams import NO_ROOM, SockAddr, reset
from dualstack.net.dialer import Dialer, SharedHistory

__all__ = ["Door", "Policy", "RunningService", "client_of", "rules_of", "shown"]

# How long a connection rests when the system has no descriptors left.
_ROOM_RETRY_S = 0.1


@dataclass(frozen=True, slots=True)
class Policy:
    """What a service does with a client, worked out once."""

    service: Service
    access: AccessList | None
    reach: AccessList | None
    dialer: Dialer
    target: Target | None
    trouble: str

    @classmethod
    def of(cls, service: Service, route_of: Callable[[Endpoint], Route], history: SharedHistory) -> "Policy":
        """The policy of `service`; a literal target is made ready here and never leaves the data plane."""
        access = rules_of(service.access, service.nat64)
        reach = rules_of(service.reach, service.nat64)
        route = route_of(service.target) if isinstance(service.target, Endpoint) else Route()
        target, trouble = _literal_target(service, route, reach)
        dialer = Dialer(outlet=route.outlet(reach, service.nat64), history=history)
        return cls(service, access, reach, dialer, target, trouble)


def rules_of(rules: tuple[str, ...], nat64: tuple[str, ...]) -> AccessList | None:
    """Rules that know this host's interfaces: the kernel gives a peer's zone as a number, people write its name."""
    return AccessList(rules, nat64=nat64, zone_id=if_nametoindex) if rules else None


def _literal_target(service: Service, route: Route, reach: AccessList | None) -> tuple[Target | None, str]:
    match service.target:
        case UnixTarget(path):
            return _target(service, (Hop(AF_UNIX, path),)), ""
        case Endpoint(host=Address() as host, port=port):
            found, trouble = hops([host.canonical], port, route, reach)
            return (_target(service, found), "") if found else (None, f"{host} {trouble}")
        case _:
            return None, ""


def _target(service: Service, found: tuple[Hop, ...]) -> Target:
    return Target(found, idle_timeout_s=service.idle_timeout_s, connect_timeout_s=service.connect_timeout_s)


async def _reach(policy: Policy, target: Endpoint) -> SocketType:
    """Connect to a name; a client never pays for a lack of descriptors: it waits until there are some.

    Raises:
        DualstackError: no address of it can be reached in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + policy.service.connect_timeout_s
    while True:
        try:
            return await policy.dialer.connect(str(target.host), target.port, timeout=max(deadline - loop.time(), 0.0))
        except DialError as error:
            if error.errno not in NO_ROOM:
                raise
        await asyncio.sleep(_ROOM_RETRY_S)


class RunningService:
    """One service: its policy now, its connections, and those that are still on their way to a target.

    Args:
        policy: see `Policy.of`.
        plane: what relays.
        children: what runs `exec:` targets.
        log: where refusals and failures go.
    """

    def __init__(self, policy: Policy, plane: DataPlane, children: Children, log: Log) -> None:
        self.policy = policy
        self.connections = 0
        self.by_client: Counter[str] = Counter()
        self._plane = plane
        self._children = children
        self._log = log
        self._dialling: dict[asyncio.Task[None], Door] = {}

    @property
    def name(self) -> str:
        """The service's name."""
        return self.policy.service.name

    def refusal(self, peer: SockAddr, client: str) -> str | None:
        """Why this client is not let in; None where it is."""
        service = self.policy.service
        if (why := self.denial(peer)) is not None:
            return why
        if service.max_connections is not None and self.connections >= service.max_connections:
            return f"max_connections: {service.max_connections}"
        if service.max_per_client is not None and self.by_client[client] >= service.max_per_client:
            return f"max_per_client: {service.max_per_client}"
        return None

    def denial(self, peer: SockAddr) -> str | None:
        """Why the rules do not let this client in; None where they do."""
        access = self.policy.access
        if access is not None and isinstance(peer, tuple):
            decision = access.check(Address(peer).canonical)
            if decision.verdict is not Verdict.ALLOW:
                return f"rule: {decision.rule}" if decision.rule else "no rule allows it"
        return None

    def send(self, client: SocketType, peer: SockAddr, door: "Door") -> None:
        """See to a client whose target is no literal address: a name to look up, or a command."""
        match self.policy.service.target:
            case ExecTarget(argv):
                self._spawn(argv, client, peer, door)
            case Endpoint(host=str()) as target:
                task = asyncio.get_running_loop().create_task(self._dial(client, peer, door, target))
                self._dialling[task] = door
                task.add_done_callback(self._dialling.pop)
            case target:
                self._lose(client, peer, door, self.policy.trouble or f"no way to {target}")

    async def _dial(self, client: SocketType, peer: SockAddr, door: "Door", target: Endpoint) -> None:
        policy = self.policy
        try:
            server = await _reach(policy, target)
        except asyncio.CancelledError:
            self._lose(client, peer, door, "the gateway is leaving")
            raise
        except (DualstackError, OSError) as error:
            self._lose(client, peer, door, str(error))
        else:
            self._plane.relay(client, server, door, peer=peer, idle_timeout_s=policy.service.idle_timeout_s)

    def _spawn(self, argv: tuple[str, ...], client: SocketType, peer: SockAddr, door: "Door") -> None:
        try:
            self._children.spawn(argv, client, door, lambda: door.leave(peer))
        except OSError as error:
            self._log.warning("unreached", service=self.name, peer=shown(peer), why=f"{argv[0]}: {error.strerror}")
            door.leave(peer)

    def _lose(self, client: SocketType, peer: SockAddr, door: "Door", why: str) -> None:
        reset(client)
        client.close()
        self._log.warning("unreached", service=self.name, peer=shown(peer), target=self.policy.service.target, why=why)
        door.leave(peer)

    def refused(self, peer: SockAddr, why: str) -> None:
        """Write down who was not let in, and why."""
        self._log.info("refused", service=self.name, peer=shown(peer), why=why)

    def unreached(self, link: Link) -> None:
        """Write down a target that did not answer."""
        tried = "; ".join(f"{hop.address}: {os.strerror(number)}" for hop, number in link.failures)
        self._log.warning(
            "unreached", service=self.name, peer=shown(link.peer), target=self.policy.service.target, why=tried
        )

    async def finish_dialling(self, timeout_s: float, is_meant: Callable[[object], bool]) -> int:
        """Wait for the lookups of the doors that are meant, give up on those left; how many these were."""
        tasks = [task for task, door in self._dialling.items() if is_meant(door)]
        if not tasks:
            return 0
        _, left = await asyncio.wait(tasks, timeout=timeout_s)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        return len(left)


class Door:
    """The gate of one listening socket: one service on one port.

    Args:
        service: who is behind it; where a reload puts another there, that one gets a door of its own, and the
            connections that came in by this one stay this one's.
        port: whose connections are counted.
    """

    __slots__ = ("closed_to", "port", "service")

    def __init__(self, service: RunningService, port: NamedPort) -> None:
        self.service = service
        self.port = port
        self.closed_to: frozenset[Address] = frozenset()

    def admit(self, client: SocketType, peer: SockAddr) -> Target | None:
        """As `Gate.admit`."""
        service = self.service
        if self.closed_to and Address(client.getsockname()).canonical in self.closed_to:
            reset(client)
            client.close()
            return None
        who = client_of(peer)
        why = service.refusal(peer, who)
        if why is not None:
            client.close()
            service.refused(peer, why)
            return None
        service.by_client[who] += 1
        service.connections += 1
        self.port.connections += 1
        target = service.policy.target
        if target is None:
            service.send(client, peer, self)
        return target

    def closed(self, link: Link) -> None:
        """As `Gate.closed`."""
        if link.reason is Reason.UNREACHED:
            self.service.unreached(link)
        self.leave(link.peer)

    def leave(self, peer: SockAddr) -> None:
        """One connection less."""
        self.service.connections -= 1
        self.port.connections -= 1
        who = client_of(peer)
        self.service.by_client[who] -= 1
        if not self.service.by_client[who]:
            del self.service.by_client[who]


def client_of(peer: SockAddr) -> str:
    """Whose connections are counted together: the kernel's text of the address, unmapped, which is canonical.

    An `Address` would be a tenth of what a short connection costs.
    """
    return peer[0].removeprefix("::ffff:") if isinstance(peer, tuple) else peer


def shown(peer: SockAddr) -> str:
    """A peer for people: its address unmapped."""
    if not isinstance(peer, tuple):
        return peer
    address = Address(peer).canonical
    return f"[{address}]:{peer[1]}" if address.version == 6 else f"{address}:{peer[1]}"
