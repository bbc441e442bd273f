"""How many there may be at a time where a file names no number: shares of the descriptors, so that each kind has some.

An association has its connection, its inner socket and two outer ones, and a flow of datagrams has one socket.
"""

from math import inf

from dualstack.core.flow_table import CONVERSATION_IDLE_S, QUESTION_IDLE_S, FlowLimits
from dualstack.core.planning.configuration import Service
from dualstack.kernel.descriptor_limit import descriptor_limit

__all__ = ["ASSOCIATIONS_MAX", "ASSOCIATIONS_PER_CLIENT", "FLOWS_MAX", "associations_max", "flow_limits", "flows_max"]

FLOWS_MAX = 4096
"""A service's flows where its file names no number; fewer where the process may not have so many descriptors."""

ASSOCIATIONS_MAX = 4096
"""A service's associations at a time; fewer where the process may not have so many descriptors."""

ASSOCIATIONS_PER_CLIENT = 256
"""A client's: some tunnels make one for each conversation."""

# This leaves half of all to connections.
_DESCRIPTORS_EACH = 8


def flow_limits(service: Service) -> FlowLimits:
    """What a service of datagrams allows."""
    idle = service.idle_timeout_s
    return FlowLimits(
        service.max_connections or flows_max(descriptor_limit()),
        service.max_per_client,
        QUESTION_IDLE_S if idle == inf else idle,
        CONVERSATION_IDLE_S if idle == inf else idle,
    )


def flows_max(descriptors: int | None) -> int:
    """A quarter of what there is: a flood of datagrams leaves connections their part."""
    return FLOWS_MAX if descriptors is None else min(FLOWS_MAX, max(1, descriptors // 4))


def associations_max(descriptors: int | None) -> int:
    """How many associations a service has."""
    return ASSOCIATIONS_MAX if descriptors is None else min(ASSOCIATIONS_MAX, descriptors // _DESCRIPTORS_EACH)
