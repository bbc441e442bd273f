"""The gateway's log on standard error: an event and its facts a line, as text or as JSON.

Lines are written by a thread (`gateway.counters.line_writer`): nobody waits for whoever reads them, or does not. What
libraries have to say comes in the same form, and the same of it not more often than a few times in ten seconds.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from io import UnsupportedOperation
from pathlib import PurePath
from time import monotonic
from traceback import extract_tb
from typing import TextIO

from dualstack.core.spate import Spate
from dualstack.errors import ConfigError
from dualstack.gateway.counters.access_log import AccessLog
from dualstack.gateway.counters.line_writer import LineWriter

__all__ = ["Log", "open_log"]

_OURS = "dualstack"
_LIBRARIES = ("asyncio", "uvicorn", "concurrent.futures")
_EVENT_OF_LIBRARIES = "internal"


class Log:
    """Writes events: `log.info("refused", service="imap", peer="192.0.2.1")`.

    `access` has a line for each connection, where that is wanted; `form` and `quiet` are as they were asked for;
    `writer` is what writes its lines, None where they go to no descriptor.
    """

    access: AccessLog | None = None
    form = "text"
    quiet = False
    writer: LineWriter | None = None

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger(_OURS)

    def info(self, event: str, **facts: object) -> None:
        """What happened, as it should."""
        self._logger.info(event, extra={"facts": facts})

    def warning(self, event: str, **facts: object) -> None:
        """What somebody should look at."""
        self._logger.warning(event, extra={"facts": facts})

    def error(self, event: str, **facts: object) -> None:
        """What failed."""
        self._logger.error(event, extra={"facts": facts})

    @property
    def lost(self) -> dict[str, int]:
        """How many lines were lost, by log."""
        return {
            "events": 0 if self.writer is None else self.writer.lost,
            "connections": 0 if self.access is None else self.access.lost,
        }

    def open_access(self, path: str) -> None:
        """Write a line for each connection to the file at `path`, or `-`, in the form of this log.

        Raises:
            ConfigError: the file cannot be opened.
        """
        self.access = AccessLog(path, self.form, standard_error=self.writer)

    def reopen_access(self) -> None:
        """Go on in the file that is at the access log's path now; one that cannot be opened changes nothing."""
        try:
            if self.access is not None:
                self.access.reopen()
        except ConfigError as error:
            self.error("access log", why=str(error), running="the file before")

    def flush(self) -> None:
        """Wait, not for long, until what was said is written."""
        if self.writer is not None:
            self.writer.flush()

    def close(self) -> None:
        """Write what waits, as far as somebody reads it."""
        if self.access is not None:
            self.access.close()
        if self.writer is not None:
            self.writer.close()


def open_log(form: str = "text", *, quiet: bool = False) -> Log:
    """The log in `form`, `text` or `json`; `quiet` leaves warnings and errors."""
    formatter = _JsonLines() if form == "json" else _Text()
    writer = _writer_to(sys.stderr, formatter)
    handler = logging.StreamHandler(sys.stderr) if writer is None else _Lines(writer)
    handler.setFormatter(formatter)
    handler.addFilter(_Seldom())
    for name in (_OURS, *_LIBRARIES):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING if quiet or name != _OURS else logging.INFO)
    logging.getLogger(_OURS).propagate = False
    log = Log()
    log.form, log.quiet, log.writer = form, quiet, writer
    return log


def _writer_to(stream: TextIO, formatter: logging.Formatter) -> LineWriter | None:
    """What writes to the stream's descriptor; None where it has none, and is in memory."""

    def lost_line(count: int) -> bytes:
        record = logging.LogRecord(_OURS, logging.WARNING, "", 0, "log lines lost", None, None)
        record.facts = {"lines": count, "why": "nobody read them, or the disk was full"}
        return _line(formatter, record)

    try:
        return LineWriter(stream.fileno(), lost_line)
    except (UnsupportedOperation, OSError, ValueError, AttributeError):
        return None


def _line(formatter: logging.Formatter, record: logging.LogRecord) -> bytes:
    return f"{formatter.format(record)}\n".encode(errors="backslashreplace")


class _Lines(logging.Handler):
    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        self._writer.put(_line(self.formatter or _Text(), record))


class _Seldom(logging.Filter):
    """What a library says again and again is said a few times."""

    def __init__(self) -> None:
        super().__init__()
        self._spate = Spate(first=3)
        self._silent: dict[object, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] == _OURS:
            return True
        now = monotonic()
        self._silent.update(self._spate.over(now))
        kind = record.name, str(record.msg).partition("\n")[0]
        if not self._spate.is_said(kind, now):
            return False
        record.more = self._silent.pop(kind, 0)
        return True


def _facts(record: logging.LogRecord) -> dict[str, object]:
    facts = dict(getattr(record, "facts", {}))
    if _is_librarys(record):
        facts |= {"of": record.name, "what": "; ".join(record.getMessage().splitlines())}
        if more := getattr(record, "more", 0):
            facts["more"] = more
    if record.exc_info and record.exc_info[1] is not None:
        if _is_librarys(record) and (frames := extract_tb(record.exc_info[2])):
            facts["at"] = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}"
        facts["exception"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
    return facts


def _is_librarys(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] != _OURS


def _event(record: logging.LogRecord) -> str:
    return _EVENT_OF_LIBRARIES if _is_librarys(record) else record.getMessage()


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{key}={_word(value)}" for key, value in _facts(record).items())
        return f"{_time(record)} {record.levelname.lower()} {_event(record)} {facts}".rstrip()


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        head = {"time": _time(record), "level": record.levelname.lower(), "event": _event(record)}
        return json.dumps({**head, **_facts(record)}, default=str, ensure_ascii=False)


def _word(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c.isspace() or c in '"=' for c in text) else text
