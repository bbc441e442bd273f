"""The names of this host's hosts file, read again when it changes."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from dualstack.core.address import Address
from dualstack.core.hosts_file import comes_first, parse_hosts

__all__ = ["HostsFile", "ParsedFile", "addresses_in_hosts_file"]

T = TypeVar("T")


class HostsFile:
    """What the hosts file says, where nsswitch.conf has it asked first.

    Args:
        hosts: its path.
        nsswitch: the path of nsswitch.conf.
    """

    def __init__(self, hosts: Path = Path("/etc/hosts"), nsswitch: Path = Path("/etc/nsswitch.conf")) -> None:
        self._names: ParsedFile[Mapping[str, tuple[Address, ...]]] = ParsedFile(hosts, parse_hosts)
        self._comes_first = ParsedFile(nsswitch, comes_first)

    def __call__(self, name: str) -> tuple[Address, ...]:
        """The addresses of a name; none where the file does not have it, or is not asked first."""
        return self.of(name) if self._comes_first() else ()

    def of(self, name: str) -> tuple[Address, ...]:
        """The addresses of a name, whatever nsswitch.conf says."""
        names = self._names()
        return () if names is None else names.get(name.lower().removesuffix("."), ())


class ParsedFile(Generic[T]):
    """What a file means, parsed once for each state of it; None where it cannot be read.

    Args:
        path: of the file.
        parse: reads its text.
    """

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        self._path = path
        self._parse = parse
        self._kept: tuple[tuple[int, ...], T | None] = ((), None)

    def __call__(self) -> T | None:
        """What it means now."""
        try:
            status = os.stat(self._path)  # noqa: PTH116 - Path.stat costs as much again
            state = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev)
            if self._kept[0] != state:
                text = self._path.read_text(encoding="utf-8", errors="replace")
                self._kept = state, self._parse(text)
        except OSError:
            return None
        return self._kept[1]


addresses_in_hosts_file = HostsFile()
