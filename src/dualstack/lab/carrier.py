"""What carries frames between the hosts of a lab: netem where the kernel has it, else the switch in user space.

Both do the same to what goes to a host, once in a round trip: half of the wire's own time always, and by family what
faults ask for. Neighbour discovery and ARP are never touched by a fault.
"""

import errno
from collections.abc import Mapping
from typing import Protocol

from dualstack.lab.host import Host
from dualstack.lab.orders import NetworkError
from dualstack.lab.service import Service
from dualstack.lab.wire import Shape

__all__ = ["Carrier", "Netem", "UserSpace", "carrier"]

Shapes = Mapping[tuple[str, int], Shape]
"""By host and family, what is done to frames to it; to others nothing but the wire's own time."""

_UNSHAPED = Shape()
_CLASSES = {4: 4, 6: 6, 0: 1}  # 0: neighbour discovery, ARP and the rest
_QUEUE_PACKETS = 20_000


class Carrier(Protocol):
    """Told by `Wired`."""

    def plug(self, interface: str, host: str, link: str) -> None:
        """The far end of a host's interface is on that link from now on."""

    def shape(self, shapes: Shapes) -> None:
        """Do so from now on."""


class UserSpace:
    """The switch of `lab.wire`, a process in the base."""

    def __init__(self, base: Host, round_trip_s: float) -> None:
        self._switch = Service(base.serve("dualstack.lab.wire:main", round_trip_s, 0), "the wire")

    def plug(self, interface: str, host: str, link: str) -> None:
        """As `Carrier` says."""
        self._switch.tell({"plug": interface, "host": host, "link": link})

    def shape(self, shapes: Shapes) -> None:
        """As `Carrier` says."""
        rows = [[host, family, s.delay_s, s.jitter_s, s.loss] for (host, family), s in shapes.items()]
        self._switch.tell({"shapes": rows})


class Netem:
    """A bridge for each link, and tc-netem(8) on the way out of it to each host, by family.

    Not run yet: no kernel at hand had netem. The tree around it was, with another queue in its place.
    """

    def __init__(self, base: Host, round_trip_s: float, *, queue: str = "netem") -> None:
        self._base = base
        self._half_s = round_trip_s / 2
        self._queue = queue
        self._bridges: dict[str, str] = {}
        self._ports: list[tuple[str, str]] = []

    def plug(self, interface: str, host: str, link: str) -> None:
        """As `Carrier` says."""
        if link not in self._bridges:
            self._bridges[link] = f"br{len(self._bridges)}"
            self._base.set([["bridge", self._bridges[link]]])
        self._base.set([["attach", interface, self._bridges[link]], ["branch", interface]])
        self._ports.append((interface, host))
        self._fill(interface, {})

    def shape(self, shapes: Shapes) -> None:
        """As `Carrier` says."""
        for interface, host in self._ports:
            self._fill(interface, {family: shapes.get((host, family), _UNSHAPED) for family in (4, 6)})

    def _fill(self, interface: str, shapes: Mapping[int, Shape]) -> None:
        calls = [
            ["queue", interface, number, self._queue, self._options(shapes.get(family, _UNSHAPED))]
            for family, number in _CLASSES.items()
        ]
        self._base.set(calls)

    def _options(self, shape: Shape) -> dict[str, float]:
        if self._queue != "netem":
            return {}
        return {
            "delay": round((self._half_s + shape.delay_s) * 1e6),
            "jitter": round(shape.jitter_s * 1e6),
            "loss": shape.loss * 100,
            "limit": _QUEUE_PACKETS,
        }


def carrier(base: Host, round_trip_s: float) -> Carrier:
    """The best that this kernel has."""
    try:
        base.set([["queue", "lo", 0, "netem", {"delay": 0}], ["no_queue", "lo"]])
    except NetworkError as error:
        if error.errno not in {errno.ENOENT, errno.EOPNOTSUPP}:
            raise
        return UserSpace(base, round_trip_s)
    return Netem(base, round_trip_s)
