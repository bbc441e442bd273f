"""The data plane alone, without the gateway around it: `python -m bench.driver FRONT BACK`, for profiling."""

import asyncio
import signal
import socket
import sys

from dualstack.core.address.sockaddr import SockAddr
from dualstack.gateway.relay.link import Hop, Link, Target
from dualstack.gateway.relay.stream.choose import data_plane


class Open:
    """A gate that lets everyone in."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def admit(self, _client: socket.SocketType, _peer: SockAddr) -> Target:
        """As `Gate.admit`."""
        return self._target

    def closed(self, link: Link) -> None:
        """As `Gate.closed`."""


async def main(front: int, back: int) -> None:
    """Relay from [::1]:front to 127.0.0.1:back until SIGTERM."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    with socket.create_server(("::1", front), family=socket.AF_INET6, backlog=4096) as sock:
        sock.setblocking(False)
        plane = data_plane(loop)
        plane.listen(sock, Open(Target((Hop(socket.AF_INET, ("127.0.0.1", back)),), idle_timeout_s=300)))
        await stopping.wait()
        plane.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
