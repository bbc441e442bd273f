"""A gateway at one moment, as values: what the status page, the metrics and `Gateway.snapshot` say of it.

Texts and numbers alone, and nothing secret: no password, no word of a command but its name. Times are seconds since
1970, families `ipv4` and `ipv6`, peers unmapped. A target is `unix` where it is no address of a network, and `none`
where none was reached.
"""

from msgspec import Struct, field

__all__ = [
    "Client",
    "Connection",
    "Datagrams",
    "Dial",
    "Lesson",
    "Lost",
    "OnPort",
    "Port",
    "Reached",
    "Refusal",
    "Rule",
    "Service",
    "Snapshot",
    "Socket",
    "Trouble",
    "Try",
    "Way",
]


class Client(Struct):
    """Clients of one family: connections now, and since the gateway runs."""

    family: str
    now: int = 0
    total: int = 0


class Way(Struct):
    """Relayed from clients of one family to targets of one family; `now` are those that are open."""

    client: str
    target: str
    now: int = 0
    total: int = 0
    bytes_up: int = 0
    bytes_down: int = 0


class OnPort(Struct):
    """One service on one port."""

    port: str
    clients: list[Client]
    ways: list[Way] = field(default_factory=list)


class Rule(Struct):
    """How often a rule refused; when and whom last."""

    rule: str
    count: int
    time: float
    client: str


class Refusal(Struct):
    """Somebody who was refused."""

    time: float
    client: str
    rule: str
    why: str = ""


class Trouble(Struct):
    """A target that was not reached."""

    time: float
    client: str
    target: str
    why: str


class Try(Struct):
    """One attempt of the connector: `outcome` is won, failed, given up, or under way."""

    family: str
    address: str
    started_s: float
    ended_s: float | None = None
    outcome: str = "under way"
    why: str = ""


class Dial(Struct):
    """One connection of the connector: who won, after how long, and what became of the other family."""

    time: float
    target: str
    winner: str | None = None
    elapsed_s: float = 0.0
    lookup_s: float | None = None
    other: str = ""
    tries: list[Try] = field(default_factory=list)


class Datagrams(Struct):
    """What a service of UDP relayed, and what it did not."""

    flows: int = 0
    flows_now: int = 0
    evicted: int = 0
    dropped: int = 0
    datagrams_up: int = 0
    datagrams_down: int = 0
    bytes_up: int = 0
    bytes_down: int = 0


class Connection(Struct):
    """A connection that is over."""

    time: float
    port: str
    client: str
    target: str
    way: str
    bytes_up: int
    bytes_down: int
    duration_s: float
    reason: str


class Service(Struct):
    """One service: what it is, and what was counted of it."""

    name: str
    protocol: str
    target: str
    is_leaving: bool = False
    access: list[str] = field(default_factory=list)
    reach: list[str] = field(default_factory=list)
    on: list[OnPort] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    unreached: int = 0
    troubles: list[Trouble] = field(default_factory=list)
    dials: list[Dial] = field(default_factory=list)
    datagrams: Datagrams | None = None
    recent: list[Connection] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """How many were refused."""
        return sum(rule.count for rule in self.rules)

    @property
    def bytes_up(self) -> int:
        """From clients."""
        return sum(way.bytes_up for on in self.on for way in on.ways) + (
            self.datagrams.bytes_up if self.datagrams else 0
        )

    @property
    def bytes_down(self) -> int:
        """To clients."""
        down = self.datagrams.bytes_down if self.datagrams else 0
        return sum(way.bytes_down for on in self.on for way in on.ways) + down

    def of(self, family: str) -> Client:
        """Its clients of a family, on all ports."""
        mine = [client for on in self.on for client in on.clients if client.family == family]
        return Client(family, sum(client.now for client in mine), sum(client.total for client in mine))


class Reached(Struct):
    """What the system does with clients to an address, and as whom they appear."""

    client: str
    says: str


class Socket(Struct):
    """A listening socket, and why it is as it is."""

    service: str
    port_name: str
    socket: str
    proto: str
    receives: str
    why: str = ""
    rule: str | None = None
    reached: list[Reached] = field(default_factory=list)


class Port(Struct):
    """A named port."""

    name: str
    bind: str
    state: str
    services: list[str]
    connections: int = 0
    error: str | None = None
    sockets: list[Socket] = field(default_factory=list)


class Lesson(Struct):
    """What the connector knows of a network's way to a prefix."""

    source: str
    destination: str
    rtt_s: float | None
    steps_back_s: float | None
    failed: list[str] = field(default_factory=list)


class Lost(Struct):
    """Lines of a log that nobody read in time, or that the disk had no room for."""

    log: str
    lines: int = 0


class Snapshot(Struct):
    """The whole; `short_now` workers have no descriptor left at this moment, which has happened `shortages` times."""

    time: float
    started: float
    program: str
    workers: int = 1
    services: list[Service] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    history: list[Lesson] = field(default_factory=list)
    short_now: int = 0
    shortages: int = 0
    lost: list[Lost] = field(default_factory=list)
    version: int = 1

    def now(self, family: str) -> int:
        """Connections of a family."""
        return sum(service.of(family).now for service in self.services)

    def total(self, family: str) -> int:
        """Connections of a family since the gateway runs."""
        return sum(service.of(family).total for service in self.services)
