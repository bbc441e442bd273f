"""Who holds a port number that is wanted, and what helps: the words of a bind that failed, or that will.

A holder is a socket that listens or is bound, or a connection: one out that was given the number by the system, or one
that has ended and lingers. A remedy with options is tried on the oracle before it is named.
"""

from collections.abc import Iterable, Sequence

from dualstack.core.host.facts import Listener
from dualstack.core.oracle.case import Case, Sock, Step
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.systems import Stack, stack_named
from dualstack.core.planning.opening import APART, apart, opening, planned_sock
from dualstack.core.planning.socket_spec import SocketSpec

__all__ = ["beside", "in_use", "in_use_by_connections", "overlapping", "stranger"]

_SOMEBODY_ELSE = -1
_SHOWN = 3


def stranger(each: Listener) -> Sock:
    """It stands already, however it came by it; with us, another user's, it does not share."""
    return Sock(each.family, each.address, each.v6only, reuseport=True, uid=_SOMEBODY_ELSE)


def overlapping(spec: SocketSpec, found: Iterable[Listener]) -> list[Listener]:
    """Those that hold the port number of `spec` on an address that it wants too."""
    return [each for each in found if (each.port, each.proto) == (spec.port, spec.proto) and _meet(each, spec)]


def _meet(other: Listener, spec: SocketSpec) -> bool:
    sockets = (Sock(other.family, other.address, other.v6only), Sock(spec.family, spec.address, spec.v6only))
    # Nobody but Linux tells who listens.
    case = Case(stack_named("linux"), spec.proto, sockets, (Step("bind", 0), Step("bind", 1)))
    return predict(case).steps[1].errno is not None


def beside(spec: SocketSpec, others: Iterable[Listener], stack: Stack) -> str:
    """The family that others leave to a socket of both, and how to have it alone; empty where that does not help."""
    if spec.family != 6 or spec.v6only is not False or not spec.address.is_unspecified:
        return ""
    foreign = [stranger(each) for each in others if (each.port, each.proto) == (spec.port, spec.proto)]
    for family, how in APART.items():
        sockets = (*foreign, planned_sock(apart(spec, family), stack))
        case = Case(stack, spec.proto, sockets, opening(spec.proto, range(len(sockets))))
        steps = zip(case.steps, predict(case).steps, strict=True)
        if all(made.errno is None for step, made in steps if step.socket == len(foreign)):
            return how
    return ""


def in_use(spec: SocketSpec, holders: Sequence[Listener], connections: Sequence[Listener] = ()) -> str:
    """Why `spec` was refused with EADDRINUSE, and what to do.

    Args:
        spec: what was to be bound; where both families were wanted, the dual one that says so.
        holders: sockets that listen or are bound and are in its way.
        connections: connections that hold the port number.
    """
    if not holders and connections:
        return f"address in use by {in_use_by_connections(connections)}"
    by = f" by {', '.join(map(str, holders))}" if holders else ""
    family = beside(spec, holders, stack_named("linux")) if holders else ""
    return f"address in use{by}; stop it, or listen on another port or address{f', or on {family}' if family else ''}"


def in_use_by_connections(connections: Sequence[Listener]) -> str:
    """Whose the port number is where no socket listens there, and how to have it."""
    alive = [each for each in connections if not each.lingers]
    meant = alive or connections
    more = f" and {len(meant) - _SHOWN} more" if len(meant) > _SHOWN else ""
    listed = f"{', '.join(map(str, meant[:_SHOWN]))}{more}"
    if alive:
        number = alive[0].port
        return (
            f"a connection, {listed}; end it, or listen on another port "
            f"(sysctl net.ipv4.ip_local_reserved_ports={number} keeps {number} for servers)"
        )
    return (
        f"a connection that has ended and lingers (TIME_WAIT), {listed}; wait a minute, or have the server before "
        "this one set SO_REUSEADDR"
    )
