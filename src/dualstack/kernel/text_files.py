"""TOML files as tables: what cannot be read, or is no TOML, is told with the file's name.

A file that is none is refused, not waited for: a FIFO would be opened when somebody writes to it, a device never end.
"""

import errno
import os
import stat
import sys
import tomllib
from pathlib import Path

from dualstack.errors import ConfigError, ExitCode

__all__ = ["STANDARD_INPUT", "as_utf8", "parse_table", "read_bytes", "read_text"]

STANDARD_INPUT = "-"
_MOST_BYTES = 16 << 20
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def read_text(path: str | Path) -> str:
    """The text of the file at `path`.

    Raises:
        ConfigError: it cannot be read, or is not UTF-8; exit code 77 where the right is missing.
    """
    return as_utf8(read_bytes(path), str(path))


def read_bytes(path: str | Path) -> bytes:
    """What the file at `path` holds; `-` is standard input.

    Raises:
        ConfigError: it cannot be read, is no file, or is too large; exit code 77 where the right is missing.
    """
    if path == STANDARD_INPUT:
        return _small(path, sys.stdin.buffer.read(_MOST_BYTES + 1))
    try:
        # What is opened is what was looked at, or else O_NONBLOCK keeps a FIFO from waiting (open(2)).
        _refuse_what_is_no_file(path, Path(path).stat().st_mode)
        with open(path, "rb", opener=_open_at_once) as file:
            _refuse_what_is_no_file(path, os.fstat(file.fileno()).st_mode)
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        code = ExitCode.NO_RIGHT if isinstance(error, PermissionError) else ExitCode.WRONG_VALUE
        why = f"cannot be read: {error.strerror}; name a file that can be"
        raise ConfigError(str(path), "", why, exit_code=code) from error
    return _small(path, content)


def _small(path: str | Path, content: bytes) -> bytes:
    if len(content) > _MOST_BYTES:
        why = f"is larger than {_MOST_BYTES >> 20} MiB, which no file of ours is; name the right one, or divide it"
        raise ConfigError(str(path), "", why)
    return content


def _refuse_what_is_no_file(path: str | Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "no file")
        raise ConfigError(str(path), "", f"cannot be read: it is {kind}; name a regular file")


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def as_utf8(content: bytes, where: str) -> str:
    """`content` as text, with the line ends of any system; `where` names the file in errors.

    Raises:
        ConfigError: it is not UTF-8.
    """
    try:
        return content.decode().replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError(where, "", f"is not UTF-8 (byte {error.start}); TOML files are") from error


def parse_table(text: str, where: str) -> dict[str, object]:
    """The table that `text` is; `where` names it in errors.

    Raises:
        ConfigError: it is no TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(where, "", f"not TOML: {error}") from error
