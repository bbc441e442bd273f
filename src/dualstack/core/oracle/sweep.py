"""Cases to hold the oracle against a kernel: every ordered pair of sockets, and as many random ones as time allows.

A ground is what the cases stand on: a host's addresses, interfaces and settings. The same ground and seed give the same
cases in the same order. Nothing is opened here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, product
from random import Random

from dualstack.core.address.address import Address
from dualstack.core.oracle.case import Call, Case, Sock, Step
from dualstack.core.oracle.systems import STACKS

__all__ = ["GROUND_ADDRESSES", "GROUND_INTERFACES", "Ground", "pairs", "random_cases"]

GROUND_INTERFACES = ("da", "db")
"""Two interfaces, which have one link-local address in common."""

GROUND_ADDRESSES: dict[str, tuple[str, ...]] = {
    "lo": ("127.0.0.1", "::1", "10.9.0.1", "fd00:9::1", "fd00:9::2"),
    "da": ("fe80::9",),
    "db": ("fe80::9",),
}
"""What a ground has on each interface."""

_IPV4 = ("0.0.0.0", "127.0.0.1", "10.9.0.1")
_IPV6 = ("::", "::1", "fd00:9::1", "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:10.9.0.1", "fe80::9%da", "fe80::9%db")
# Binds that fail by themselves, or seem to.
_ODD = (
    (4, "10.9.9.9"),
    (4, "::1"),
    (4, "224.0.0.251"),
    (4, "255.255.255.255"),
    (6, "10.9.0.1"),
    (6, "::ffff:10.9.9.9"),
    (6, "::ffff:224.0.0.251"),
    (6, "fd00:9::9"),
    (6, "fe80::9"),
    (6, "fe80::8%da"),
    (6, "fe80::9%99"),
    (6, "fd00:9::1%da"),
    (6, "::1%99"),
    (6, "ff02::1%da"),
    (6, "ff02::1"),
    (6, "ff0e::1"),
)
# (destination, the client's address)
_PROBES = (
    ("127.0.0.1", "127.0.0.1"),
    ("127.0.0.2", "127.0.0.1"),
    ("10.9.0.1", "10.9.0.1"),
    ("::1", "::1"),
    ("fd00:9::1", "fd00:9::2"),
    ("fd00:9::2", "fd00:9::1"),
    ("fe80::9%da", "fe80::9%da"),
    ("fe80::9%db", "fe80::9%db"),
)
_CALLED = (
    *("127.0.0.1", "10.9.0.1", "0.0.0.0", "224.0.0.251", "255.255.255.255"),
    *("::1", "::", "fd00:9::1", "fe80::9%da", "fe80::9%db", "fe80::9"),
    *("::ffff:127.0.0.1", "::ffff:10.9.0.1", "::ffff:0.0.0.0", "ff02::1%da", "ff0e::1"),
)
_TRUTHS = (False, True)


@dataclass(frozen=True, slots=True)
class Ground:
    """A host that cases are made on.

    Args:
        interfaces: names and numbers.
        local: its addresses.
        bindv6only: net.ipv6.bindv6only.
        ipv6: whether IPv6 is on.
        users: who may make sockets; the first makes most.
    """

    interfaces: dict[str, int]
    local: frozenset[Address]
    bindv6only: bool = False
    ipv6: bool = True
    users: tuple[int, ...] = (0,)
    sockets: tuple[Sock, ...] = field(init=False)

    def __post_init__(self) -> None:
        made = [Sock(4, Address(text), None, ra, rp) for text, ra, rp in product(_IPV4, _TRUTHS, _TRUTHS)]
        made += [
            Sock(6, Address(text), v6only, ra, rp)
            for text, v6only, ra, rp in product(_IPV6, (None, *_TRUTHS), _TRUTHS, _TRUTHS)
        ]
        object.__setattr__(self, "sockets", tuple(made))

    def case(
        self,
        proto: str,
        sockets: Sequence[Sock],
        steps: Sequence[Step],
        probes: Sequence[tuple[str, str]] = (),
        calls: Sequence[Call] = (),
    ) -> Case:
        """A case on this ground."""
        return Case(
            STACKS["linux"],
            proto,
            tuple(sockets),
            tuple(steps),
            tuple(Address(to) for to, _ in probes),
            self.bindv6only,
            self.ipv6,
            self.local,
            self.interfaces,
            tuple(Address(source) for _, source in probes),
            tuple(calls),
        )


def pairs(ground: Ground, random: Random) -> Iterator[Case]:
    """Every ordered pair of sockets, TCP and UDP, in each order of calls, shuffled; all destinations are tried."""
    wanted = [
        (proto, steps, a, b)
        for proto in ("tcp", "udp")
        for steps in _orders(proto, 2)
        for a, b in product(range(len(ground.sockets)), repeat=2)
    ]
    random.shuffle(wanted)
    for proto, steps, a, b in wanted:
        yield ground.case(proto, (ground.sockets[a], ground.sockets[b]), steps, _PROBES)


def _orders(proto: str, sockets: int) -> list[tuple[Step, ...]]:
    """Bind and listen one by one; bind all and then listen in order, or in reverse. UDP binds alone."""
    binds = tuple(Step("bind", index) for index in range(sockets))
    if proto == "udp":
        return [binds]
    listens = tuple(Step("listen", index) for index in range(sockets))
    one_by_one = tuple(chain.from_iterable(zip(binds, listens, strict=True)))
    return [one_by_one, binds + listens, binds + listens[::-1]]


def random_cases(ground: Ground, random: Random) -> Iterator[Case]:
    """Without end: three and four sockets, some of other users, odd addresses, any order of calls, calls out."""
    while True:
        yield from (_crowd(ground, random) for _ in range(7))
        yield _calls(ground, random)


def _crowd(ground: Ground, random: Random) -> Case:
    proto = random.choice(("tcp", "udp"))
    sockets = [_socket(ground, random) for _ in range(random.choice((3, 3, 4, 4, 4, 5)))]
    steps = list(random.choice(_orders(proto, len(sockets))))
    if random.random() < 0.3:
        random.shuffle(steps)
    if random.random() < 0.1:
        steps.append(random.choice(steps))
    return ground.case(proto, sockets, steps, random.sample(_PROBES, 3))


def _socket(ground: Ground, random: Random) -> Sock:
    if random.random() < 0.05:
        family, text = random.choice(_ODD)
        v6only, (reuseaddr, reuseport) = random.choice((None, *_TRUTHS)), random.choices(_TRUTHS, k=2)
        return Sock(family, Address(text), v6only, reuseaddr, reuseport)
    like = random.choice(ground.sockets)
    if random.random() < 0.8:
        return like
    return Sock(like.family, like.address, like.v6only, like.reuseaddr, like.reuseport, random.choice(ground.users))


def _calls(ground: Ground, random: Random) -> Case:
    """A socket, bound or not, that calls out once or twice."""
    proto = random.choice(("tcp", "udp"))
    sock = _socket(ground, random)
    steps = random.choice(((), (Step("bind", 0),), (Step("bind", 0),), (Step("bind", 0), Step("listen", 0))))
    calls = [_call(proto, random) for _ in range(random.choice((1, 1, 2, 3)) if proto == "udp" else 1)]
    return ground.case(proto, (sock,), steps, (), calls)


def _call(proto: str, random: Random) -> Call:
    to = Address(random.choice(_CALLED))
    op = random.choice(("connect", "sendto")) if proto == "udp" or random.random() < 0.1 else "connect"
    return Call(0, op, to.version, to)
