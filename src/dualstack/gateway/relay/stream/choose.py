"""Which data plane a system gets. Nobody else names both."""

import asyncio
import select

from dualstack.gateway.relay.stream.data_plane import DataPlane

__all__ = ["data_plane"]


def data_plane(loop: asyncio.AbstractEventLoop) -> DataPlane:
    """The best data plane of this system: epoll and splice on Linux, asyncio's transports elsewhere."""
    if hasattr(select, "epoll"):
        from dualstack.gateway.relay.stream.epoll_engine import Engine

        return Engine(loop)
    from dualstack.gateway.relay.stream.asyncio_relay import ProtocolRelay

    return ProtocolRelay(loop)
