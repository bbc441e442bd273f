"""Our end of a lab's keeper: starts it, gives it orders, and is its end when it is closed.

However this process ends, the socket to the keeper closes with it, and the keeper ends all that is in the lab.
"""

import errno as _errno
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack

from dualstack.errors import DualstackError, ExitCode
from dualstack.kernel.ourselves import our_module
from dualstack.lab.keeper import PACKET_BYTES

__all__ = ["NetworkError", "Orders"]

_DESCRIPTORS_MAX = 4
_ENDED = frozenset({_errno.EPIPE, _errno.ECONNRESET, _errno.EBADF})
_NEEDS = (
    "run it as root, or let users have namespaces: sysctl user.max_user_namespaces above 0, and where they are there"
    " kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0"
)
_REMEDIES = {
    _errno.EPERM: _NEEDS,
    _errno.EACCES: _NEEDS,
    _errno.ENOSPC: "a limit in /proc/sys/user is reached; user.max_user_namespaces=0 forbids them",
    _errno.EINVAL: "this kernel lacks namespaces of that kind (CONFIG_USER_NS, CONFIG_NET_NS, CONFIG_PID_NS)",
}


class NetworkError(DualstackError, OSError):
    """A host, a link or a fault that cannot be made; `errno` is the kernel's, where it refused."""

    def __init__(self, why: str, *, errno: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.errno = errno

    def __str__(self) -> str:
        return self.why

    @property
    def exit_code(self) -> ExitCode:  # type: ignore[override]
        """77 where the right is missing, else 69."""
        return ExitCode.NO_RIGHT if self.errno in (_errno.EPERM, _errno.EACCES) else ExitCode.UNAVAILABLE


class Orders:
    """A keeper of its own, until `close`.

    `pid` is the keeper's, as this process counts; `is_ordinary` tells that it is root of a user namespace alone.

    Raises:
        NetworkError: this machine or this user can have no namespaces; what to do about it is said.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise NetworkError("a lab is made of namespaces, which Linux alone has", errno=_errno.ENOSYS)
        self._lock = threading.Lock()
        with ExitStack() as undo:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            undo.callback(self._socket.close)
            with theirs:
                for end in (self._socket, theirs):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PACKET_BYTES * 2)
                # In a session of its own: Ctrl-C on the terminal is for us, and we end it.
                self._process = subprocess.Popen(  # noqa: S603 - ourselves
                    our_module("dualstack.lab.keeper", str(theirs.fileno())),
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            undo.callback(self._process.wait)
            undo.callback(self._socket.close)
            try:
                ready, _ = self._answer()
            except NetworkError as error:
                remedy = _REMEDIES.get(error.errno or 0)
                raise NetworkError(
                    f"no namespaces here: {error.why}" + (f"; {remedy}" if remedy else ""), errno=error.errno
                ) from error
            self.pid = int(str(ready["pid"]))
            self.is_ordinary = bool(ready["user"])
            undo.pop_all()

    def give(
        self, order: str, descriptors: Sequence[int] = (), **details: object
    ) -> tuple[dict[str, object], list[int]]:
        """Have it done: the answer, and the descriptors that came with it.

        Raises:
            NetworkError: it was refused.
        """
        with self._lock:
            try:
                socket.send_fds(self._socket, [json.dumps({"order": order, **details}).encode()], descriptors)
            except OSError as error:
                why = "the lab has ended" if error.errno in _ENDED else f"{order}: {error.strerror}"
                raise NetworkError(why, errno=error.errno) from error
            try:
                return self._answer()
            except NetworkError:
                raise
            except BaseException:
                # Interrupted: the answer that is still to come would be taken for the next order's.
                self._socket.close()
                raise

    def close(self) -> None:
        """End the lab and everything in it."""
        self._socket.close()
        self._process.wait()

    def _answer(self) -> tuple[dict[str, object], list[int]]:
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._socket, PACKET_BYTES, _DESCRIPTORS_MAX)
        except ConnectionResetError:  # it was killed before it had read the order
            packet, descriptors = b"", []
        if not packet:
            raise NetworkError("the lab has ended")
        answer: dict[str, object] = json.loads(packet)
        if "error" in answer:
            number = answer["errno"] if isinstance(answer["errno"], int) else None
            raise NetworkError(str(answer["error"]), errno=number)
        return answer, descriptors
