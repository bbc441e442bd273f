"""How this project opens a planned socket, in the oracle's words: the options that it gets and the calls in order."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.core.oracle.case import Sock, Step
from dualstack.core.oracle.systems import Sharing, Stack
from dualstack.core.planning.socket_spec import SocketSpec

__all__ = ["APART", "apart", "opening", "planned_sock", "whole"]


APART = {
    6: "IPv6 alone (--v6only, or `v6only = true` in a file)",
    4: "IPv4 alone (0.0.0.0 in place of any address)",
}
"""What a socket of both families may become, so that somebody else keeps the other family."""


def planned_sock(spec: SocketSpec, stack: Stack) -> Sock:
    """The socket of `spec` with the options that `kernel.sockets` gives it on a system."""
    is_tcp, is_windows = spec.proto == "tcp", stack.same_address is Sharing.MATRIX
    return Sock(
        spec.family,
        spec.address,
        spec.v6only,
        reuseaddr=is_tcp and not is_windows,
        reuseport=spec.shared and not is_windows,
        exclusive=is_tcp and is_windows and not spec.shared,
        device=spec.interface,
    )


def opening(proto: str, indexes: Iterable[int]) -> tuple[Step, ...]:
    """The calls that open sockets: UDP has no listen."""
    calls = ("bind", "listen") if proto == "tcp" else ("bind",)
    return tuple(Step(call, index) for index in indexes for call in calls)


def whole(spec: SocketSpec, specs: Sequence[SocketSpec]) -> SocketSpec:
    """A wildcard that has a fellow for the other family, as the one socket that both would be."""
    mine = (spec.service, spec.port_name, spec.port, spec.proto)
    fellows = {
        other.family
        for other in specs
        if other.address.is_unspecified and (other.service, other.port_name, other.port, other.proto) == mine
    }
    if not spec.address.is_unspecified or fellows != {4, 6}:
        return spec
    return replace(spec, family=6, address=UNSPECIFIED[6], v6only=False)


def apart(spec: SocketSpec, family: int) -> SocketSpec:
    """A wildcard as it would be for one family alone."""
    return replace(spec, family=family, address=UNSPECIFIED[family], v6only=True if family == 6 else None, shared=False)
