"""What passes through a service, counted: by port, by family of client and target, refusals by their rule.

It is done for each connection, so it is a few additions and no text is made: `gateway.status.collect` makes them when
somebody asks, and adds the bytes of links that are still open. What clients can multiply is kept in rings; rules are
counted one by one up to a number, all others together.
"""

from collections import deque
from collections.abc import Sequence
from time import time

from dualstack.core.address.sockaddr import SockAddr
from dualstack.core.dial.steps import DialStep, Kind
from dualstack.gateway.counters.families import WayKey
from dualstack.gateway.relay.link import Link

__all__ = ["OTHER_RULES", "Counters", "Dialled", "PortCounters", "Refused", "Rules", "Trouble", "Way", "rules_behind"]

OTHER_RULES = "other rules"
"""Where refusals are counted once there are too many different ones."""

_RULES_MAX = 32
_RECENT = 16
_LATEST = 8
_STEPS_MAX = 64


class Way:
    """Connections from clients of one family to targets of one family, and their bytes."""

    __slots__ = ("bytes_down", "bytes_up", "connections")

    def __init__(self) -> None:
        self.connections = 0
        self.bytes_up = 0
        self.bytes_down = 0

    def add(self, link: Link) -> None:
        """Count one more."""
        self.connections += 1
        self.bytes_up += link.client.count
        self.bytes_down += link.server.count


class PortCounters:
    """One service on one port: who came and who left, IPv4 first; what links brought; those that ended last."""

    __slots__ = ("came", "left", "port", "recent", "ways")

    def __init__(self, port: str) -> None:
        self.port = port
        self.came = [0, 0]
        self.left = [0, 0]
        self.ways: dict[WayKey, Way] = {}
        self.recent: deque[Link] = deque(maxlen=_RECENT)

    def ended(self, link: Link, key: WayKey) -> None:
        """Count a link that is over."""
        way = self.ways.get(key)
        if way is None:
            way = self.ways[key] = Way()
        way.add(link)
        self.recent.append(link)


class Refused:
    """How often a rule refused, and whom last."""

    __slots__ = ("at", "count", "peer")

    def __init__(self) -> None:
        self.count = 0
        self.at = 0.0
        self.peer: SockAddr = ""


class Rules:
    """Refusals by the text of their rule, and the last few one by one: when, who, the rule, and more of the reason."""

    def __init__(self) -> None:
        self.by_rule: dict[str, Refused] = {}
        self.latest: deque[tuple[float, SockAddr, str, str]] = deque(maxlen=_LATEST)

    def refused(self, peer: SockAddr, rule: str, why: str = "") -> None:
        """Count one."""
        rules = self.by_rule
        found = rules.get(rule)
        if found is None:
            rule = rule if len(rules) < _RULES_MAX else OTHER_RULES
            found = rules.setdefault(rule, Refused())
        found.count += 1
        found.at = time()
        found.peer = peer
        self.latest.append((found.at, peer, rule, why))


class Trouble:
    """A target that was not reached."""

    __slots__ = ("at", "peer", "target", "why")

    def __init__(self, peer: SockAddr, target: object, why: str) -> None:
        self.at = time()
        self.peer = peer
        self.target = target
        self.why = why


class Dialled:
    """What the connector did for one connection: when it began, where to, and its steps, not all of very many."""

    __slots__ = ("at", "steps", "target")

    def __init__(self, target: object) -> None:
        self.at = time()
        self.target = target
        self.steps: list[DialStep] = []

    def note(self, step: DialStep) -> None:
        """Keep a step; of very many, those that tell the end."""
        if len(self.steps) < _STEPS_MAX or step.kind is Kind.CONNECTED:
            self.steps.append(step)


class Counters:
    """All that is counted of one service."""

    def __init__(self) -> None:
        self.by_port: dict[str, PortCounters] = {}
        self.rules = Rules()
        self.unreached = 0
        self.troubles: deque[Trouble] = deque(maxlen=_LATEST)
        self.dials: deque[Dialled] = deque(maxlen=_LATEST)

    def on(self, port: str) -> PortCounters:
        """What is counted of this port, whose name does not mind case."""
        key = port.casefold()
        if key not in self.by_port:
            self.by_port[key] = PortCounters(port)
        return self.by_port[key]

    def trouble(self, peer: SockAddr, target: object, why: str) -> None:
        """Count a target that was not reached."""
        self.unreached += 1
        self.troubles.append(Trouble(peer, target, why))

    def dialling(self, target: object) -> Dialled:
        """A connection is about to be made by the connector."""
        dialled = Dialled(target)
        self.dials.append(dialled)
        return dialled


def rules_behind(steps: Sequence[object]) -> str:
    """Which rules left out every address, of the steps of a connection that was not tried; each once."""
    left_out = [step for step in steps if isinstance(step, DialStep) and step.kind is Kind.FILTERED]
    return "; ".join(dict.fromkeys(str(step.facts["why"]) for step in left_out))
