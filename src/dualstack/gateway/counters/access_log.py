"""The access log: a line for each connection when it is over, as text or as JSON, every peer unmapped.

On standard error, or in a file that is opened again on SIGHUP, so that logrotate(8) can move it. A thread writes whole
lines at the file's end (`gateway.counters.line_writer`): several processes can share it. What cannot be written is
counted, and never in a connection's way.
"""

import errno
import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from time import time

from dualstack.core.access.client_key import client_of, shown
from dualstack.core.address.sockaddr import SockAddr
from dualstack.errors import ConfigError
from dualstack.gateway.counters.families import CLIENTS, target_family, way_of
from dualstack.gateway.counters.line_writer import LineWriter
from dualstack.gateway.relay.link import Link

__all__ = ["STANDARD_ERROR", "AccessLog", "ended", "unlinked"]

STANDARD_ERROR = "-"
"""What stands for it instead of a path."""

_MODE = 0o640
# Windows has neither.
_CLOEXEC, _NONBLOCK = getattr(os, "O_CLOEXEC", 0), getattr(os, "O_NONBLOCK", 0)


class AccessLog:
    """Writes the lines.

    Args:
        path: of the file, or `-`.
        form: `text` or `json`.
        clock: tells the time; the system's by default.
        standard_error: what writes there already, where the path is `-`.

    Raises:
        ConfigError: the file cannot be opened.
    """

    def __init__(
        self,
        path: str,
        form: str,
        *,
        clock: Callable[[], float] = time,
        standard_error: LineWriter | None = None,
    ) -> None:
        self._path = path
        self._write_line = _json if form == "json" else _text
        self._clock = clock
        # One writer for one descriptor: its lines are in order, and its losses are told once.
        self._is_shared = path == STANDARD_ERROR and standard_error is not None
        if standard_error is not None and self._is_shared:
            self._writer = standard_error
        else:
            self._writer = LineWriter(self._open(), self._lost_line, is_ours=path != STANDARD_ERROR)

    @property
    def lost(self) -> int:
        """How many lines could not be written; none where they are counted with the log's."""
        return 0 if self._is_shared else self._writer.lost

    def write(self, facts: Mapping[str, object]) -> None:
        """One connection is over: its facts in the order in which they are to stand."""
        self._writer.put(self._line("connection", facts))

    def reopen(self) -> None:
        """Go on in the file that is at the path now.

        Raises:
            ConfigError: it cannot be opened; the one before is written to as before.
        """
        if self._path != STANDARD_ERROR:
            self._writer.reopen(self._open())

    def close(self) -> None:
        """Write what waits, as far as that is possible soon, and let go of the file."""
        self._writer.close()

    def _line(self, event: str, facts: Mapping[str, object]) -> bytes:
        moment = datetime.fromtimestamp(self._clock(), tz=UTC)
        written = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return self._write_line(written, event, facts).encode(errors="backslashreplace")

    def _lost_line(self, count: int) -> bytes:
        return self._line("lines lost", {"lines": count, "why": "nobody read them, or the disk was full"})

    def _open(self) -> int:
        if self._path == STANDARD_ERROR:
            return sys.stderr.fileno()
        # Without O_NONBLOCK a FIFO that nobody reads would be waited for (fifo(7)); so it is an error.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _CLOEXEC | _NONBLOCK
        try:
            descriptor = os.open(self._path, flags, _MODE)
        except OSError as error:
            why = f"{self._path!r}: {_why(error)}; name a file that can be written, or - for standard error"
            raise ConfigError("", "access_log", why) from error
        if _NONBLOCK:
            os.set_blocking(descriptor, True)
        return descriptor


def _why(error: OSError) -> str:
    return "nobody reads this FIFO" if error.errno == errno.ENXIO else str(error.strerror)


def ended(link: Link, service: str, port: str, asked: object) -> dict[str, object]:
    """The facts of a link that is over; `asked` is where the client wanted to go, by name where it is one."""
    return {
        **_ends(link.peer, service, port, asked),
        "target": None if link.hop is None else shown(link.hop.address),
        "target_family": target_family(way_of(link)[1]),
        "bytes_up": link.bytes_up,
        "bytes_down": link.bytes_down,
        "duration_s": round(max(link.over_at - link.started, 0.0), 6),
        "reason": None if link.reason is None else link.reason.value,
    }


def unlinked(  # noqa: PLR0917 - in the order in which they stand in a line
    peer: SockAddr, service: str, port: str, asked: object, duration_s: float, reason: str
) -> dict[str, object]:
    """The facts of a connection that never was relayed: its target was not reached, or is a command."""
    return {
        **_ends(peer, service, port, asked),
        "target": None,
        "target_family": target_family(None),
        "bytes_up": None,
        "bytes_down": None,
        "duration_s": round(max(duration_s, 0.0), 6),
        "reason": reason,
    }


def _ends(peer: SockAddr, service: str, port: str, asked: object) -> dict[str, object]:
    family = CLIENTS[":" in client_of(peer)]
    return {"service": service, "port": port, "client": shown(peer), "client_family": family, "asked": str(asked)}


def _json(moment: str, event: str, facts: Mapping[str, object]) -> str:
    return json.dumps({"time": moment, "event": event, **facts}, ensure_ascii=False) + "\n"


def _text(moment: str, event: str, facts: Mapping[str, object]) -> str:
    return f"{moment} {event} {' '.join(f'{key}={_word(value)}' for key, value in facts.items())}\n"


def _word(value: object) -> str:
    text = "-" if value is None else str(value)
    return text if text.isprintable() and not any(c in ' "=' for c in text) and text else json.dumps(text)
