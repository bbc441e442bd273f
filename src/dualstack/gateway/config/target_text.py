"""Targets as people write them: which forms there are, and how each is read."""

import os
import shlex
import sys
from collections.abc import Callable, Mapping

from dualstack.core.address.endpoint import parse_target
from dualstack.core.address.idna import ascii_target
from dualstack.core.planning.targets import ExecTarget, Target, UnixTarget
from dualstack.errors import AddressError
from dualstack.net.names.services import service_port

__all__ = ["TARGET_FORMS", "checked_unix_path", "parse_target_text"]

# sun_path with its end: unix(7) has 108 bytes, the BSDs and macOS 104 (sys/un.h).
_UNIX_PATH_MAX = 107 if sys.platform == "linux" else 103


def parse_target_text(text: str) -> Target:
    """One of `TARGET_FORMS`; a command's words are split as a shell would.

    Raises:
        AddressError: none of them.
    """
    kind, colon, rest = text.partition(":")
    read = _READERS.get(kind + colon)
    return parse_target(ascii_target(text), service=service_port) if read is None else read(rest)


def _command(words: str) -> Target:
    text = f"exec:{words}"
    try:
        argv = tuple(shlex.split(words))
    except ValueError as error:
        raise AddressError(text, f"the command's words cannot be split: {error}") from error
    if not argv:
        raise AddressError(text, "names no command; write exec:COMMAND ARGUMENTS")
    return ExecTarget(argv)


def checked_unix_path(path: str) -> str:
    """`path`, where a Unix socket can be.

    Raises:
        AddressError: it is empty, has a NUL, or is longer than the system takes.
    """
    if not path or "\0" in path:
        raise AddressError(path, "names no socket; write the path of one")
    size = len(os.fsencode(path))
    if size > _UNIX_PATH_MAX:
        raise AddressError(path, f"the path of a Unix socket has at most {_UNIX_PATH_MAX} bytes, and this one {size}")
    return path


_READERS: Mapping[str, Callable[[str], Target]] = {
    "unix:": lambda path: UnixTarget(checked_unix_path(path)),
    "exec:": _command,
}

TARGET_FORMS = "host:port, unix:/path or exec:COMMAND"
"""For help and documents."""
