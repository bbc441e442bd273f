"""What the service manager is told (sd_notify(3)): ready, reloading, stopping, alive; nothing where nobody asked.

NOTIFY_SOCKET is a datagram socket, in the file system or, with a leading `@`, in the abstract namespace. It is taken
out of the environment: children of ours have nothing to say there. That nobody hears is no reason to stop serving.
"""

import os
import time
from collections.abc import MutableMapping

from dualstack.gateway.counters.log import Log
from dualstack.kernel.unix_sockets import tell

__all__ = ["Notifier"]


class Notifier:
    """Tells one service manager.

    Args:
        path: of its socket; empty where there is none.
        watchdog_s: how often it wants to hear that we live, in seconds; None where it does not.
        log: where it is said that it does not hear.
    """

    def __init__(self, path: str, watchdog_s: float | None, log: Log) -> None:
        self.path = path
        self.watchdog_s = watchdog_s if path else None
        self._log = log

    @classmethod
    def of_environment(cls, log: Log, environment: MutableMapping[str, str] | None = None) -> "Notifier":
        """As the variables of this process say."""
        variables = os.environ if environment is None else environment
        path, usec, pid = (variables.pop(key, "") for key in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"))
        is_meant = usec.isdecimal() and int(usec) > 0 and pid in {"", str(os.getpid())}
        return cls(path if path[:1] in {"/", "@"} else "", int(usec) / 1e6 if is_meant else None, log)

    def environment(self, pid: int | None = None) -> dict[str, str]:
        """The variables for a process that takes our place; `pid` is its own where it is known."""
        if not self.path:
            return {}
        watchdog = {} if self.watchdog_s is None else {"WATCHDOG_USEC": str(round(self.watchdog_s * 1e6))}
        return {"NOTIFY_SOCKET": self.path, **watchdog, **({"WATCHDOG_PID": str(pid)} if pid and watchdog else {})}

    def ready(self, status: str) -> None:
        """All sockets listen: after the start, and after a reload."""
        self._say("READY=1", f"STATUS={status}", f"MAINPID={os.getpid()}")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=reloading")

    def stopping(self, status: str) -> None:
        """The end was asked for."""
        self._say("STOPPING=1", f"STATUS={status}")

    def alive(self) -> None:
        """The data plane lives; to be said twice in `watchdog_s`."""
        self._say("WATCHDOG=1")

    def replaced_by(self, pid: int) -> None:
        """Another process is the service from now on."""
        self._say(f"MAINPID={pid}")

    def _say(self, *lines: str) -> None:
        if not self.path:
            return
        try:
            tell(self.path, "\n".join(lines).encode())
        except OSError as error:
            self._log.warning("service manager does not hear", socket=self.path, why=error.strerror or str(error))
