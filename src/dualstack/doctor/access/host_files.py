"""Access lists that are files of their own: TCP wrappers, PostgreSQL's pg_hba.conf, packet filters' rules."""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from dualstack.doctor.access.access_list import AccessList, Entry, findings_of, prefix_of
from dualstack.doctor.access.packet_filters import iptables_findings, nftables_findings
from dualstack.doctor.findings import KINDS, Finding
from dualstack.doctor.listening import Place
from dualstack.doctor.tree import Document, Tree, Trouble

__all__ = ["access_files", "findings_in", "is_access_file"]

# What an address list of TCP wrappers may say of hosts by name, and of whom it is not known what they are.
_NAMES = ("LOCAL", "KNOWN", "UNKNOWN", "PARANOID", "EXCEPT", "@", ".", "/")


def is_access_file(path: str) -> bool:
    """Whether a file of this name is one."""
    return _reader(path) is not None


def access_files(tree: Tree) -> Iterator[str]:
    """Those that are in a tree, at their usual places."""
    for pattern in _READERS:
        yield from tree.matches(pattern)


def findings_in(path: str, tree: Tree) -> list[Finding]:
    """What is found in one."""
    read = _reader(path)
    if read is None:
        return []
    try:
        return list(read(tree.read(path), tree))
    except Trouble as trouble:
        return [Finding(KINDS["DS120"], path, trouble.why, Place(path, 1))]


def _reader(path: str) -> Callable[[Document, Tree], Iterator[Finding]] | None:
    name = path.rpartition("/")[2]
    return next((read for pattern, read in _READERS.items() if fnmatchcase(name, pattern.rpartition("/")[2])), None)


def _wrappers(document: Document, tree: Tree) -> Iterator[Finding]:
    """hosts_access(5): hosts.allow first, then hosts.deny; whom none names comes in."""
    directory, _, name = document.path.rpartition("/")
    other = f"{directory}/hosts.deny"
    denied = tree.read(other) if name == "hosts.allow" and tree.has(other) else None
    if name == "hosts.deny" and tree.has(f"{directory}/hosts.allow"):
        return  # told with the other
    rules = [*_rules(document, lets_in=name == "hosts.allow"), *(_rules(denied, lets_in=False) if denied else ())]
    if any("EXCEPT" in daemons for daemons, _ in rules):
        return  # whom a rule is for is not known then
    for daemon in dict.fromkeys(daemon for daemons, _ in rules for daemon in daemons):
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
    head = re.fullmatch(r"(?:\d+\.){1,3}", text)
    if head:  # `192.0.2.` is every address that begins so
        known = text.rstrip(".").split(".")
        text = f"{'.'.join([*known, *['0'] * (4 - len(known))])}/{8 * len(known)}"
    who = None if text.startswith(_NAMES) else prefix_of(text)
    return None if who is None else Entry(lets_in, who, place)


def _pg_hba(document: Document, _: Tree) -> Iterator[Finding]:
    """The first line that fits decides; whom none fits is refused (client authentication, pg_hba.conf).

    Each pair of database and user is a list of its own, as a client over TLS meets it. A file that takes in others, or
    that names a host, is left alone: what stands there may be of either family.
    """
    rules: dict[tuple[str, str], list[Entry]] = {}
    lines = [(number, line.partition("#")[0].split()) for number, line in document.lines()]
    if any(words[:1] and words[0].startswith(("@", "include")) for _, words in lines):
        return
    known = [
        (words, Place(document.path, number))
        for number, words in lines
        if len(words) > 4 and words[0] in {"host", "hostssl", "hostgssenc"}
    ]
    for pair in dict.fromkeys((words[1], words[2]) for words, _ in known):
        rules[pair] = []
        for words, place in known:
            if not _is_for(words, pair):
                continue
            entry = _line(words, place)
            if entry is None:
                return
            rules[pair].append(entry)
    told: set[tuple[str, Place | None]] = set()
    for entries in rules.values():
        found = AccessList("postgresql", entries, lets_in_others=False, place=Place(document.path, 1))
        for finding in findings_of(found):
            if (finding.kind.code, finding.place) not in told:
                told.add((finding.kind.code, finding.place))
                yield finding


def _is_for(words: list[str], pair: tuple[str, str]) -> bool:
    """Whether a line is for this database and user; `all` is not for `replication`."""
    database, user = pair
    return words[1] in {database, "all" if database != "replication" else database} and words[2] in {user, "all"}


def _line(words: list[str], place: Place) -> Entry | None:
    is_masked = len(words) > 5 and prefix_of(words[4]) is not None
    lets_in = words[5 if is_masked else 4] != "reject"
    if words[3] in {"all", "samehost", "samenet"}:
        return Entry(lets_in, None, place)
    who = prefix_of(words[3], words[4] if is_masked else "")
    return None if who is None else Entry(lets_in, who, place)


_READERS: dict[str, Callable[[Document, Tree], Iterator[Finding]]] = {
    "/etc/hosts.allow": _wrappers,
    "/etc/hosts.deny": _wrappers,
    "/etc/postgresql/*/*/pg_hba.conf": _pg_hba,
    "/var/lib/pgsql/data/pg_hba.conf": _pg_hba,
    "/var/lib/postgresql/data/pg_hba.conf": _pg_hba,
    "/etc/nftables.conf": nftables_findings,
    "/etc/iptables/rules.v4": iptables_findings,
    "/etc/iptables/rules.v6": iptables_findings,
    "/etc/sysconfig/iptables": iptables_findings,
    "/etc/sysconfig/ip6tables": iptables_findings,
}
