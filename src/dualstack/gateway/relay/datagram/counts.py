"""What a service of datagrams counts, whichever way they come in."""

from dataclasses import dataclass

__all__ = ["Counts"]


@dataclass(slots=True)
class Counts:
    """What a service has relayed, and what it has not."""

    flows: int = 0
    evicted: int = 0
    refused: int = 0
    dropped: int = 0
    datagrams_up: int = 0
    datagrams_down: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
