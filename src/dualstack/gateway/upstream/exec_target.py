"""`exec:` targets: a child for each connection, with the socket as its standard input and output (inetd's nowait).

The child gets the facts of the connection in its environment, as ucspi-tcp's tcpserver names them; IPv4 peers are
never mapped there. No shell is run.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, closing, suppress
from socket import SocketType

from dualstack.kernel.streams import NO_ROOM
from dualstack.wire.proxy_protocol import Ends

__all__ = ["Children", "connection_environment"]

# A child that was hung up on has so long to end before it is killed.
_AFTER_HANGUP_S = 1.0


def connection_environment(ends: Ends, environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with PROTO, TCPREMOTEIP, TCPREMOTEPORT, TCPLOCALIP and TCPLOCALPORT of a connection."""
    return {
        **environment,
        "PROTO": "TCP",
        "TCPREMOTEIP": str(ends.peer.address.canonical),
        "TCPREMOTEPORT": str(ends.peer.port),
        "TCPLOCALIP": str(ends.local.address.canonical),
        "TCPLOCALPORT": str(ends.local.port),
    }


class Children:
    """The children that live; each leads a session of its own, so that ending one ends what it started.

    Args:
        loop: where their ends are noticed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: dict[subprocess.Popen[bytes], tuple[object, asyncio.Future[int]]] = {}

    def spawn(
        self, argv: tuple[str, ...], client: SocketType, ends: Ends, owner: object, on_exit: Callable[[], None]
    ) -> None:
        """Start `argv` on `client`, which is closed here; `on_exit` is called once it has ended.

        Raises:
            OSError: the program cannot be started; for want of room (`NO_ROOM`) the client stays open.
        """
        with ExitStack() as stack:
            stack.enter_context(closing(client))
            client.setblocking(True)
            try:
                child = subprocess.Popen(  # noqa: S603 - the operator's own command, split into words, without a shell
                    argv,
                    stdin=client.fileno(),
                    stdout=client.fileno(),
                    env=connection_environment(ends, os.environ),
                    start_new_session=True,
                )
            except OSError as error:
                if error.errno in NO_ROOM:
                    stack.pop_all()
                raise
        ended = self._loop.create_future()
        ended.add_done_callback(lambda _: on_exit())
        self._running[child] = owner, ended
        self._watch(child)

    def _watch(self, child: "subprocess.Popen[bytes]") -> None:
        try:
            watched = os.pidfd_open(child.pid)
        except (AttributeError, OSError):
            # No pidfd (not Linux, or before 5.3): a thread waits.
            self._loop.run_in_executor(None, child.wait).add_done_callback(lambda _: self._reap(child))
            return
        self._loop.add_reader(watched, self._ended, child, watched)

    def _ended(self, child: "subprocess.Popen[bytes]", watched: int) -> None:
        self._loop.remove_reader(watched)
        os.close(watched)
        self._reap(child)

    def _reap(self, child: "subprocess.Popen[bytes]") -> None:
        _, ended = self._running.pop(child)
        ended.set_result(child.wait())

    def __len__(self) -> int:
        return len(self._running)

    async def drain(self, timeout_s: float, is_meant: Callable[[object], bool] = lambda _owner: True) -> int:
        """Wait for the children whose owner is meant, then hang up on those left; how many these were."""
        await self._ends(is_meant, timeout_s)
        left = self._of(is_meant)
        _signal(left, signal.SIGHUP)
        await self._ends(is_meant, _AFTER_HANGUP_S)
        _signal(self._of(is_meant), signal.SIGKILL)
        await self._ends(is_meant, None)
        return len(left)

    def _of(self, is_meant: Callable[[object], bool]) -> "list[subprocess.Popen[bytes]]":
        return [child for child, (owner, _) in self._running.items() if is_meant(owner)]

    async def _ends(self, is_meant: Callable[[object], bool], timeout_s: float | None) -> None:
        ends = [self._running[child][1] for child in self._of(is_meant)]
        if ends:
            await asyncio.wait(ends, timeout=timeout_s)


def _signal(children: "Iterable[subprocess.Popen[bytes]]", number: signal.Signals) -> None:
    for child in children:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
