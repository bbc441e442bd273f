"""How long a race waits for what (RFC 8305 section 8): its defaults and its bounds."""

from __future__ import annotations

from dualstack.core.quick_values import dataclass

__all__ = ["ATTEMPT_DELAY_S", "LEAST_ATTEMPT_DELAY_S", "RESOLUTION_DELAY_S", "Timing"]

RESOLUTION_DELAY_S = 0.050
ATTEMPT_DELAY_S = 0.250
LEAST_ATTEMPT_DELAY_S = 0.010


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the race waits for what.

    Args:
        resolution_delay_s: for the preferred family's addresses, once there is one of the other.
        attempt_delay_s: for a connection, before the next address is tried beside it; None is what was measured of
            that destination, within 100 ms to 2 s, and 250 ms where nothing was.
        first_family_count: how many addresses of the first family are tried before one of the other.
        in_flight: how many attempts may be under way at once.

    Raises:
        ValueError: a delay is too short, or a count below 1.
    """

    resolution_delay_s: float = RESOLUTION_DELAY_S
    attempt_delay_s: float | None = None
    first_family_count: int = 1
    in_flight: int = 12

    def __post_init__(self) -> None:
        if self.attempt_delay_s is not None and not self.attempt_delay_s >= LEAST_ATTEMPT_DELAY_S:
            raise ValueError(f"an attempt delay is at least {LEAST_ATTEMPT_DELAY_S} s (RFC 8305 section 5)")
        if not self.resolution_delay_s >= 0:
            raise ValueError("a resolution delay is 0 or more seconds")
        if self.first_family_count < 1 or self.in_flight < 1:
            raise ValueError("at least one address of the first family, and one attempt at a time")
