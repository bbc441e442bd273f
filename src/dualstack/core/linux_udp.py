"""Which bind of UDP fails on Linux, with the order of earlier calls in it.

The kernel walks the chain of the port number's sockets: those that share by SO_REUSEADDR, or have no address in common,
are passed over, and the first that is left decides, whatever stands behind it.

net/ipv4/udp.c: udp_lib_get_port, udp_lib_lport_inuse, as of Linux 6.18. A port number with more than ten sockets is
looked up by address as well (udp_lib_lport_inuse2), which is not judged here.
"""

from dualstack.core.case import Outcome
from dualstack.core.cover import Bound, overlap

__all__ = ["LinuxUdpPort", "enter_chain"]

_IN_USE = "net/ipv4/udp.c: udp_lib_lport_inuse"


class LinuxUdpPort:
    """One UDP port number: `bind` in the order of the calls."""

    def __init__(self) -> None:
        self.receiving: list[Bound] = []
        self._chain: list[Bound] = []

    def bind(self, new: Bound) -> Outcome:
        """Take the port for `new`, or say which socket is in the way."""
        outcome = self._in_use(new)
        if outcome.errno is None:
            enter_chain(self._chain, new)
            self.receiving.append(new)
        return outcome

    def listen(self, _new: Bound) -> Outcome:
        """UDP has no listen."""
        return Outcome("EOPNOTSUPP", "UDP has no listen", source="net/ipv4/af_inet.c: inet_dgram_ops")

    def _in_use(self, new: Bound) -> Outcome:
        a = new.sock
        for old in self._chain:
            b = old.sock
            if (a.reuseaddr and b.reuseaddr) or not overlap(new, old):
                continue
            if not (a.reuseport and b.reuseport):
                why = "the addresses overlap and neither SO_REUSEADDR nor SO_REUSEPORT is set on both sockets"
                return Outcome("EADDRINUSE", why, old.index, _IN_USE)
            if a.uid != b.uid:
                why = "the addresses overlap and SO_REUSEPORT shares among the sockets of one user alone"
                return Outcome("EADDRINUSE", why, old.index, _IN_USE)
            return Outcome(None, "the first socket in the chain shares by SO_REUSEPORT; none behind it is looked at")
        return Outcome(None)


def enter_chain(chain: list[Bound], new: Bound) -> None:
    """Put `new` where the kernel does: AF_INET6 with SO_REUSEPORT last, others first (sk_add_node_rcu)."""
    if new.sock.family == 6 and new.sock.reuseport:
        chain.append(new)
    else:
        chain.insert(0, new)
