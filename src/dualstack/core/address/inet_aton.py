"""Which IPv4 address `inet_aton` and resolvers would read in a text that we refuse, and in which old form it is.

glibc's getaddrinfo goes by inet_aton(3): one to four numbers, each decimal, octal or hexadecimal, the last one filling
the bytes that are left. A check that reads `010.0.0.1` as 10.0.0.1 beside a resolver that reads 8.0.0.1 is no check
(CVE-2021-29921 and its like), so such a text is neither an address nor a name here. It is only explained.
"""

import re
from dataclasses import dataclass
from enum import Enum

from dualstack.core.address.address import Address

__all__ = ["LegacyForm", "LegacyIPv4", "legacy_ipv4"]


class LegacyForm(Enum):
    """What is old in a text; a leading zero makes a number octal, a single 0 beside hexadecimal included."""

    DECIMAL = "decimal"
    SHORT = "short"
    OCTAL = "octal"
    HEX = "hex"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class LegacyIPv4:
    """The address that inet_aton reads, and the form that makes us refuse it."""

    form: LegacyForm
    address: Address


_HEX, _OCTAL, _DECIMAL = re.compile("0[xX]([0-9a-fA-F]+)"), re.compile("0([0-7]*)"), re.compile("([1-9][0-9]*)")
_BASES = ((_HEX, 16), (_OCTAL, 8), (_DECIMAL, 10))


def legacy_ipv4(text: str) -> LegacyIPv4 | None:
    """What inet_aton reads in `text`; None for plain dotted decimal and for what it does not read.

    >>> legacy_ipv4("0x7f.1")
    LegacyIPv4(form=<LegacyForm.HEX: 'hex'>, address=Address('127.0.0.1'))
    """
    parts = text.split(".")  # dualstack: ignore[DS219] this is the old syntax itself
    numbers = [number for number in map(_number, parts) if number is not None]
    form = _form(parts)
    if form is None or len(numbers) < len(parts) or len(parts) > 4:
        return None
    *octets, rest = numbers
    room = 32 - 8 * len(octets)
    if rest >> room or any(octet > 255 for octet in octets):
        return None
    value = rest + sum(octet << 24 - 8 * place for place, octet in enumerate(octets))
    return LegacyIPv4(form, Address.from_int(value, 4))


def _number(part: str) -> int | None:
    """One number as strtoul(3) with base 0 reads it."""
    for pattern, base in _BASES:
        if match := pattern.fullmatch(part):
            return int(match[1] or "0", base)
    return None


def _form(parts: list[str]) -> LegacyForm | None:
    is_hex = any(_HEX.fullmatch(part) for part in parts)
    if is_hex and any(_OCTAL.fullmatch(part) for part in parts):
        return LegacyForm.MIXED
    if is_hex:
        return LegacyForm.HEX
    if any(part.startswith("0") and part != "0" for part in parts):
        return LegacyForm.OCTAL
    return {1: LegacyForm.DECIMAL, 2: LegacyForm.SHORT, 3: LegacyForm.SHORT}.get(len(parts))
