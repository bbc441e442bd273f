"""What a running gateway can be asked for, be it one process or several."""

from collections.abc import Sequence
from socket import socket
from typing import Protocol

from dualstack.core.planning.configuration import Configuration
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.gateway.processes.handover import Handover

__all__ = ["Companion", "GatewayControl"]


class GatewayControl(Protocol):
    """`Gateway` or `Supervisor`; each method is as `PortSet` or `Gateway` says."""

    config: Configuration
    page: tuple[str, ...]

    async def open(self) -> None:
        """Open every socket and serve."""
        ...

    async def reload(self, config: Configuration) -> None:
        """Run another configuration."""
        ...

    async def stop_port(self, name: str, *, drain_s: float | None = None, release: bool = False) -> int:
        """Stop a port."""
        ...

    async def restart_port(self, name: str, *, drain_s: float | None = None, release: bool = False) -> int:
        """Stop a port and start it."""
        ...

    async def start_port(self, name: str) -> None:
        """Start a port."""
        ...

    async def list_ports(self) -> list[dict[str, object]]:
        """All ports, as JSON has them."""
        ...

    async def snapshots(self) -> list[dict[str, object]]:
        """All that is counted and known, by process."""
        ...

    def open_sockets(self) -> list[tuple[SocketSpec, socket]]:
        """All listening sockets that are open, with their specs."""
        ...

    def describe_sockets(self) -> list[dict[str, object]]:
        """All listening sockets, as JSON has them."""
        ...

    async def beat(self) -> None:
        """Return once the data plane has shown that it lives."""
        ...

    def handover(self) -> Handover:
        """What a gateway that takes its place gets."""
        ...

    async def step_down(self) -> None:
        """Leave the listening sockets to that one."""
        ...

    async def drain(self) -> int:
        """Listen no more, and let connections end."""
        ...

    async def close(self) -> None:
        """End everything now."""
        ...


class Companion(Protocol):
    """What has a listening socket of its own beside the gateway, for people rather than clients."""

    @property
    def inheritance(self) -> tuple[str, Sequence[socket]]:
        """Its sockets, for the gateway that takes our place, and a name that tells whose they are."""
        ...

    async def leave(self) -> None:
        """Answer no more: that one does."""
        ...
