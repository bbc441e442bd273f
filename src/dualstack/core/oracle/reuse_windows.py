"""When two sockets may have one address in common on Windows: Microsoft's table of the options of both.

The table is of sockets of one user and one family; of two users' nothing is told here. A dual `::` must pass on both
stacks, and beside 0.0.0.0 the sources disagree: the page on dual-stack sockets has one port for both, reports have two
sockets side by side. There is no SO_REUSEPORT; SO_REUSEADDR shares a port with anybody, and SO_EXCLUSIVEADDRUSE forbids
that.

Microsoft, "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE", the table of Server 2003 and later.
"""

from enum import Enum

from dualstack.core.oracle.bound_socket import Bound
from dualstack.core.oracle.case import Case, Outcome, Sock
from dualstack.core.oracle.other_systems import Beside
from dualstack.core.oracle.unknown import UNKNOWN

__all__ = ["MATRIX", "Use", "use_of", "windows_sharing_of"]


class Use(Enum):
    """What a socket says of sharing."""

    DEFAULT = "neither option"
    REUSE = "SO_REUSEADDR"
    EXCLUSIVE = "SO_EXCLUSIVEADDRUSE"


_W, _S = True, False  # bound to the wildcard, to a specific address
_OK, _INUSE, _ACCESS = None, "EADDRINUSE", "EACCES"

_SECOND = tuple((use, wildcard) for use in Use for wildcard in (_W, _S))
_FIRST = (
    ((Use.DEFAULT, _W), (_INUSE, _OK, _ACCESS, _OK, _INUSE, _OK)),
    ((Use.DEFAULT, _S), (_OK, _INUSE, _OK, _ACCESS, _INUSE, _INUSE)),
    ((Use.REUSE, _W), (_INUSE, _OK, _OK, _OK, _INUSE, _OK)),
    ((Use.REUSE, _S), (_OK, _INUSE, _OK, _OK, _INUSE, _INUSE)),
    ((Use.EXCLUSIVE, _W), (_INUSE, _ACCESS, _ACCESS, _ACCESS, _INUSE, _ACCESS)),
    ((Use.EXCLUSIVE, _S), (_OK, _INUSE, _OK, _ACCESS, _INUSE, _INUSE)),
)
MATRIX: dict[tuple[Use, bool], dict[tuple[Use, bool], str | None]] = {
    first: dict(zip(_SECOND, row, strict=True)) for first, row in _FIRST
}
"""(use, wildcard) of the bound socket, then of the one that is bound after it: the errno, None for success."""


def use_of(sock: Sock) -> Use | None:
    """What `sock` says of sharing; None where it asks for both options."""
    if sock.reuseaddr and sock.exclusive:
        return None
    return Use.REUSE if sock.reuseaddr else Use.EXCLUSIVE if sock.exclusive else Use.DEFAULT


def windows_sharing_of(case: Case) -> Beside:
    """How Windows judges two sockets whose addresses overlap."""
    stack = case.stack

    def beside(new: Bound, old: Bound, *, listens: bool) -> Outcome:  # noqa: ARG001 - no word of it in the table
        first, second = use_of(old.sock), use_of(new.sock)
        mapped = new.sock.address.is_mapped or old.sock.address.is_mapped
        if first is None or second is None or mapped or new.sock.uid != old.sock.uid:
            return Outcome(UNKNOWN, f"no source tells what happens on {stack.title}", old.index, stack.source)
        if new.sock.family != old.sock.family and new.is_wildcard and old.is_wildcard:
            why = f"the sources disagree about 0.0.0.0 and a dual :: on {stack.title}"
            return Outcome(UNKNOWN, why, old.index, stack.source)
        errno = MATRIX[first, old.is_wildcard][second, new.is_wildcard]
        why = f"the new socket {_HAS[second]}, the other {_HAS[first]}: {_VERDICTS[errno]}"
        return Outcome(errno, why, old.index, stack.source)

    return beside


_HAS = {
    Use.DEFAULT: "sets no option",
    Use.REUSE: "has SO_REUSEADDR",
    Use.EXCLUSIVE: "has SO_EXCLUSIVEADDRUSE",
}
_VERDICTS = {
    None: "Windows lets them stand side by side",
    "EADDRINUSE": "Windows says that the address is in use",
    "EACCES": "Windows forbids the address to the new one",
}
