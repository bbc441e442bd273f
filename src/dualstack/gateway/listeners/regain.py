"""Whether sockets that are let go could be had again: asked before a port is restarted that would lose them.

A gateway that has become another user has no right to low ports any more; an address or an interface may have gone.
"""

from collections.abc import Collection

from dualstack.core.oracle.bind_alone import why_not_there
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.kernel.bind_answers import answers_of
from dualstack.kernel.facts import read_facts

__all__ = ["socket_list", "why_lost"]


def why_lost(specs: Collection[SocketSpec]) -> str:
    """Why this process could not open some of `specs` once they are closed; empty where it could."""
    if not specs:
        return ""
    facts = read_facts()
    low = facts.first_unprivileged_port
    for spec in specs:
        if 0 < spec.port < low and not facts.may_bind_low:
            return f"{spec} could not be bound again: the right to ports below {low} is gone (CAP_NET_BIND_SERVICE)"
        said = answers_of([spec.ask]).get(spec.ask)
        if said is not None:
            return f"{spec} could not be bound again: {why_not_there(spec.address, said, facts.interfaces)}"
    return ""


def socket_list(specs: Collection[SocketSpec]) -> str:
    """The sockets for people; UDP is said."""
    return ", ".join(f"{spec}{' (UDP)' if spec.proto == 'udp' else ''}" for spec in specs)
