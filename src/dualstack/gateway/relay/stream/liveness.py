"""Whether the engine lives: a byte on a socket of its own set, and how long until a round tells of it."""

import asyncio
from socket import SocketType
from typing import Protocol

from dualstack.gateway.relay.stream.edges import IN
from dualstack.kernel.unix_sockets import socket_pair

__all__ = ["LivenessProbe", "Probed"]


class Probed(Protocol):
    """What a probe asks of the engine."""

    def watch(self, sock: SocketType, watcher: "LivenessProbe", /) -> None:
        """Tell `watcher` of every edge of `sock`, until it is discarded."""
        ...

    def discard(self, sock: SocketType, /) -> None:
        """Close the socket when the round is over."""
        ...


class LivenessProbe:
    """One question, asked once: an engine that hangs, or whose epoll set does, leaves it without an answer."""

    def __init__(self) -> None:
        self._seen = asyncio.Event()

    async def seen_by(self, engine: Probed) -> None:
        """Return when a round of the engine has told of an event made for it."""
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
