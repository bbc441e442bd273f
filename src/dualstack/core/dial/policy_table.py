"""The policy table of RFC 6724 section 2.1, and an administrator's own from the text of /etc/gai.conf.

It says which label and precedence an address has, and the scope of an IPv4 one. Never reads a file: gai.conf(5) comes
in as text. IPv4 addresses stand in the table in their mapped form, as the RFC and gai.conf write them.
"""

from __future__ import annotations

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.core.quick_values import dataclass, field
from dualstack.errors import AddressError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["DEFAULT_TABLE", "PolicyTable", "parse_gai_conf"]

_MAPPED = 0xFFFF << 32

# RFC 6724 section 2.1: prefix, precedence, label.
_ROWS: tuple[tuple[str, int, int], ...] = (
    ("::1/128", 50, 0),
    ("::/0", 40, 1),
    ("::ffff:0:0/96", 35, 4),
    ("2002::/16", 30, 2),
    ("2001::/32", 5, 5),
    ("fc00::/7", 3, 13),
    ("::/96", 1, 3),
    ("fec0::/10", 1, 11),
    ("3ffe::/16", 1, 12),
)
# RFC 6724 section 3.2, in the form of gai.conf's scopev4.
_IPV4_SCOPES: tuple[tuple[str, int], ...] = (
    ("::ffff:169.254.0.0/112", 2),
    ("::ffff:127.0.0.0/104", 2),
    ("::ffff:0.0.0.0/96", 14),
)

_Rows = tuple[tuple[int, int, int], ...]
"""Shift, the bits that are left then, and the number; the longest prefix first."""


@dataclass(frozen=True, slots=True, eq=False)
class PolicyTable:
    """Labels, precedences and IPv4 scopes by prefix; the longest that fits decides. Two tables are never equal.

    >>> DEFAULT_TABLE.precedence(Address("192.0.2.1")), DEFAULT_TABLE.label(Address("fd00::1"))
    (35, 13)
    """

    labels: _Rows
    precedences: _Rows
    ipv4_scopes: _Rows
    preferred_family: int = field(init=False)
    """The family of the address tried first where both have global ones."""

    def __post_init__(self) -> None:
        is_ipv4 = self.precedence(_ANY_IPV4) > self.precedence(_ANY_IPV6)
        object.__setattr__(self, "preferred_family", 4 if is_ipv4 else 6)

    def label(self, address: Address) -> int:
        """Which addresses belong together (rule 5)."""
        return _look_up(self.labels, address)

    def precedence(self, address: Address) -> int:
        """The higher is tried first (rule 6)."""
        return _look_up(self.precedences, address)

    def scope(self, address: Address) -> int:
        """How far an address reaches, in the numbers of multicast scopes (section 3.1)."""
        if address.version == 4:
            return _look_up(self.ipv4_scopes, address)
        if address.is_multicast:
            return address.value >> 112 & 0xF
        # Section 3.4: the loopback is treated as having link-local scope.
        if address.is_link_local or address.is_loopback:
            return _LINK_LOCAL
        return _SITE_LOCAL if address.is_site_local else _GLOBAL


_LINK_LOCAL, _SITE_LOCAL, _GLOBAL = 0x2, 0x5, 0xE
_ANY_IPV4, _ANY_IPV6 = Address("192.0.2.0"), Address("2001:db8::")


def _look_up(rows: _Rows, address: Address) -> int:
    value = address.value if address.version == 6 else _MAPPED | address.value
    return next((number for shift, bits, number in rows if value >> shift == bits), 0)


def _rows(entries: Iterable[tuple[str, int]]) -> _Rows:
    """The last of two entries for one prefix counts."""
    numbers = {Prefix.parse(text): number for text, number in entries}
    longest_first = sorted(numbers, key=lambda prefix: (-prefix.length, prefix))
    return tuple(
        (128 - prefix.length, prefix.first >> 128 - prefix.length, numbers[prefix]) for prefix in longest_first
    )


DEFAULT_TABLE = PolicyTable(
    labels=_rows((prefix, label) for prefix, _, label in _ROWS),
    precedences=_rows((prefix, precedence) for prefix, precedence, _ in _ROWS),
    ipv4_scopes=_rows(_IPV4_SCOPES),
)


def parse_gai_conf(text: str) -> PolicyTable:
    """The table that gai.conf(5) describes: one line of a kind there replaces all of that kind here.

    Lines that cannot be read are left out, as the C library does; `reload` means nothing to who reads a text.

    >>> parse_gai_conf("precedence ::ffff:0:0/96 100").preferred_family
    4
    """
    found: dict[str, list[tuple[str, int]]] = {"label": [], "precedence": [], "scopev4": []}
    for kind, prefix, number in _entries(text):
        found[kind].append((prefix, number))
    return PolicyTable(
        labels=_rows(found["label"]) if found["label"] else DEFAULT_TABLE.labels,
        precedences=_rows(found["precedence"]) if found["precedence"] else DEFAULT_TABLE.precedences,
        ipv4_scopes=_rows(found["scopev4"]) if found["scopev4"] else DEFAULT_TABLE.ipv4_scopes,
    )


def _entries(text: str) -> Iterator[tuple[str, str, int]]:
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) != 3 or words[0] not in {"label", "precedence", "scopev4"} or not words[2].isdecimal():
            continue
        try:
            prefix = Prefix.parse(words[1])
        except AddressError:
            continue
        if prefix.network.version == 6:
            yield words[0], words[1], int(words[2])
