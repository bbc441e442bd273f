"""What becomes of a daemon's rows: one socket after the other, in the daemon's order, with its habits.

The kernel's rules are the oracle's (`dualstack.core.oracle`), which is asked here. Never opens anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dualstack.core.address.address import Address
from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.core.oracle.case import Case, Sock, Step
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.systems import STACKS
from dualstack.doctor.assumed_host import AssumedHost
from dualstack.doctor.listening import Ends, Habits, Listen, Names, NotUnderstood, Place, Refused, Target

__all__ = ["Opened", "Socket", "open_all"]


@dataclass(frozen=True, slots=True)
class Socket:
    """A socket that would be there: `v6only` None for IPv4; `is_aside` where it is not the service itself."""

    proto: str
    address: Address
    port: int
    v6only: bool | None
    shares: str
    place: Place | None
    is_aside: bool = False

    @property
    def sock(self) -> Sock:
        """The same, as the oracle takes it."""
        return Sock(
            4 if self.v6only is None else 6,
            self.address,
            v6only=self.v6only,
            reuseaddr=self.shares == "reuseaddr",
            reuseport=self.shares == "reuseport",
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """What a daemon's rows became: the sockets, and where it does not start (`starts` False) why and where.

    `skipped` are the sentences about what it goes on without.
    """

    starts: bool
    sockets: tuple[Socket, ...]
    why: str = ""
    place: Place | None = None
    skipped: tuple[tuple[str, Place | None], ...] = ()


def open_all(rows: Sequence[Listen], host: AssumedHost) -> Opened:
    """The sockets of `rows` on `host`.

    Raises:
        NotUnderstood: a name or an interface of which nothing is known.
    """
    opening = _Opening(host)
    try:
        for row in rows:
            if not opening.open(row):
                break
    except Refused as refused:
        return Opened(False, (), refused.why, refused.place)
    if not opening.sockets and any(row.habits.nothing is Ends.FATAL for row in rows):
        why, place = opening.skipped[0] if opening.skipped else ("there is nothing to listen on", None)
        return Opened(False, (), why, place)
    return Opened(True, tuple(opening.sockets), skipped=tuple(opening.skipped))


class _Opening:
    def __init__(self, host: AssumedHost) -> None:
        self.sockets: list[Socket] = []
        self.skipped: list[tuple[str, Place | None]] = []
        self._host = host

    def open(self, row: Listen) -> bool:
        """Open what one row asks for; False where the daemon then opens no more."""
        opened = 0
        for address in self._addresses(row):
            trouble = self._try(row, address)
            if trouble is None:
                opened += 1
                continue
            ends, why = trouble
            if ends is Ends.FATAL:
                raise Refused(why, row.place)
            self.skipped.append((why, row.place))
            if ends is Ends.STOPS:
                return False
        if not opened and row.target is Target.ADDRESS and row.habits.none_left is Ends.FATAL:
            raise Refused(self.skipped[-1][0] if self.skipped else f"{row.host!r} has no address", row.place)
        return True

    def _addresses(self, row: Listen) -> Sequence[Address]:
        """Those that a row means, in the daemon's order.

        Raises:
            NotUnderstood: nothing is known of the name.
            Refused: there is none.
        """
        try:
            found = self._meant(row)
        except (NotUnderstood, Refused) as error:
            error.place = row.place
            raise
        return [address for address in found if row.wanted is None or row.wanted(str(address))]

    def _meant(self, row: Listen) -> Sequence[Address]:
        host, habits = self._host, row.habits
        if row.target is not Target.ADDRESS:
            found = host.addresses() if row.target is Target.EVERY else host.of_interface(row.host)
            return [address for address in found if row.family in {None, address.version}]
        if row.host == "*" and habits.passive is not None:
            return self._of_star(row)
        family = 4 if habits.names is Names.IPV4 and _is_name(row.host) else row.family
        addresses = host.lookup(row.host, family=family, addrconfig=habits.addrconfig)
        return addresses if habits.names is Names.ALL else addresses[:1]

    def _of_star(self, row: Listen) -> Sequence[Address]:
        """What glibc's getaddrinfo makes of `*`: the wildcards, IPv4's first, or the loopback's addresses."""
        if not row.habits.passive:
            family = 4 if row.habits.names is Names.IPV4 else row.family
            found = self._host.lookup("localhost", family=family)
        else:
            found = tuple(each for each in UNSPECIFIED.values() if row.family in {None, each.version})
        return found if row.habits.names is Names.ALL else found[:1]

    def _try(self, row: Listen, address: Address) -> tuple[Ends, str] | None:
        """Bind one address; what is in the way, and what the daemon does about it."""
        habits = row.habits
        shown = f"[{address}]:{row.port}" if address.version == 6 else f"{address}:{row.port}"
        if habits.falls_back and address == UNSPECIFIED[6] and not self._host.has_socket:
            address = UNSPECIFIED[4]
        if habits.is_mapped and address.version == 4 and self._host.has_socket:
            address = address.as_ipv6
        if address.version == 6 and not self._host.has_socket:
            return habits.no_family, f"{shown}: Address family not supported by protocol"
        if not habits.freebind and not self._host.has(address):
            return habits.no_address, f"{shown}: Cannot assign requested address"
        v6only = self._v6only(habits, address)
        socket = Socket(row.proto, address, row.port, v6only, habits.shares, row.place, row.is_aside)
        against = self._in_the_way(socket)
        if against is not None:
            return habits.in_use, f"{shown}: Address already in use, by {against.address}:{against.port} of its own"
        self.sockets.append(socket)
        return None

    def _v6only(self, habits: Habits, address: Address) -> bool | None:
        """The option as the kernel then shows it: on an address that is no wildcard it is always set, but on mapped."""
        if address.version == 4:
            return None
        if not address.is_unspecified:
            return not address.is_mapped
        return self._host.bindv6only if habits.v6only is None else habits.v6only

    def _in_the_way(self, new: Socket) -> Socket | None:
        """The socket of its own that keeps this one from the port, as the oracle says."""
        others = [each for each in self.sockets if (each.proto, each.port) == (new.proto, new.port)]
        calls = ("bind", "listen") if new.proto == "tcp" else ("bind",)
        socks = tuple(each.sock for each in (*others, new))
        steps = tuple(Step(call, index) for index in range(len(socks)) for call in calls)
        outcomes = predict(Case(STACKS["linux"], new.proto, socks, steps, bindv6only=self._host.bindv6only)).steps
        failed = next((each for each in outcomes[-len(calls) :] if each.errno == "EADDRINUSE"), None)
        return None if failed is None else others[failed.against or 0]


def _is_name(host: str) -> bool:
    return not host.replace(".", "").isdigit() and ":" not in host


def with_habits(row: Listen, **changes: object) -> Listen:
    """The same row with other habits."""
    return replace(row, habits=replace(row.habits, **changes))  # type: ignore[arg-type]
