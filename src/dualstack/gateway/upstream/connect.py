"""From a client that was let in to its target by name: whoever waits for it waits for the target alone.

A client never pays for a lack of descriptors: it waits until there are some, and its time does not run meanwhile. One
that resets its connection is let go of at once, and its place is free; one that has merely sent its end is waited for.
"""

import asyncio
import os
from errno import ECONNRESET
from socket import SocketType, socket

import dualstack.net.dial.asyncio_calls  # noqa: F401 - the dialler reads it when it first dials, and may find no descriptor then
from dualstack.core.access.client_key import client_of
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.sockaddr import SockAddr
from dualstack.core.dial.lookup_shares import Asker
from dualstack.errors import DualstackError, LookupFailed
from dualstack.gateway.counters.counters import Counters
from dualstack.gateway.relay.stream.data_plane import DataPlane
from dualstack.gateway.upstream.upstream import Upstream
from dualstack.kernel.streams import NO_ROOM, keep_alive
from dualstack.net.names.thread_pool import asked_by

__all__ = ["reach"]


async def reach(
    client: SocketType, target: Endpoint, upstream: Upstream, plane: DataPlane, counters: Counters, *, peer: SockAddr
) -> socket:
    """Connect to `target` for `client`, who is `peer`; `counters` keeps how that went.

    Raises:
        DualstackError: no address of it can be reached in time.
        OSError: the client has left.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine of asyncio has one
    has_left = False

    def leave() -> None:
        nonlocal has_left
        has_left = True
        task.cancel()

    asker = Asker(upstream.service.name, client_of(peer))
    with plane.reset_watch(client, leave), asked_by(asker):
        try:
            return await _dial(target, upstream, plane, counters)
        except asyncio.CancelledError:
            if not has_left or task.uncancel():
                raise
            raise ConnectionResetError(ECONNRESET, "the client left while its target was dialled") from None


async def _dial(target: Endpoint, upstream: Upstream, plane: DataPlane, counters: Counters) -> socket:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + upstream.service.connect_timeout_s
    dialer = upstream.dialer_to(target)
    while True:
        note, left_s = counters.dialling(target).note, max(deadline - loop.time(), 0.0)
        try:
            server = await dialer.connect(str(target.host), target.port, timeout=left_s, on_step=note)
        except (DualstackError, OSError) as error:
            if not _is_for_want_of_room(error):
                raise
        else:
            keep_alive(server, upstream.service.keepalive_s)
            return server
        waits_from = loop.time()
        await plane.room()
        deadline += loop.time() - waits_from


def _is_for_want_of_room(error: DualstackError | OSError) -> bool:
    """Whether there were no descriptors; a resolver that has none says that nobody answers."""
    if not isinstance(error, LookupFailed):
        return isinstance(error, OSError) and error.errno in NO_ROOM
    try:
        os.close(os.dup(0))
    except OSError as failed:
        return failed.errno in NO_ROOM
    return False
