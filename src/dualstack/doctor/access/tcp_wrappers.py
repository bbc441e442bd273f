"""TCP wrappers: hosts.allow and hosts.deny (hosts_access(5), hosts_options(5))."""

import re
from collections.abc import Iterator
from itertools import islice

from dualstack.doctor.access.access_list import AccessList, Entry, findings_of, prefix_of, whole
from dualstack.doctor.findings import Finding
from dualstack.doctor.listening import Place
from dualstack.doctor.tree import Document, Tree

__all__ = ["wrappers_findings"]

_MOST_DAEMONS = 100
# What an address list may say of hosts by name, and of whom it is not known what they are.
_NAMES = ("LOCAL", "KNOWN", "UNKNOWN", "PARANOID", "EXCEPT", "@", ".", "/")


def wrappers_findings(document: Document, tree: Tree) -> Iterator[Finding]:
    """hosts_access(5): hosts.allow first, then hosts.deny; whom none names comes in."""
    directory, _, name = document.path.rpartition("/")
    other = f"{directory}/hosts.deny"
    denied = tree.read(other) if name == "hosts.allow" and tree.has(other) else None
    if name == "hosts.deny" and tree.has(f"{directory}/hosts.allow"):
        return  # told with the other
    rules = [*_rules(document, lets_in=name == "hosts.allow"), *(_rules(denied, lets_in=False) if denied else ())]
    if any("EXCEPT" in daemons for daemons, _ in rules):
        return  # whom a rule is for is not known then
    for daemon in islice(dict.fromkeys(daemon for daemons, _ in rules for daemon in daemons), _MOST_DAEMONS):
        found = [entry for daemons, entry in rules if daemon in daemons or "ALL" in daemons]
        if None not in found:
            entries = [each for each in found if each is not None]
            yield from findings_of(AccessList(daemon, entries, lets_in_others=True, place=Place(document.path, 1)))


def _rules(document: Document, *, lets_in: bool) -> Iterator[tuple[list[str], Entry | None]]:
    """The daemons and a client of each rule; None for a client that is given by name."""
    for number, line in document.lines():
        text = line.partition("#")[0].strip()
        # A colon inside of brackets is part of an IPv6 address.
        parts = re.split(r":(?![^\[]*\])", text)
        if len(parts) < 2:
            continue
        daemons, says = re.split(r"[\s,]+", parts[0].strip()), " ".join(parts[2:]).casefold()
        allows = "deny" not in says.split() if lets_in else "allow" in says.split()
        for client in filter(None, re.split(r"[\s,]+", parts[1].strip())):
            yield daemons, _client(client, Place(document.path, number), lets_in=allows)


def _client(text: str, place: Place, *, lets_in: bool) -> Entry | None:
    if text == "ALL":
        return Entry(lets_in, None, place)
    who = None if text.startswith(_NAMES) else prefix_of(whole(text) if text.endswith(".") else text)
    return None if who is None else Entry(lets_in, who, place)
