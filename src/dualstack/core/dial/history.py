"""What earlier connections taught: how long a connection takes, what failed, and which family is penalised.

Records are kept by the network and the destination's prefix. The network is the prefix of the source address that the
kernel would connect from, so what was learnt on one network says nothing on another. Of a prefix the addresses used
and the addresses that failed are remembered one by one, so that a dead server does not speak for its neighbours.

A prefix whose addresses failed while another family's worked is penalised, for at most ten minutes; once a minute one
connection may still start with it, as a probe. Times are the caller's: nothing here reads a clock or takes a lock.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice

from dualstack.core.address.address import BITS, Address
from dualstack.core.dial.order import UNKNOWN, Candidate, PathStats
from dualstack.core.quick_values import dataclass, field
from dualstack.errors import AddressError, ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["DELAY_MAX_S", "DELAY_MIN_S", "PENALTY_S", "PROBE_EVERY_S", "History"]

PENALTY_S = 600.0
PROBE_EVERY_S = 60.0

# RFC 8305 section 8: "Minimum Connection Attempt Delay" recommended 100 ms, maximum 2 s.
DELAY_MIN_S, DELAY_MAX_S = 0.100, 2.0

# RFC 6298 section 2: how a round-trip time is smoothed, and how long to wait for an answer.
_ALPHA, _BETA, _K = 1 / 8, 1 / 4, 4

# Of IPv4 the first 24 bits are a prefix here, of IPv6 the first 64.
_SHIFT = {4: BITS[4] - 24, 6: BITS[6] - 64}
_ADDRESSES = 8
_VERSION = 1

_Key = tuple[int, int, int]
"""The family, the source's prefix and the destination's, as numbers."""


@dataclass(slots=True)
class _Record:
    """What is known of one prefix from one network."""

    rtt_s: float | None = None
    deviation_s: float = 0.0
    penalised_since: float | None = None
    probed_at: float = 0.0
    used: dict[int, float] = field(default_factory=dict)
    failed: dict[int, float] = field(default_factory=dict)

    def is_penalised(self, now: float) -> bool:
        return self.penalised_since is not None and now - self.penalised_since < PENALTY_S

    def measure(self, rtt_s: float) -> None:
        if self.rtt_s is None:
            self.rtt_s, self.deviation_s = rtt_s, rtt_s / 2
            return
        self.deviation_s += _BETA * (abs(self.rtt_s - rtt_s) - self.deviation_s)
        self.rtt_s += _ALPHA * (rtt_s - self.rtt_s)

    def delay_s(self) -> float | None:
        if self.rtt_s is None:
            return None
        return min(max(self.rtt_s + _K * self.deviation_s, DELAY_MIN_S), DELAY_MAX_S)


class History:
    """Records of at most so many prefixes; the one not asked about for longest makes room.

    Args:
        capacity: how many prefixes.

    >>> history, mail = History(), Candidate(Address("2001:db8::25"), Address("2001:db8:1::1"))
    >>> history.learn(mail, 0.020, now=5.0)
    >>> history.recall(mail, now=6.0).delay_s
    0.1
    """

    __slots__ = ("_records", "capacity")

    def __init__(self, capacity: int = 1024) -> None:
        if capacity < 1:
            raise ValueError(f"capacity {capacity}: a history that keeps nothing is no history")
        self.capacity = capacity
        self._records: OrderedDict[_Key, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def recall(self, candidate: Candidate, now: float) -> PathStats:
        """What is known of this destination from this source."""
        record = self._find(candidate)
        if record is None:
            return UNKNOWN
        value = candidate.address.value
        failed_at = record.failed.get(value)
        is_used = value in record.used
        return PathStats(
            rtt_s=record.rtt_s if is_used else None,
            delay_s=record.delay_s(),
            is_used=is_used,
            has_failed=failed_at is not None and now - failed_at < PENALTY_S,
            is_penalised=record.is_penalised(now),
        )

    def recalled(self, candidates: Iterable[Candidate], now: float) -> list[Candidate]:
        """The same candidates, each with what is known of it."""
        found = []
        for candidate in candidates:
            known = self.recall(candidate, now)
            address, source, _, synthesised_from, port = candidate
            found.append(candidate if known is UNKNOWN else Candidate(address, source, known, synthesised_from, port))
        return found

    def claim_probe(self, candidate: Candidate, now: float) -> bool:
        """Whether this connection may start with what is penalised: one a minute and prefix; asking takes the turn."""
        record = self._find(candidate)
        if record is None or not record.is_penalised(now) or now - record.probed_at < PROBE_EVERY_S:
            return False
        record.probed_at = now
        return True

    def learn(self, candidate: Candidate, rtt_s: float | None, now: float) -> None:
        """A connection was made in `rtt_s`, and nothing is penalised any more; or, with None, it failed.

        That it failed counts where another address worked: it was unreachable, or was given a head start and did not
        use it. A prefix that is penalised already is so since it began: its ten minutes are not begun anew.
        """
        key = _key(candidate)
        if key is None:
            return
        record, value = self._record(key), candidate.address.value
        if rtt_s is None:
            record.used.pop(value, None)
            _remember(record.failed, value, now)
            if not record.is_penalised(now):
                record.penalised_since = record.probed_at = now
            return
        record.measure(rtt_s)
        record.penalised_since = None
        record.failed.pop(value, None)
        _remember(record.used, value, now)

    def save(self, now: float, *, most: int | None = None) -> dict[str, object]:
        """The records as JSON has them, times as their age, the one asked about last at the end, or the last few."""
        records = list(islice(reversed(self._records.items()), most))
        return {"version": _VERSION, "records": [_saved(key, record, now) for key, record in reversed(records)]}

    def load(self, document: Mapping[str, object], now: float) -> None:
        """Add what `save` gave; `now` is when it was saved, by the clock of now.

        Raises:
            ConfigError: it is no such document; nothing was added.
        """
        if document.get("version") != _VERSION or not isinstance(records := document.get("records"), list):
            raise ConfigError("history", "version", f"not a saved history of version {_VERSION}")
        try:
            loaded = [_loaded(saved, now) for saved in records]
        except (AddressError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConfigError("history", "records", f"a record cannot be read: {error!r}") from error
        for key, record in loaded:
            self._put(key, record)

    def _find(self, candidate: Candidate) -> _Record | None:
        key = _key(candidate)
        record = None if key is None else self._records.get(key)
        if record is not None and key is not None:
            self._records.move_to_end(key)
        return record

    def _record(self, key: _Key) -> _Record:
        record = self._records.get(key)
        if record is None:
            record = _Record()
            self._put(key, record)
        return record

    def _put(self, key: _Key, record: _Record) -> None:
        self._records[key] = record
        self._records.move_to_end(key)
        while len(self._records) > self.capacity:
            self._records.popitem(last=False)


def _key(candidate: Candidate) -> _Key | None:
    """None where the kernel has no way there: that tells nothing of the destination."""
    address, source, *_ = candidate
    if source is None:
        return None
    family = address.version
    shift = _SHIFT[family]
    return family, source.value >> shift, address.value >> shift


def _remember(addresses: dict[int, float], value: int, now: float) -> None:
    """The last few, the latest at the end."""
    addresses.pop(value, None)
    addresses[value] = now
    if len(addresses) > _ADDRESSES:
        del addresses[next(iter(addresses))]


def _saved(key: _Key, record: _Record, now: float) -> dict[str, object]:
    family, source, destination = key
    shift = _SHIFT[family]
    return {
        "source": str(Address.from_int(source << shift, family)),
        "destination": str(Address.from_int(destination << shift, family)),
        "rtt_s": record.rtt_s,
        "deviation_s": record.deviation_s,
        "back_s": None if record.penalised_since is None else now - record.penalised_since,
        "used": {str(Address.from_int(value, family)): now - at for value, at in record.used.items()},
        "failed": {str(Address.from_int(value, family)): now - at for value, at in record.failed.items()},
    }


def _loaded(saved: Mapping[str, object], now: float) -> tuple[_Key, _Record]:
    source, destination = Address(str(saved["source"])), Address(str(saved["destination"]))
    if source.version != destination.version:
        raise AddressError(str(source), f"its family is not that of {destination}")
    key = _key(Candidate(destination, source))
    assert key is not None  # noqa: S101 - it has a source
    back_s = _seconds(saved["back_s"])
    penalised_since = None if back_s is None else now - back_s
    record = _Record(
        _seconds(saved["rtt_s"]),
        _seconds(saved["deviation_s"]) or 0.0,
        penalised_since,
        penalised_since or 0.0,
        _ages(saved["used"], destination.version, now),
        _ages(saved["failed"], destination.version, now),
    )
    return key, record


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value < 0:  # noqa: PLR0124
        raise ValueError(f"{value!r} is no number of seconds")
    return float(value)


def _ages(value: object, family: int, now: float) -> dict[int, float]:
    if not isinstance(value, dict) or len(value) > _ADDRESSES:
        raise TypeError(f"{value!r} is no table of addresses")
    found = {}
    for text, age in value.items():
        address = Address(str(text))
        if address.version != family:
            raise AddressError(str(text), f"no IPv{family} address")
        found[address.value] = now - (_seconds(age) or 0.0)
    return found
