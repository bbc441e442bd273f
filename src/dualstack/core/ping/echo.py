"""An ICMP echo as a value: what a request carries out and its reply must carry back (RFC 792, RFC 4443 section 4)."""

from dataclasses import dataclass

from dualstack.errors import AddressError

__all__ = ["Echo"]

_UINT16_MAX = 0xFFFF


@dataclass(frozen=True, slots=True)
class Echo:
    """The three things that come back as they went out.

    Args:
        identifier: whose request it is, 0 to 65535; on Linux' datagram sockets the kernel chooses it.
        sequence: which of them, 0 to 65535.
        payload: anything.

    Raises:
        AddressError: a number is out of range.
    """

    identifier: int
    sequence: int
    payload: bytes = b""

    def __post_init__(self) -> None:
        for name, value in (("identifier", self.identifier), ("sequence", self.sequence)):
            if not 0 <= value <= _UINT16_MAX:
                raise AddressError(value, f"{name} is 0 to {_UINT16_MAX}")
