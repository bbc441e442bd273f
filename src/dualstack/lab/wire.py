"""The wire between hosts: a switch in user space that takes its time, for kernels without netem.

A network without delay lies: an ICMP error that arrives while connect() still holds its socket is told a second late.
So each frame spends half a round trip here, and more where a fault says so: delay, jitter, loss, by host and by
family. Frames pass as they are, unfinished checksums and oversized segments included.

`Switch` decides, on times that come in; `main` moves the frames, in the namespace that has the far ends of the hosts'
interfaces, and is told of ports and faults by lines of JSON on its standard input.
"""

import json
import os
import select
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from random import Random
from time import monotonic
from typing import TYPE_CHECKING

from dualstack.kernel.packets import VNET_HEADER, open_packet_socket

if TYPE_CHECKING:
    from socket import SocketType

__all__ = ["Port", "Shape", "Switch", "main"]

_FAMILY = {0x0800: 4, 0x86DD: 6}  # by ethertype; ARP is of neither
_ICMPV6, _NEIGHBOUR_DISCOVERY = 58, range(133, 138)  # RFC 4861 section 4
_MAC_BYTES = 6
_ETHERNET_BYTES = 14
_QUEUE_MAX = 20_000
_READ_BYTES = 1 << 17
_FRAMES_A_TURN = 64


@dataclass(frozen=True, slots=True)
class Shape:
    """What befalls the frames to a host.

    Args:
        delay_s: added to their way.
        jitter_s: up to so much more or less, each value as likely as the next.
        loss: the share that is lost, 0 to 1.
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0


@dataclass(frozen=True, slots=True)
class Port:
    """Where a host is plugged in: its name, and the link that it is on."""

    host: str
    link: str


class Switch:
    """Which frames go where, and when; learns who is where by their source addresses, as IEEE 802.1D does.

    Args:
        half_round_trip_s: what every frame spends on the wire.
        random: for jitter and loss.
    """

    def __init__(self, half_round_trip_s: float, random: Random) -> None:
        self._half_round_trip_s = half_round_trip_s
        self._random = random
        self._ports: list[Port] = []
        self._places: dict[tuple[str, bytes], int] = {}
        self._shapes: Mapping[tuple[str, int], Shape] = {}
        self._due: list[tuple[float, int, int, bytes]] = []
        self._numbers = count()

    def plug(self, port: Port) -> int:
        """The new port's number."""
        self._ports.append(port)
        return len(self._ports) - 1

    def shape(self, shapes: Mapping[tuple[str, int], Shape]) -> None:
        """From now on, frames to a host (name, 4 or 6) are shaped so, and others not at all."""
        self._shapes = shapes

    def take(self, number: int, frame: bytes, now: float) -> None:
        """A frame has come in at a port; one without a whole Ethernet header goes nowhere."""
        link = self._ports[number].link
        ethernet = frame[VNET_HEADER.size : VNET_HEADER.size + _ETHERNET_BYTES]
        if len(ethernet) < _ETHERNET_BYTES:
            return
        to, source = ethernet[:_MAC_BYTES], ethernet[_MAC_BYTES : 2 * _MAC_BYTES]
        self._places[link, source] = number
        place = None if to[0] & 1 else self._places.get((link, to))
        targets = [place] if place is not None else [n for n, port in enumerate(self._ports) if port.link == link]
        for target in targets:
            if target != number:
                self._send(target, frame, now)

    def due(self, now: float) -> list[tuple[int, bytes]]:
        """The frames whose time has come, with the ports that they go out by."""
        ready = []
        while self._due and self._due[0][0] <= now:
            _, _, number, frame = heappop(self._due)
            ready.append((number, frame))
        return ready

    @property
    def next_at(self) -> float | None:
        """When the next frame is due."""
        return self._due[0][0] if self._due else None

    def _send(self, number: int, frame: bytes, now: float) -> None:
        shape = self._shapes.get((self._ports[number].host, _family(frame)), _UNSHAPED)
        if len(self._due) >= _QUEUE_MAX or (shape.loss and self._random.random() < shape.loss):
            return
        way_s = self._half_round_trip_s + shape.delay_s + shape.jitter_s * self._random.uniform(-1, 1)
        heappush(self._due, (now + max(way_s, 0.0), next(self._numbers), number, frame))


_UNSHAPED = Shape()


def _family(frame: bytes) -> int:
    """4 or 6, and 0 of what no fault touches: neighbours are found over a broken wire too."""
    start = VNET_HEADER.size + 12
    kind = int.from_bytes(frame[start : start + 2], "big")
    if kind == 0x86DD and _is_neighbour_discovery(frame[start + 2 : start + 43]):
        return 0
    return _FAMILY.get(kind, 0)


def _is_neighbour_discovery(packet: bytes) -> bool:
    return len(packet) > 40 and packet[6] == _ICMPV6 and packet[40] in _NEIGHBOUR_DISCOVERY


class _Wire:
    """A switch over real interfaces."""

    def __init__(self, round_trip_s: float, seed: int) -> None:
        self._switch = Switch(round_trip_s / 2, Random(seed))  # noqa: S311 - weather, not secrets
        self._sockets: list[SocketType] = []
        self._numbers: dict[int, int] = {}

    def run(self) -> None:
        orders = _Lines(sys.stdin.fileno())
        while True:
            now = monotonic()
            for number, frame in self._switch.due(now):
                with suppress(OSError):  # as on any wire: the interface is down, or its queue full
                    self._sockets[number].send(frame)
            at = self._switch.next_at
            until_s = None if at is None else max(at - monotonic(), 0.0)
            ready, _, _ = select.select([orders.descriptor, *self._numbers], [], [], until_s)
            for descriptor in ready:
                if descriptor != orders.descriptor:
                    self._read(self._numbers[descriptor])
            if orders.descriptor in ready and not orders.each(self._obey):
                return

    def _read(self, number: int) -> None:
        for _ in range(_FRAMES_A_TURN):
            try:
                frame = self._sockets[number].recv(_READ_BYTES)
            except OSError:  # nothing more, or the interface has gone with its host
                return
            self._switch.take(number, frame, monotonic())

    def _obey(self, order: dict[str, object]) -> None:
        match order:
            case {"plug": str(interface), "host": str(host), "link": str(link)}:
                sock = open_packet_socket(interface, for_passing_on=True)
                self._sockets.append(sock)
                self._numbers[sock.fileno()] = self._switch.plug(Port(host, link))
            case {"shapes": list(shapes)}:
                self._switch.shape({(host, family): Shape(*values) for host, family, *values in shapes})


class _Lines:
    """Lines of JSON as they come."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._rest = b""

    def each(self, obey: Callable[[dict[str, object]], None]) -> bool:
        """Obey what is there, and say so, a line each; False at the end."""
        read = os.read(self.descriptor, _READ_BYTES)
        *lines, self._rest = (self._rest + read).split(b"\n")
        for line in lines:
            obey(json.loads(line))
            sys.stdout.write("null\n")
            sys.stdout.flush()
        return bool(read)


def main(round_trip_s: float, seed: int) -> int:
    """Be the wire until standard input ends."""
    _Wire(round_trip_s, seed).run()
    return 0
