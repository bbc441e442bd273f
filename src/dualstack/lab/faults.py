"""What can be broken in a lab, how it is written, and what that means for packets, wire, routes and lookups.

    fault = KIND [ VALUE ] [ "ipv4" | "ipv6" | "a" | "aaaa" ] [ HOST ]

Such as `dropped ipv6 server`, `delay 300ms server`, `lookup-late 1s aaaa`. Never touches a host: `effects` says what
each is to be told, and `Network` tells it.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from dualstack.core.suggestion import suggestion, those_known
from dualstack.errors import ConfigError
from dualstack.lab.wire import Shape

__all__ = ["FAMILIES", "FAULTS", "Effects", "Fault", "FaultKind", "Takes", "Where", "effects", "parse_fault"]

BOTH = frozenset({4, 6})
SMALLEST_MTU = 1280  # RFC 8200 section 5: what every IPv6 link carries


class Where(Enum):
    """Who enacts it."""

    PACKETS = "the packets to the host"
    WIRE = "the wire to the host"
    ROUTES = "the routes of the host, or to it"
    LOOKUPS = "the resolver, for the name, or for every name"


class Takes(Enum):
    """The value that it needs."""

    NOTHING = ""
    TIME = "TIME"
    SHARE = "PERCENT"


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A row of `FAULTS`.

    Args:
        where: who enacts it.
        sees: what a plain client sees of it.
        takes: the value that it needs.
        verdict: by family, what nft(8) does with a packet that opens something.
    """

    where: Where
    sees: str
    takes: Takes = Takes.NOTHING
    verdict: Mapping[int, str] | None = None

    @property
    def families(self) -> frozenset[int]:
        """Those that it exists for."""
        return BOTH if self.verdict is None else frozenset(self.verdict)


def _icmp(ipv4: str | None, ipv6: str | None) -> dict[int, str]:
    kinds = {4: ipv4 and f"reject with icmp {ipv4}", 6: ipv6 and f"reject with icmpv6 {ipv6}"}
    return {family: verdict for family, verdict in kinds.items() if verdict}


_DROP = {4: "drop", 6: "drop"}
_RESET = {4: "reject with tcp reset", 6: "reject with tcp reset"}

# What the client sees: net/ipv4/icmp.c (icmp_err_convert), net/ipv6/icmp.c (icmpv6_err_convert), and measured.
FAULTS: dict[str, FaultKind] = {
    "dropped": FaultKind(Where.PACKETS, "nothing, until its time is up", verdict=_DROP),
    "refused": FaultKind(Where.PACKETS, "ECONNREFUSED, after a round trip", verdict=_RESET),
    "no-route": FaultKind(Where.PACKETS, "ENETUNREACH", verdict=_icmp("net-unreachable", "no-route")),
    "addr-unreachable": FaultKind(Where.PACKETS, "EHOSTUNREACH", verdict=_icmp("host-unreachable", "addr-unreachable")),
    "port-unreachable": FaultKind(Where.PACKETS, "ECONNREFUSED", verdict=_icmp("port-unreachable", "port-unreachable")),
    "admin-prohibited": FaultKind(
        Where.PACKETS, "EHOSTUNREACH over IPv4, EACCES over IPv6", verdict=_icmp("admin-prohibited", "admin-prohibited")
    ),
    "net-prohibited": FaultKind(Where.PACKETS, "ENETUNREACH", verdict=_icmp("net-prohibited", None)),
    "host-prohibited": FaultKind(Where.PACKETS, "EHOSTUNREACH", verdict=_icmp("host-prohibited", None)),
    "prot-unreachable": FaultKind(Where.PACKETS, "ENOPROTOOPT", verdict=_icmp("prot-unreachable", None)),
    "policy-fail": FaultKind(Where.PACKETS, "EACCES", verdict=_icmp(None, "policy-fail")),
    "reject-route": FaultKind(Where.PACKETS, "EACCES", verdict=_icmp(None, "reject-route")),
    "pmtu-black-hole": FaultKind(
        Where.PACKETS, f"connects, then nothing: what is over {SMALLEST_MTU} bytes is lost, and nobody is told"
    ),
    "delay": FaultKind(Where.WIRE, "a longer round trip", Takes.TIME),
    "jitter": FaultKind(Where.WIRE, "a round trip that is longer or shorter by so much", Takes.TIME),
    "loss": FaultKind(Where.WIRE, "retransmissions, the first after a second", Takes.SHARE),
    "no-default-router": FaultKind(Where.ROUTES, "ENETUNREACH; the other family's addresses sort first"),
    "blackhole-route": FaultKind(Where.ROUTES, "EINVAL, at once"),
    "lookup-late": FaultKind(Where.LOOKUPS, "a lookup that takes longer", Takes.TIME),
    "lookup-lost": FaultKind(
        Where.LOOKUPS, "EAI_AGAIN, after 20 s with glibc's defaults; of one family, the other's addresses, later"
    ),
    "lookup-servfail": FaultKind(Where.LOOKUPS, "EAI_AGAIN; of one family, the other's addresses"),
    "lookup-nxdomain": FaultKind(Where.LOOKUPS, "EAI_NONAME; of one family, the other's addresses"),
    "lookup-truncated": FaultKind(Where.LOOKUPS, "an answer, asked for again over TCP"),
    "lookup-swapped": FaultKind(Where.LOOKUPS, "the answer to the second question comes first"),
    "lookup-dead-first": FaultKind(Where.LOOKUPS, "an address that never answers, before the one that does"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is broken.

    Args:
        kind: a name in `FAULTS`.
        host: the host, or the name that is looked up; None for every name.
        family: 4, 6, or 0 for both.
        seconds: of `delay`, `jitter`, `lookup-late`.
        share: of `loss`, 0 to 1.
    """

    kind: str
    host: str | None = None
    family: int = 0
    seconds: float = 0.0
    share: float = 0.0

    def concerns(self, family: int) -> bool:
        """Whether it is about that family; 0 stands for what is of none."""
        return self.family in (0, family)

    def __str__(self) -> str:
        number, unit = _WRITTEN[FAULTS[self.kind].takes](self)
        value = f"{number:.12f}".rstrip("0").rstrip(".") + unit if unit else ""
        family = f"ipv{self.family}" if self.family else ""
        return " ".join(part for part in (self.kind, value, family, self.host) if part)


_WRITTEN: dict[Takes, Callable[[Fault], tuple[float, str]]] = {
    Takes.NOTHING: lambda _: (0.0, ""),
    Takes.TIME: lambda fault: (fault.seconds, "s"),
    Takes.SHARE: lambda fault: (fault.share * 100, "%"),
}
FAMILIES = {"ipv4": 4, "a": 4, "ipv6": 6, "aaaa": 6}
"""By the words for them, of which no host may be called so."""

_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")


def parse_fault(text: str, hosts: Collection[str], where: str = "") -> Fault:
    """Read one fault; `hosts` are those that there are, `where` names the file or option in errors.

    Raises:
        ConfigError: it says what is wrong, and what would be right.
    """
    words = text.split()
    kind = FAULTS.get(words[0]) if words else None
    if kind is None:
        raise ConfigError(where, f"fault {text!r}", f"unknown; {suggestion(words[0] if words else '', FAULTS)}")
    found: dict[str, object] = {}
    for word in words[1:]:
        key, value = _read(word)
        if key in found:
            raise ConfigError(where, f"fault {text!r}", f"{word!r} is one {key} too many; write two faults")
        found[key] = value
    fault = Fault(words[0], **found)  # type: ignore[arg-type]
    for is_wrong, why in _checks(fault, kind, found, hosts):
        if is_wrong:
            raise ConfigError(where, f"fault {text!r}", why)
    return fault


def _read(word: str) -> tuple[str, object]:
    if word.lower() in FAMILIES:
        return "family", FAMILIES[word.lower()]
    if time := _TIME.fullmatch(word):
        return "seconds", float(time[1]) / (1000 if time[2] == "ms" else 1)
    if share := _SHARE.fullmatch(word):
        return "share", float(share[1]) / 100
    return "host", word


def _checks(
    fault: Fault, kind: FaultKind, found: Mapping[str, object], hosts: Collection[str]
) -> Iterator[tuple[bool, str]]:
    wanted = {Takes.TIME: "seconds", Takes.SHARE: "share"}.get(kind.takes)
    surplus = next((key for key in ("seconds", "share") if key in found and key != wanted), None)
    yield surplus is not None, f"{fault.kind} takes no {surplus}"
    yield wanted is not None and wanted not in found, f"how much? such as {_EXAMPLES[kind.takes]}"
    yield fault.share > 1, "at most 100%"
    yield bool(fault.family) and fault.family not in kind.families, f"IPv{fault.family} has no such error"
    if kind.where is Where.LOOKUPS:
        return
    yield fault.host is None, f"which host? one of {', '.join(hosts)}"
    yield fault.host not in hosts, f"there is no host {fault.host}; there are {those_known(fault.host or '', hosts)}"


_EXAMPLES = {Takes.NOTHING: "", Takes.TIME: "300ms or 2s", Takes.SHARE: "10%"}


@dataclass(frozen=True, slots=True)
class Effects:
    """What a set of faults means.

    Args:
        rules: by host, the nft(8) rules of its input hook; a host without any has none.
        shapes: by host and family, what the wire does to frames to it.
        routerless: the hosts and families without a default router.
        lookups: the faults that the resolver enacts.
        blackholes: the hosts with a route to nowhere, each with the address that it is for.
    """

    rules: Mapping[str, tuple[str, ...]]
    shapes: Mapping[tuple[str, int], Shape]
    routerless: frozenset[tuple[str, int]]
    lookups: tuple[Fault, ...]
    blackholes: frozenset[tuple[str, str]] = frozenset()


def effects(faults: Iterable[Fault], addresses: Mapping[str, Mapping[int, Collection[str]]]) -> Effects:
    """What each is to be told; `addresses` are those of each host, by family."""
    faults = list(faults)
    rules: dict[str, list[str]] = {}
    shapes: dict[tuple[str, int], Shape] = {}
    routerless: set[tuple[str, int]] = set()
    blackholes: set[tuple[str, str]] = set()
    for fault in faults:
        kind = FAULTS[fault.kind]
        host = fault.host or ""
        for family in sorted(family for family in kind.families if fault.concerns(family)):
            if kind.verdict is not None:
                rules.setdefault(host, []).extend(_opening(family, kind.verdict[family]))
            elif kind.where is Where.PACKETS:
                for name, rule in _black_hole(host, family, addresses):
                    rules.setdefault(name, []).append(rule)
            elif kind.where is Where.WIRE:
                shapes[host, family] = _shaped(shapes.get((host, family), Shape()), fault)
            elif fault.kind == "no-default-router":
                routerless.add((host, family))
            elif fault.kind == "blackhole-route":
                mine = addresses.get(host, {}).get(family, ())
                blackholes.update((other, address) for other in addresses if other != host for address in mine)
    return Effects(
        rules={host: tuple(lines) for host, lines in rules.items()},
        shapes=shapes,
        routerless=frozenset(routerless),
        lookups=tuple(fault for fault in faults if FAULTS[fault.kind].where is Where.LOOKUPS),
        blackholes=frozenset(blackholes),
    )


def _opening(family: int, verdict: str) -> Iterator[str]:
    """The rules for one family: everything is dropped, but only what opens a connection, or a datagram, is refused."""
    protocol = f"meta nfproto ipv{family}"
    echo = "icmp type echo-request" if family == 4 else "icmpv6 type echo-request"
    if verdict == "drop":
        yield f"{protocol} meta l4proto {{ tcp, udp }} drop"
        yield f"{protocol} {echo} drop"
        return
    yield f"{protocol} tcp flags & (syn | ack) == syn {verdict}"
    if verdict == _RESET[family]:  # a port that nobody has: for UDP, that is an error of ICMP's
        yield f"{protocol} meta l4proto udp reject"
        return
    yield f"{protocol} meta l4proto udp {verdict}"
    yield f"{protocol} {echo} {verdict}"


def _black_hole(
    host: str, family: int, addresses: Mapping[str, Mapping[int, Collection[str]]]
) -> Iterator[tuple[str, str]]:
    """Too long packets are lost on the way to the host, and on the way from it: at whoever would get them."""
    yield host, f"meta nfproto ipv{family} meta length > {SMALLEST_MTU} drop"
    from_it = f"{'ip' if family == 4 else 'ip6'} saddr"
    for name in addresses:
        for address in addresses.get(host, {}).get(family, ()):
            if name != host:
                yield name, f"{from_it} {address} meta length > {SMALLEST_MTU} drop"


def _shaped(shape: Shape, fault: Fault) -> Shape:
    return Shape(
        delay_s=shape.delay_s + (fault.seconds if fault.kind == "delay" else 0),
        jitter_s=shape.jitter_s + (fault.seconds if fault.kind == "jitter" else 0),
        loss=1 - (1 - shape.loss) * (1 - fault.share),
    )
