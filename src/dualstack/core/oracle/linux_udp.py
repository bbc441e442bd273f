"""Which bind of UDP fails on Linux, with the order of earlier calls in it.

The kernel walks the chain of the port number's sockets: those that share by SO_REUSEADDR, or have no address in common,
are passed over, and the first that is left decides, whatever stands behind it. A port number with more than ten sockets
has too long a chain: for a specific address the kernel then walks the sockets of that address, and after them the
wildcards.

net/ipv4/udp.c: udp_lib_get_port, udp_lib_lport_inuse, udp_lib_lport_inuse2, as of Linux 6.18.
"""

from collections.abc import Iterator, Sequence

from dualstack.core.oracle.bound_socket import ANY, Bound, Part, overlap
from dualstack.core.oracle.case import Outcome

__all__ = ["LinuxUdpPort", "enter_chain"]

_IN_USE = "net/ipv4/udp.c: udp_lib_lport_inuse"
_LONG = 10


class LinuxUdpPort:
    """One UDP port number: `bind` in the order of the calls."""

    def __init__(self) -> None:
        self.receiving: list[Bound] = []
        self._chain: list[Bound] = []

    def bind(self, new: Bound) -> Outcome:
        """Take the port for `new`, or say which socket is in the way."""
        for chain in self._looked_at(new):
            outcome = _in_use(new, chain)
            if outcome.errno is not None:
                return outcome
        enter_chain(self._chain, new)
        self.receiving.append(new)
        return outcome

    def listen(self, _new: Bound) -> Outcome:
        """UDP has no listen."""
        return Outcome("EOPNOTSUPP", "UDP has no listen", source="net/ipv4/af_inet.c: inet_dgram_ops")

    def _looked_at(self, new: Bound) -> Iterator[Sequence[Bound]]:
        mine = _address(new)
        if len(self._chain) <= _LONG or mine is ANY:
            yield self._chain
            return
        yield [each for each in self._chain if _address(each) == mine]
        yield [each for each in self._chain if _address(each) is ANY]


def _address(each: Bound) -> Part:
    return each.cover.v6 if each.cover.v4 is None else each.cover.v4


def _in_use(new: Bound, chain: Sequence[Bound]) -> Outcome:
    a = new.sock
    for old in chain:
        b = old.sock
        if (a.reuseaddr and b.reuseaddr) or not overlap(new, old):
            continue
        if not (a.reuseport and b.reuseport):
            why = "the addresses overlap and neither SO_REUSEADDR nor SO_REUSEPORT is set on both sockets"
            return Outcome("EADDRINUSE", why, old.index, _IN_USE)
        if a.uid != b.uid:
            why = "the addresses overlap and SO_REUSEPORT shares among the sockets of one user alone"
            return Outcome("EADDRINUSE", why, old.index, _IN_USE)
        why = "the first socket in the kernel's list shares by SO_REUSEPORT, and it looks at none behind that"
        return Outcome(None, why, old.index, _IN_USE)
    return Outcome(None)


def enter_chain(chain: list[Bound], new: Bound) -> None:
    """Put `new` where the kernel does: AF_INET6 with SO_REUSEPORT last, others first (sk_add_node_rcu)."""
    if new.sock.family == 6 and new.sock.reuseport:
        chain.append(new)
    else:
        chain.insert(0, new)
