"""The gateway's log on standard error: an event and its facts a line, as text or as JSON."""

import json
import logging
import sys
from datetime import UTC, datetime

from dualstack.errors import ConfigError
from dualstack.gateway.watch.access_log import AccessLog

__all__ = ["Log", "open_log"]


class Log:
    """Writes events: `log.info("refused", service="imap", peer="192.0.2.1")`.

    `access` has a line for each connection, where that is wanted; `form` and `quiet` are as they were asked for.
    """

    access: AccessLog | None = None
    form = "text"
    quiet = False

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def info(self, event: str, **facts: object) -> None:
        """What happened, as it should."""
        self._logger.info(event, extra={"facts": facts})

    def warning(self, event: str, **facts: object) -> None:
        """What somebody should look at."""
        self._logger.warning(event, extra={"facts": facts})

    def error(self, event: str, **facts: object) -> None:
        """What failed."""
        self._logger.error(event, extra={"facts": facts})

    def reopen_access(self) -> None:
        """Go on in the file that is at the access log's path now; one that cannot be opened changes nothing."""
        try:
            if self.access is not None:
                self.access.reopen()
        except ConfigError as error:
            self.error("access log", why=str(error), running="the file before")


def open_log(form: str = "text", *, quiet: bool = False) -> Log:
    """The log in `form`, `text` or `json`; `quiet` leaves warnings and errors."""
    logger = logging.getLogger("dualstack")
    logger.handlers.clear()
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(_JsonLines() if form == "json" else _Text())
    logger.addHandler(stream)
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    logger.propagate = False
    log = Log(logger)
    log.form, log.quiet = form, quiet
    return log


def _facts(record: logging.LogRecord) -> dict[str, object]:
    facts = dict(getattr(record, "facts", {}))
    if record.exc_info and record.exc_info[1] is not None:
        facts["exception"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
    return facts


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{key}={_word(value)}" for key, value in _facts(record).items())
        return f"{_time(record)} {record.levelname.lower()} {record.getMessage()} {facts}".rstrip()


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        head = {"time": _time(record), "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps({**head, **_facts(record)}, default=str, ensure_ascii=False)


def _word(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c.isspace() or c in '"=' for c in text) else text
