"""TOML files as tables: what cannot be read, or is no TOML, is told with the file's name."""

import tomllib
from pathlib import Path

from dualstack.errors import ConfigError, ExitCode

__all__ = ["as_utf8", "parse_table", "read_bytes", "read_text"]


def read_text(path: str | Path) -> str:
    """The text of the file at `path`.

    Raises:
        ConfigError: it cannot be read, or is not UTF-8; exit code 77 where the right is missing.
    """
    return as_utf8(read_bytes(path), str(path))


def read_bytes(path: str | Path) -> bytes:
    """What the file at `path` holds.

    Raises:
        ConfigError: it cannot be read; exit code 77 where the right is missing.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        code = ExitCode.NO_RIGHT if isinstance(error, PermissionError) else ExitCode.WRONG_VALUE
        why = f"cannot be read: {error.strerror}; name a file that can be"
        raise ConfigError(str(path), "", why, exit_code=code) from error


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
