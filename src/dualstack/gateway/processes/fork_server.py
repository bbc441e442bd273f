"""The process that workers are forked from: `python -m dualstack.gateway.processes.fork_server DESCRIPTOR`.

It has read all that a worker needs and runs nothing, so a worker is there in milliseconds, whoever the user is by then
and whatever has become of Python's own files. It has no thread and no loop, which a fork would break. It ends with the
gateway; the workers do not end with it.
"""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from socket import socket

from dualstack.errors import DualstackError
from dualstack.gateway.processes.channel import Frames, frames
from dualstack.gateway.processes.messages import (
    Became,
    Become,
    Born,
    Ended,
    ForkReply,
    NotBecome,
    NotBorn,
    encode,
    read_fork_order,
)
from dualstack.gateway.processes.preload import become, import_what_is_needed_later
from dualstack.gateway.processes.worker import run_worker
from dualstack.kernel.descriptor_passing import receive_with, send_with
from dualstack.kernel.inheritance import adopt_any

__all__ = ["main"]

# The gateway gets them, and says what its workers are to do.
_NOT_OURS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")


def main(descriptor: int) -> None:
    """Fork workers as they are asked for."""
    for name in _NOT_OURS:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    import_what_is_needed_later()
    sock = adopt_any(descriptor)
    sock.setblocking(True)

    def tell(reply: ForkReply) -> None:
        for content, _ in frames(encode(reply)):
            # The gateway may be gone; that is seen where orders are read.
            with suppress(OSError):
                send_with(sock, content, ())

    def reap(*_: object) -> None:
        for pid, status in _ended():
            tell(Ended(pid, os.waitstatus_to_exitcode(status)))

    signal.signal(signal.SIGCHLD, reap)
    for message, descriptors in _messages(sock):
        order = read_fork_order(message)
        if isinstance(order, Become):
            tell(_become(order))
            continue
        (its,) = descriptors
        # What is here now stays as it is, so that no worker copies it.
        gc.freeze()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(its)
            tell(NotBorn(error.strerror or str(error)))
            continue
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            sock.close()
            run_worker(adopt_any(its))
            return
        os.close(its)
        tell(Born(pid))


def _messages(sock: socket) -> Iterator[tuple[bytes, list[int]]]:
    received = Frames()
    while True:
        try:
            content, descriptors = receive_with(sock)
        except OSError:
            return
        if not content:
            return
        received.receive(content, descriptors)
        yield from received.whole()


def _ended() -> Iterator[tuple[int, int]]:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def _become(order: Become) -> ForkReply:
    try:
        become(order.user, order.where)
    except (DualstackError, OSError) as error:
        return NotBecome(str(error))
    return Became()


if __name__ == "__main__":
    main(int(sys.argv[1]))
