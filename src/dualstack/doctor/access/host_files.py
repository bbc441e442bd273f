"""Access lists that are files of their own, by where they are."""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from dualstack.doctor.access.packet_filters import iptables_findings, nftables_findings
from dualstack.doctor.access.pg_hba import pg_hba_findings
from dualstack.doctor.access.tcp_wrappers import wrappers_findings
from dualstack.doctor.findings import KINDS, Finding
from dualstack.doctor.listening import Place
from dualstack.doctor.tree import Document, Tree, Trouble

__all__ = ["access_files", "findings_in", "is_access_file"]


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


_READERS: dict[str, Callable[[Document, Tree], Iterator[Finding]]] = {
    "/etc/hosts.allow": wrappers_findings,
    "/etc/hosts.deny": wrappers_findings,
    "/etc/postgresql/*/*/pg_hba.conf": pg_hba_findings,
    "/var/lib/pgsql/data/pg_hba.conf": pg_hba_findings,
    "/var/lib/postgresql/data/pg_hba.conf": pg_hba_findings,
    "/etc/nftables.conf": nftables_findings,
    "/etc/iptables/rules.v4": iptables_findings,
    "/etc/iptables/rules.v6": iptables_findings,
    "/etc/sysconfig/iptables": iptables_findings,
    "/etc/sysconfig/ip6tables": iptables_findings,
}
