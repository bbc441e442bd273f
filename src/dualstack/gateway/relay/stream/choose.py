"""Which data plane a system gets. Nobody else names both."""

import asyncio
import select
from collections.abc import Callable

from dualstack.gateway.relay.stream.data_plane import DataPlane

__all__ = ["data_plane", "plane_of_this_system"]


def plane_of_this_system() -> Callable[[asyncio.AbstractEventLoop], DataPlane]:
    """What makes the best one: epoll and splice on Linux, asyncio's transports elsewhere."""
    if hasattr(select, "epoll"):
        from dualstack.gateway.relay.stream.epoll_engine import Engine

        return Engine
    from dualstack.gateway.relay.stream.asyncio_relay import ProtocolRelay

    return ProtocolRelay


def data_plane(loop: asyncio.AbstractEventLoop) -> DataPlane:
    """The best data plane of this system, in this loop."""
    return plane_of_this_system()(loop)
