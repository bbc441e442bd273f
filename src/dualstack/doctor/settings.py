"""What the reader of a daemon is given: its files, its command line, its version, and the host it is imagined on."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TypeVar

from dualstack.doctor.access.access_list import AccessList
from dualstack.doctor.assumed_host import AssumedHost
from dualstack.doctor.formats.command_line import Arguments, arguments
from dualstack.doctor.listening import Habits, Listen, NotUnderstood, Place
from dualstack.doctor.tree import Document, Tree, Trouble

__all__ = ["Daemon", "Example", "Settings", "version_of"]

T = TypeVar("T")

_DEEPEST = 16


@dataclass(slots=True)
class Settings:
    """One daemon's settings.

    Args:
        tree: where its files are.
        host: the host that it is imagined on.
        path: the main file; empty where it has none.
        version: its version as numbers; empty where nobody said it, which stands for the newest.
        argv: its command line.
        environ: its environment.
        is_blind: its files may be there and are not looked at, so that none is no default.
    """

    tree: Tree
    host: AssumedHost
    path: str = ""
    version: tuple[int, ...] = ()
    argv: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    is_blind: bool = False
    seen: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    @property
    def directory(self) -> str:
        """Where the main file is."""
        return str(PurePosixPath(self.path).parent)

    def before(self, *version: int) -> bool:
        """Whether the daemon is older than `version`."""
        return bool(self.version) and self.version < version

    def options(self, *takes: str, is_go: bool = False) -> Arguments:
        """The options of the command line; `takes` are those that take a value."""
        return arguments(self.argv, takes, is_go=is_go)

    def main(self) -> Document:
        """The main file; empty where there is none, for a daemon then has its defaults.

        Raises:
            NotUnderstood: it is there and cannot be read, or was not named.
        """
        if not self.path and self.is_blind:
            raise NotUnderstood("its settings are in a file, which is not named: give FILE or --root")
        if not self.path:
            return Document("", "")
        return self.document(self.path)

    def document(self, path: str, place: Place | None = None) -> Document:
        """A file.

        Raises:
            NotUnderstood: it cannot be read.
        """
        try:
            found = self.tree.read(path)
        except Trouble as trouble:
            raise NotUnderstood(str(trouble), place or Place(path, 1)) from None
        if path not in self.seen:
            self.seen.append(path)
        return found

    def optional(self, path: str) -> Document | None:
        """A file that need not be there."""
        return self.document(path) if path and self.tree.has(path) else None

    def beside(self, name: str) -> str:
        """The path of a file in the directory of the main one."""
        return str(PurePosixPath(self.directory, name))

    def included(
        self, pattern: str, place: Place, read: Callable[[Document], Iterable[T]], *, base: str = ""
    ) -> list[T]:
        """What `read` makes of each file that a pattern names, files that are not there left out.

        Args:
            pattern: a path, or a pattern of the shell.
            place: where it is included.
            read: reads one file.
            base: the directory that relative paths are of; the main file's by default.

        Raises:
            NotUnderstood: the files include one another in a loop, or one cannot be read.
        """
        full = str(PurePosixPath(base or self.directory, pattern))
        found: list[T] = []
        for path in self.tree.matches(full):
            if path in self._open or len(self._open) > _DEEPEST:
                raise NotUnderstood(f"{path} includes itself", place)
            self._open.append(path)
            try:
                found += read(self.document(path, place))
            finally:
                self._open.pop()
        return found


@dataclass(frozen=True, slots=True)
class Example:
    """A setting for the reference page: its text, and the command line where it is given there."""

    text: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon as data.

    Args:
        name: how it is called.
        read: its settings to rows; raises `Refused` and `NotUnderstood`.
        habits: how it opens them, in general.
        programs: names of its program, by which a command line is known.
        files: where its main file is, on Debian, Fedora, Alpine and from source; a pattern where there are many.
        source: where what is said of it comes from.
        config_options: the options of its command that name the main file.
        examples: settings for the reference page.
        both: the setting that serves both families.
        aliases: other names for it.
        access: its own access lists; None where it has none, or they are not read yet.
        ports: its service, as `tcp/53`, where who reaches it is judged by all of these; else by those that it opens.
    """

    name: str
    read: Callable[[Settings], Sequence[Listen]]
    habits: Habits
    programs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    source: str = ""
    config_options: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    both: Example | None = None
    aliases: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    access: Callable[[Settings], Iterable[AccessList]] | None = None


def version_of(text: str) -> tuple[int, ...]:
    """The numbers of a version, without a package's epoch: `1:9.2p1-2+deb12u10` is (9, 2).

    >>> version_of("2:2.4-2+deb12u3")
    (2, 4)
    """
    match = re.match(r"(?:\d+:)?v?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in match[1].split(".")) if match else ()
