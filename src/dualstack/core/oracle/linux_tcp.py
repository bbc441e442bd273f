"""Which bind and listen of TCP fail on Linux, with the order of earlier calls in it.

The stateless rule: two sockets whose addresses overlap conflict, unless both have SO_REUSEADDR and the earlier one does
not listen, or both have SO_REUSEPORT and one user. Beside it the kernel remembers, for each port number, how the last
sockets got it (`Remembered`), and lets a socket that fits in at once, without looking at the others: a conflict can go
unseen, and whether it does depends on what was bound before.

net/ipv4/inet_connection_sock.c: inet_csk_get_port, inet_csk_update_fastreuse, sk_reuseport_match, inet_bind_conflict,
as of Linux 6.18.
"""

from dataclasses import dataclass
from enum import Enum

from dualstack.core.oracle.bound_socket import ANY, Bound, overlap
from dualstack.core.oracle.case import Outcome

__all__ = ["LinuxTcpPort"]

_GET_PORT = "net/ipv4/inet_connection_sock.c: inet_csk_get_port"
_CONFLICT = "net/ipv4/inet_connection_sock.c: inet_bind_conflict"


class FastReusePort(Enum):
    """Which sockets with SO_REUSEPORT pass unseen."""

    NONE = "none"
    ANY = "any"  # all sockets of the port have it: FASTREUSEPORT_ANY
    STRICT = "strict"  # those that the remembered address covers: FASTREUSEPORT_STRICT


@dataclass(slots=True)
class Remembered:
    """What the port's bucket remembers of the sockets in it (struct inet_bind_bucket)."""

    fastreuse: bool = False
    fastreuseport: FastReusePort = FastReusePort.NONE
    by: Bound | None = None


class LinuxTcpPort:
    """One TCP port number: `bind` and `listen` in the order of the calls."""

    def __init__(self) -> None:
        self.receiving: list[Bound] = []
        self._bound: list[Bound] = []
        self._memory = Remembered()

    def bind(self, new: Bound) -> Outcome:
        """Take the port for `new`, or say which socket is in the way."""
        outcome = self._get_port(new, listens=False)
        if outcome.errno is None:
            self._bound.append(new)
        return outcome

    def listen(self, new: Bound) -> Outcome:
        """Listen on `new`, which is bound: Linux asks for the port once more."""
        outcome = self._get_port(new, listens=True)
        if outcome.errno is None:
            self.receiving.append(new)
        return outcome

    def _get_port(self, new: Bound, *, listens: bool) -> Outcome:
        reuse = new.sock.reuseaddr and not listens
        outcome = self._unseen(new, reuse=reuse) if self._bound else Outcome(None)
        if outcome is None:
            outcome = self._checked(new)
        if outcome.errno is None:
            self._remember(new, reuse=reuse)
        return outcome

    def _unseen(self, new: Bound, *, reuse: bool) -> Outcome | None:
        """Success without a look at the other sockets; None where they are looked at."""
        by = self._memory.by
        if self._memory.fastreuse and reuse:
            why, by = "every socket of the port has SO_REUSEADDR and none listens", None
        elif not self._fits_reuseport(new):
            return None
        elif by is None or by.index == new.index:
            return Outcome(None)
        elif self._memory.fastreuseport is FastReusePort.ANY:
            why = "every socket of the port has SO_REUSEPORT and is this user's"
        else:
            why = "a SO_REUSEPORT socket of this user has the port on an address that covers this one"
        return Outcome(None, f"{why}, so the kernel looks at no other", by.index if by else None, _GET_PORT)

    def _fits_reuseport(self, new: Bound) -> bool:
        """sk_reuseport_match"""
        memory, by = self._memory, self._memory.by
        if memory.fastreuseport is FastReusePort.NONE or by is None or not new.sock.reuseport:
            return False
        if by.sock.uid != new.sock.uid:
            return False
        return memory.fastreuseport is FastReusePort.ANY or _covers(by, new)

    def _checked(self, new: Bound) -> Outcome:
        for old in self._bound:
            if old.index == new.index or not overlap(new, old):
                continue
            why = self._in_the_way(new, old)
            if why is not None:
                return Outcome("EADDRINUSE", why, old.index, _CONFLICT)
        return Outcome(None)

    def _in_the_way(self, new: Bound, old: Bound) -> str | None:
        listens = any(each.index == old.index for each in self.receiving)
        a, b = new.sock, old.sock
        if a.reuseport and b.reuseport and a.uid == b.uid:
            return None
        if a.reuseaddr and b.reuseaddr:
            return "the addresses overlap and the other listens, where SO_REUSEADDR does not help" if listens else None
        if a.reuseport and b.reuseport:
            return "the addresses overlap and SO_REUSEPORT shares among the sockets of one user alone"
        return "the addresses overlap and SO_REUSEPORT is not set on both sockets"

    def _remember(self, new: Bound, *, reuse: bool) -> None:
        """inet_csk_update_fastreuse"""
        memory = self._memory
        if not self._bound:
            memory.fastreuse = reuse
            memory.fastreuseport = FastReusePort.ANY if new.sock.reuseport else FastReusePort.NONE
            memory.by = new
            return
        memory.fastreuse = memory.fastreuse and reuse
        if not new.sock.reuseport:
            memory.fastreuseport = FastReusePort.NONE
        elif not self._fits_reuseport(new):
            memory.fastreuseport = FastReusePort.STRICT
            memory.by = new


def _covers(by: Bound, new: Bound) -> bool:
    """Whether the remembered address is the new one or a wildcard over it, as the kernel compares them.

    Not symmetric, nor whole: an AF_INET wildcard covers the IPv4 part of a dual `::`, and that is all that is compared
    (ipv4_rcv_saddr_equal); a mapped one does not (ipv6_rcv_saddr_equal).
    """
    mine, its = by.cover, new.cover
    if by.sock.family == 4:
        return its.v4 is not None and (mine.v4 is ANY or mine.v4 == its.v4)
    if mine.v6 is None:
        return its.v6 is None and (mine.v4 is ANY or mine.v4 == its.v4)
    if its.v6 is None:
        return mine.v4 is ANY
    return mine.v6 is ANY or mine.v6 == its.v6
