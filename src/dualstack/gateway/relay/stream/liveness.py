"""Whether the engine lives: a byte on a socket of its own set, and how long until a round tells of it."""

import asyncio
from typing import TYPE_CHECKING

from dualstack.gateway.relay.stream.side import IN
from dualstack.kernel.unix_sockets import socket_pair

if TYPE_CHECKING:
    from dualstack.gateway.relay.stream.epoll_engine import Engine

__all__ = ["Pulse"]


class Pulse:
    """One beat."""

    def __init__(self) -> None:
        self._seen = asyncio.Event()

    async def seen_by(self, engine: "Engine") -> None:
        """Until the engine has seen it."""
        ours, its = socket_pair()
        with ours:
            engine.watch(its, self)
            try:
                ours.send(b"?")
                await self._seen.wait()
            finally:
                engine.discard(its)

    def ready(self, _descriptor: int, mask: int) -> None:
        """The engine tells of it."""
        if mask & IN:
            self._seen.set()
