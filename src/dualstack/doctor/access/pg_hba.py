"""PostgreSQL's pg_hba.conf (Client Authentication)."""

from collections.abc import Iterator
from itertools import islice

from dualstack.doctor.access.access_list import AccessList, Entry, findings_of, prefix_of
from dualstack.doctor.findings import Finding
from dualstack.doctor.listening import Place
from dualstack.doctor.tree import Document, Tree

__all__ = ["pg_hba_findings"]

_MOST_PAIRS = 100


def pg_hba_findings(document: Document, _: Tree) -> Iterator[Finding]:
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
    for pair in islice(dict.fromkeys((words[1], words[2]) for words, _ in known), _MOST_PAIRS):
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
