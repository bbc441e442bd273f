"""An access list of whatever daemon as a value, and what it does to the peers of each family."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_network

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.doctor.findings import KINDS, Finding
from dualstack.doctor.listening import Place

__all__ = ["OWN", "AccessList", "Entry", "findings_of", "listed", "prefix_of", "whole"]

OWN = ("127.0.0.0/8", "::1")
"""This host's loopback, in both families."""

_MAPPED = 96
"""The length of ::ffff:0:0/96."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule: whether it lets in, whom (None: everybody), and where it stands."""

    lets_in: bool
    who: Prefix | None
    place: Place


@dataclass(frozen=True, slots=True)
class AccessList:
    """Rules of which the first that matches decides.

    Args:
        subject: whose list, and what for.
        entries: the rules, in the order that they are tried.
        lets_in_others: what becomes of a peer that none names.
        place: where the list begins.
    """

    subject: str
    entries: Sequence[Entry]
    lets_in_others: bool
    place: Place


class _Who(Enum):
    """Whom of a family a list lets in."""

    NOBODY = "nobody"
    ITSELF = "this host alone"
    NAMED = "those that it names"
    ALL = "everybody"


def prefix_of(text: str, mask: str = "") -> Prefix | None:
    """An address, a prefix, or an address with its netmask; None where it is a name.

    Daemons take bits behind the prefix and leave them out; a mapped prefix is the IPv4 one.
    """
    bare = text.replace("[", "").replace("]", "")
    try:
        network = ip_network(f"{bare}/{mask}" if mask else bare, strict=False)
    except ValueError:
        return None
    address, length = Address(str(network.network_address)), network.prefixlen
    if address.is_mapped and length >= _MAPPED:
        return Prefix(address.canonical, length - _MAPPED)
    return Prefix(address, length)


def whole(text: str) -> str:
    """`10.1` or `10.1.` as Apache and TCP wrappers mean it, 10.1.0.0/16; anything else as it is."""
    parts = text.rstrip(".").split(".")
    if len(parts) > 3 or not all(part.isdigit() for part in parts):
        return text
    return f"{'.'.join([*parts, *['0'] * (4 - len(parts))])}/{8 * len(parts)}"


def listed(subject: str, rules: Iterable[tuple[bool, str, Place]]) -> Iterator[AccessList]:
    """The list of these rules, of which whom none names is refused; none where one is a name, of whatever family."""
    entries = [Entry(lets_in, prefix_of(word), place) for lets_in, word, place in rules]
    if entries and all(entry.who is not None for entry in entries):
        yield AccessList(subject, entries, lets_in_others=False, place=entries[0].place)


def findings_of(each: AccessList) -> Iterator[Finding]:
    """What the list does to one family and not to the other; of a list that treats both alike, nothing."""
    who = {version: _let_in(each, version) for version in (4, 6)}
    for mine, other in ((4, 6), (6, 4)):
        if who[other] in {_Who.NOBODY, _Who.ITSELF} and who[mine] in {_Who.NAMED, _Who.ALL}:
            yield _finding("DS170", each, mine, _opened(each, mine))
        elif who[other] is _Who.NOBODY and who[mine] is _Who.ITSELF:
            yield _finding("DS172", each, mine, _opened(each, mine))
        elif who == {4: _Who.ALL, 6: _Who.ALL} and _kept_out(each, mine) and not _kept_out(each, other):
            yield _finding("DS171", each, mine, "")


def _let_in(each: AccessList, version: int) -> _Who:
    named = _Who.NOBODY
    for entry in each.entries:
        if entry.who is None or (entry.who.network.version == version and entry.who.length == 0):
            return _Who.ALL if entry.lets_in else named
        if entry.lets_in and entry.who.network.version == version:
            is_own = entry.who.network.is_loopback
            named = named if is_own and named is not _Who.NOBODY else _Who.ITSELF if is_own else _Who.NAMED
    return _Who.ALL if each.lets_in_others else named


def _kept_out(each: AccessList, version: int) -> bool:
    return any(
        not entry.lets_in and entry.who is not None and entry.who.network.version == version and entry.who.length > 0
        for entry in each.entries
    )


def _opened(each: AccessList, version: int) -> str:
    """The entry of the other family that answers one for everybody of this one, or for this host."""
    for entry in each.entries:
        if entry.lets_in and entry.who is not None and entry.who.network.version == version:
            if entry.who.length == 0:
                return f"beside {entry.who}, let in {'::/0' if version == 4 else '0.0.0.0/0'}"
            if entry.who.network.is_loopback:
                continue
            return ""
    own = next((entry for entry in each.entries if entry.lets_in and entry.who is not None), None)
    return "" if own is None else f"beside {own.who}, let in {'::1' if version == 4 else '127.0.0.0/8'}"


def _finding(code: str, each: AccessList, version: int, remedy: str) -> Finding:
    lets_in = code != "DS171"
    named = [
        entry
        for entry in each.entries
        if entry.who is not None and entry.who.network.version == version and entry.lets_in is lets_in
    ]
    shown = ", ".join(str(entry.who) for entry in named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")
    verb = "lets in" if lets_in else "keeps out"
    place = named[0].place if named else each.place
    return Finding(KINDS[code], each.subject, f"{verb} {shown}: IPv{version} alone", place, remedy)
