"""Every daemon that is known, by name, by its program and by its files."""

import importlib
import pkgutil
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache

from dualstack.core.suggestion import those_known
from dualstack.doctor import daemons
from dualstack.doctor.settings import Daemon
from dualstack.errors import ConfigError

__all__ = ["all_daemons", "daemon_named", "daemon_of_command", "daemons_of_file"]


@cache
def all_daemons() -> dict[str, Daemon]:
    """The daemons by name: every value of the class that a file of `doctor.daemons` exports."""
    found: dict[str, Daemon] = {}
    for module in sorted(each.name for each in pkgutil.iter_modules(daemons.__path__)):
        there = importlib.import_module(f"{daemons.__name__}.{module}")
        values = [getattr(there, name) for name in there.__all__]
        found |= {value.name: value for value in values if isinstance(value, Daemon)}
    return found


def daemon_named(name: str) -> Daemon:
    """The daemon of this name.

    Raises:
        ConfigError: there is none.
    """
    known = dict(all_daemons())
    known |= {alias: daemon for daemon in known.values() for alias in daemon.aliases}
    if name not in known:
        raise ConfigError("--as", name, f"no daemon is called that; there are {those_known(name, known)}")
    return known[name]


def daemon_of_command(argv: Sequence[str]) -> Daemon | None:
    """The daemon whose program a command line starts, be it by an interpreter."""
    for index, word in enumerate(argv[:4]):
        program = word.rpartition("/")[2]
        pair = f"{program} {argv[index + 1]}" if index + 1 < len(argv) else ""
        triple = f"{program} {argv[index + 1]} {argv[index + 2]}" if index + 2 < len(argv) else ""
        for each in all_daemons().values():
            if {program, pair, triple} & set(each.programs):
                return each
    return None


def _tails(daemon: Daemon, length: int) -> list[str]:
    """The last parts of the places of its files; `*.conf` without its directory is nobody's."""
    tails = ["/".join(file.split("/")[-length:]) for file in daemon.files]
    return [each for each in tails if each != "*.conf"]


def daemons_of_file(path: str) -> list[Daemon]:
    """Those whose main file is called so: by the whole path, else by the last two parts, else by the name."""
    parts = path.split("/")
    for length in (len(parts), 3, 2, 1):
        tail = "/".join(parts[-length:])
        found = [
            daemon
            for daemon in all_daemons().values()
            if any(fnmatchcase(tail, each) for each in _tails(daemon, length))
        ]
        if found:
            return found
    return []
