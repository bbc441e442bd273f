"""Reads the gateway's file, whichever of the two kinds it is: its own TOML, or Domino's notes.ini (D9).

What a notes.ini means is decided in `core.domino.meaning`; which kind a file is, in `core.domino.notes_ini`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dualstack.core.address.endpoint import parse_port
from dualstack.core.domino.meaning import Domino, Given, domino
from dualstack.core.domino.notes_ini import NotesIni, is_notes_ini
from dualstack.core.planning.configuration import Configuration
from dualstack.errors import AddressError, ConfigError
from dualstack.gateway.config.target_text import parse_target_text
from dualstack.gateway.config.toml import parse
from dualstack.kernel.text_files import as_utf8, read_bytes
from dualstack.net.names.services import service_port

__all__ = ["GatewayFile", "given_options", "load_domino", "load_either", "load_to_run"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GatewayFile:
    """A file that was read; `domino` is what it says where it is Domino's."""

    configuration: Configuration
    domino: Domino | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of it."""
        return () if self.domino is None else self.domino.notes

    @property
    def all_notes(self) -> tuple[str, ...]:
        """What `--check` says of it besides the plan: the settings that were not read, too."""
        not_read = () if self.domino is None else self.domino.not_read
        unread = ", ".join(f"{setting.key} (line {setting.number})" for setting in not_read)
        return (*self.notes, *([f"not read: {unread}"] if unread else []))


def load_either(path: str | Path, given: Given) -> GatewayFile:
    """Read and check the file at `path`.

    Raises:
        ConfigError: it cannot be read, something in it is wrong, or something is given that only Domino's file lacks.
    """
    content, where = read_bytes(path), str(path)
    text = _text(content)
    if is_notes_ini(where, text):
        read = domino(NotesIni.parse(text), given, where)
        return GatewayFile(read.configuration, read)
    if given:
        raise ConfigError(where, "", "has its own targets; --to, --number and --without go with Domino's notes.ini")
    return GatewayFile(parse(as_utf8(content, where), where))


def load_to_run(path: str | Path, given: Given) -> GatewayFile:
    """The same, and each service has its target.

    Raises:
        ConfigError: as `load_either` says, or a service has none.
    """
    file = load_either(path, given)
    if file.domino is not None:
        file.domino.check_targets()
    return file


def load_domino(path: str | Path, given: Given) -> Domino:
    """Read and check the notes.ini at `path`.

    Raises:
        ConfigError: as `load_either` says, or it is no notes.ini.
    """
    read = load_either(path, given).domino
    if read is None:
        raise ConfigError(str(path), "", "is TOML already; --to-toml takes Domino's notes.ini")
    return read


def given_options(to: Iterable[str], number: Iterable[str], without: Iterable[str]) -> Given:
    """What the options `--to SERVICE=TARGET`, `--number SERVICE=PORT` and `--without SERVICE` give; later ones win.

    Raises:
        ConfigError: one is none of these.
    """
    targets = dict(_read("--to", text, parse_target_text) for text in to)
    numbers = dict(_read("--number", text, _port_number) for text in number)
    return Given(targets, numbers, frozenset(name.casefold() for name in without))


def _read(option: str, text: str, read: Callable[[str], T]) -> tuple[str, T]:
    """`SERVICE=VALUE` with the value as `read` has it."""
    name, _, value = text.partition("=")
    if not name or not value:
        raise ConfigError("", option, f"{text!r}: expected SERVICE=VALUE, such as smtp=127.0.0.1:2525 or smtp=1025")
    try:
        return name.casefold(), read(value)
    except AddressError as error:
        raise ConfigError("", option, str(error)) from error


def _port_number(text: str) -> int:
    return parse_port(text, service=service_port)


def _text(content: bytes) -> str:
    """Domino writes the character set of its system; all that bears on sockets is ASCII in each of them."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
