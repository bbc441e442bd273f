"""Packet filters as files: does what they drop of one family have a counterpart for the other?"""

import re
from collections.abc import Iterator

from dualstack.doctor.findings import KINDS, Finding
from dualstack.doctor.formats.blocks import Statement, statements, walk
from dualstack.doctor.listening import Place, Refused
from dualstack.doctor.tree import Document, Tree

__all__ = ["iptables_findings", "nftables_findings"]

_VERSIONS = {"ip": (4,), "ip6": (6,), "inet": (4, 6)}
# The other family's file, by the name of one (netfilter-persistent, iptables-services).
_COUNTERPARTS = {"rules.v4": "rules.v6", "rules.v6": "rules.v4", "iptables": "ip6tables", "ip6tables": "iptables"}


def nftables_findings(document: Document, _: Tree) -> Iterator[Finding]:
    """nft(8): base chains of the hook input that drop, by the family of their table."""
    if re.search(r"^\s*include\b", document.text, re.MULTILINE):
        return  # what stands elsewhere may be the counterpart
    try:
        found = list(walk(statements(document, by_line=True)))
    except Refused as error:
        yield Finding(KINDS["DS120"], "nftables", error.why, error.place)
        return
    guarded: dict[int, Place] = {}
    for each in found:
        if each.name == "table" and each.block is not None and len(each.words) > 1:
            family = each.words[1] if each.words[1] in _VERSIONS or len(each.words) > 2 else "ip"
            drops = any(_drops(_words(chain)) for chain in each.block if chain.name == "chain")
            for place in filter(None, (_guards(chain, drops=drops) for chain in each.block)):
                for version in _VERSIONS.get(family, ()):
                    guarded.setdefault(version, place)
    yield from _one_sided("nftables", guarded)


def _guards(chain: Statement, *, drops: bool) -> Place | None:
    """Where a base chain of the hook input drops what comes in, or leaves it to a chain of a table that `drops`."""
    if chain.name != "chain" or chain.block is None:
        return None
    words = _words(chain)
    if not any({"hook", "input"} <= set(each) for each in words):
        return None
    leaves = any({"jump", "goto", "vmap"} & set(each) for each in words)
    return chain.place if _drops(words) or (leaves and drops) else None


def _words(chain: Statement) -> list[list[str]]:
    return [re.split(r"[\s;]+", " ".join(each.words)) for each in chain.block or []]


def _drops(words: list[list[str]]) -> bool:
    return any("drop" in each or "reject" in each for each in words)


def iptables_findings(document: Document, tree: Tree) -> Iterator[Finding]:
    """iptables-restore(8): a chain INPUT that drops, and the other family's file."""
    directory, _, name = document.path.rpartition("/")
    version = 6 if "6" in name else 4
    mine, path = _dropping(document, "INPUT"), f"{directory}/{_COUNTERPARTS[name]}"
    # What a chain of its own drops may come from INPUT.
    if mine is None or (tree.has(path) and _dropping(tree.read(path), r"(?!OUTPUT\b|FORWARD\b)\S+") is not None):
        return
    yield from _one_sided("iptables", {version: mine})


def _dropping(document: Document, chain: str) -> Place | None:
    for number, line in document.lines():
        if re.match(rf":INPUT (DROP|REJECT)\b|-A {chain} .*-j (DROP|REJECT)\b", line):
            return Place(document.path, number)
    return None


def _one_sided(subject: str, guarded: dict[int, Place]) -> Iterator[Finding]:
    if len(guarded) == 1:
        ((version, place),) = guarded.items()
        yield Finding(KINDS["DS173"], subject, f"it drops what comes in over IPv{version} alone", place)
