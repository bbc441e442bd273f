"""What came of a ping, as values: of a host, of each of its addresses, of each who answered."""

from dataclasses import dataclass

from dualstack.core.address.address import Address

__all__ = ["AddressReport", "Answerer", "ErrorCount", "PingReport", "Times"]


@dataclass(frozen=True, slots=True)
class Times:
    """Round trips in seconds; `mdev_s` is their standard deviation, as ping(8) calls it."""

    min_s: float
    avg_s: float
    max_s: float
    mdev_s: float


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who answered, how often in time, with how many duplicates, and how quickly."""

    address: Address
    received: int
    duplicates: int
    times: Times | None
    hop_limit: int | None


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """The errors that one reporter gave for one reason; `reporter` is None for this host's kernel."""

    reporter: Address | None
    why: str
    count: int
    mtu: int | None = None


@dataclass(frozen=True, slots=True)
class AddressReport:
    """What came of one address.

    Args:
        address: who was asked.
        sent: probes that went out.
        received: probes that somebody answered in time.
        lost: probes that nobody did; `sent` minus both is still under way, where a ping was broken off.
        duplicates: replies of somebody who had answered that probe.
        late: replies after their time.
        times: of all answers in time; None where there are none.
        answerers: who answered, in the order they first did.
        errors: what was said of probes that went no further.
    """

    address: Address
    sent: int = 0
    received: int = 0
    lost: int = 0
    duplicates: int = 0
    late: int = 0
    times: Times | None = None
    answerers: tuple[Answerer, ...] = ()
    errors: tuple[ErrorCount, ...] = ()

    @property
    def is_answered(self) -> bool:
        """Somebody answered at least once, in time."""
        return self.received > 0


@dataclass(frozen=True, slots=True)
class PingReport:
    """What came of a host: a report for each of its addresses, in the resolver's order."""

    host: str
    addresses: tuple[AddressReport, ...]
    elapsed_s: float

    @property
    def is_answered(self) -> bool:
        """Each of the addresses answered at least once."""
        return all(report.is_answered for report in self.addresses)

    @property
    def is_sent(self) -> bool:
        """At least one probe left this host."""
        return any(report.sent for report in self.addresses)
