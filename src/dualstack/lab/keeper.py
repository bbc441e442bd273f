"""The process that holds a lab: it makes hosts, starts programs in them, and is the end of all when it ends.

Runs as `python -m dualstack.lab.keeper DESCRIPTOR`, and takes orders on that Unix socket, one JSON object a packet,
until its other end is closed. It is the first process of a PID namespace: when it ends, however that comes, the
kernel kills every program of the lab, those that left their parents too, and with the last of them go the namespaces.
"""

import errno
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from select import select
from typing import cast

from dualstack.kernel.namespaces import (
    MS_NODEV,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    Kinds,
    become_root,
    die_with_parent,
    mount,
    unshare,
)
from dualstack.lab.space import Space

__all__ = ["PACKET_BYTES", "WAIT_STATUS", "main"]

PACKET_BYTES = 1 << 17
"""The longest order."""

WAIT_STATUS = struct.Struct("=i")
"""What is told of a program's end, on the descriptor that came with the order: its status, as waitpid(2) has it."""

_DESCRIPTORS_MAX = 4

Order = dict[str, object]


class Keeper:
    """The hosts and programs of one lab."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self.home = Space()
        self._spaces: dict[str, Space] = {"": self.home}
        self._programs: dict[int, tuple[int, object]] = {}

    def serve(self) -> None:
        """Do what is ordered until nobody is left to order."""
        orders = self._orders.fileno()
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            ready, _, _ = select([orders, woken], [], [])
            if woken in ready:
                os.read(woken, 4096)
                self._reap()
            if orders in ready and not self._serve_one():
                return

    def _serve_one(self) -> bool:
        packet, descriptors, _, _ = socket.recv_fds(self._orders, PACKET_BYTES, _DESCRIPTORS_MAX)
        if not packet:
            return False
        order = json.loads(packet)
        passed: list[int] = []
        try:
            answer = _ORDERS[order.pop("order")](self, order, descriptors, passed)
        except Exception as error:  # noqa: BLE001 - whatever it is, who ordered is told
            answer = {"error": str(error) or repr(error), "errno": _errno(error)}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        socket.send_fds(self._orders, [json.dumps(answer).encode()], passed)
        for descriptor in passed:
            os.close(descriptor)
        return True

    def _new(self, order: Order, _given: list[int], _passed: list[int]) -> Order:
        name = str(order["name"])
        self._spaces[name] = self.home.new(
            str(order["hostname"]), _texts(order["files"]), _texts(order["sysctls"]), loopback=bool(order["loopback"])
        )
        return {"namespaces": self._spaces[name].descriptors}

    def _set(self, order: Order, _given: list[int], _passed: list[int]) -> Order:
        """Methods of `Space`, called there in turn."""
        space = self._spaces[str(order["host"])]
        with space.visited_from(self.home):
            for method, *arguments in _calls(order):
                getattr(space, method)(*arguments)
        return {}

    def _cable(self, order: Order, _given: list[int], _passed: list[int]) -> Order:
        (a, name), (b, other_name) = _ends(order)
        self._spaces[a].cable(name, self._spaces[b], other_name)
        return {}

    def _start(self, order: Order, given: list[int], passed: list[int]) -> Order:
        streams, report = given[:3], given[3]
        space = self._spaces[str(order["host"])]
        directory = str(order["directory"])

        def enter() -> None:
            space.enter()
            os.chdir(directory)
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        start = self._fork if "function" in order else _execute
        pid, child = start(order, streams, enter)
        passed.append(os.pidfd_open(pid))
        self._programs[pid] = os.dup(report), child
        return {"pid": pid}

    def _fork(self, order: Order, streams: list[int], enter: Callable[[], None]) -> tuple[int, object]:
        """A function of ours, without the price of a new interpreter."""
        module, _, name = str(order["function"]).partition(":")
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            return pid, None
        code = 1
        try:
            self._orders.close()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            enter()
            for target, stream in enumerate(streams):
                os.dup2(stream, target)
            code = getattr(import_module(module), name)(*_words(order["arguments"]))
        except BaseException:  # noqa: BLE001 - the child must end here, and say why
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            os._exit(code or 0)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            report, child = self._programs.pop(pid, (None, None))
            if isinstance(child, subprocess.Popen):
                child.returncode = os.waitstatus_to_exitcode(status)  # or it would wait for itself
            if report is not None:
                with suppress(OSError):  # nobody waits for it any more
                    os.write(report, WAIT_STATUS.pack(status))
                os.close(report)


_ORDERS: dict[str, Callable[[Keeper, Order, list[int], list[int]], Order]] = {
    "new": Keeper._new,  # noqa: SLF001 - the table of what its methods are called in an order
    "set": Keeper._set,  # noqa: SLF001
    "cable": Keeper._cable,  # noqa: SLF001
    "start": Keeper._start,  # noqa: SLF001
}


def _errno(error: Exception) -> object:
    """The kernel's number; pyroute2 calls it the code."""
    return getattr(error, "errno", None) or getattr(error, "code", None)


def _calls(order: Order) -> list[list[str]]:
    return cast("list[list[str]]", order["calls"])


def _ends(order: Order) -> list[list[str]]:
    return cast("list[list[str]]", order["ends"])


def _texts(value: object) -> dict[str, str]:
    return cast("dict[str, str]", value)


def _words(value: object) -> list[str]:
    return cast("list[str]", value)


def _execute(order: Order, streams: list[int], enter: Callable[[], None]) -> tuple[int, object]:
    stdin, stdout, stderr = streams
    argv, environment = _words(order["argv"]), _texts(order["environment"])
    try:
        child = subprocess.Popen(  # noqa: S603 - what the lab's owner runs
            argv,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            preexec_fn=enter,  # noqa: PLW1509 - one thread here
        )
    except PermissionError as error:
        # execvp(3) says so too where a directory of PATH may not be searched, and the program is in none.
        if shutil.which(argv[0], os.F_OK, environment.get("PATH")):
            raise
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), argv[0]) from error
    return child.pid, child


def main() -> int:
    """Make the namespaces that hold the lab, and be their first process."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    orders.set_inheritable(False)
    try:
        is_ordinary = _is_ordinary()
        if is_ordinary:
            become_root()
        unshare(Kinds.PID | Kinds.MOUNT | Kinds.NETWORK | Kinds.UTS)
    except OSError as error:
        orders.send(json.dumps({"error": error.strerror or str(error), "errno": error.errno}).encode())
        return 1
    told, tell = os.pipe()
    first = os.fork()
    if first:
        orders.close()
        os.write(tell, str(first).encode())
        # Whoever kills this process kills the first one by that, see die_with_parent.
        os.waitpid(first, 0)
        return 0
    die_with_parent()
    os.close(tell)
    outer_pid = int(os.read(told, 16))
    _own_mounts()
    keeper = Keeper(orders)
    orders.send(json.dumps({"pid": outer_pid, "user": is_ordinary}).encode())
    keeper.serve()
    return 0


def _is_ordinary() -> bool:
    """Whether it takes a user namespace: root of this machine may do it all, unless the right was taken away."""
    try:
        unshare(Kinds.UTS)
    except PermissionError:
        return True
    return False


def _own_mounts() -> None:
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    # Where it is not allowed (a container that hides parts of /proc), the machine's own /proc does: its process
    # numbers are then those from outside.
    with suppress(PermissionError):
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV)


if __name__ == "__main__":
    sys.exit(main())
