"""Which remark a line gets where several rules have one: what is said once is said by the most telling kind."""

from collections.abc import Iterable

from dualstack.check.findings.finding import Remark
from dualstack.check.findings.kinds import KINDS

__all__ = ["one_a_line"]

# The kinds that say why a line is as it is come before those that name a call or a type in it.
_FIRST = (
    "syntax-error",
    "not-read",
    "resolver-patched",
    "protocol-ipv4-verb",
    "own-address-ipv4",
    "multicast-ipv4-only",
    "icmp-ipv4-only",
    "hash-4-bytes",
    "netmask-32",
    "prefix-24",
    "reverse-in-addr-arpa",
    "addr-int32",
    "dns-a-only",
    "resolve-ipv4-only",
    "resolve-hint-ipv4",
    "resolve-first-only",
    "ifaddr-ipv4",
    "loopback-compare",
    "prefix-text-match",
    "sockaddr-unpack-2",
    "target-literal-ipv4",
    "family-literal-socket",
    "text-conv-ipv4",
    "pton-ipv4",
    "bind-wildcard-ipv4",
)
_RANK = {name: rank for rank, name in enumerate((*_FIRST, *(k.name for k in KINDS if k.name not in _FIRST)))}


def one_a_line(remarks: Iterable[Remark]) -> list[Remark]:
    """The remarks by line, one for each."""
    chosen: dict[int, Remark] = {}
    for remark in remarks:
        known = chosen.get(remark.line)
        if known is None or (_RANK[remark.kind], remark.column) < (_RANK[known.kind], known.column):
            chosen[remark.line] = remark
    return [chosen[line] for line in sorted(chosen)]
