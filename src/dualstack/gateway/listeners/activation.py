"""Socket activation: the listening sockets that a service manager hands over (sd_listen_fds(3)).

LISTEN_FDS counts them from descriptor 3 on, LISTEN_PID names whom they are for, LISTEN_FDNAMES gives each a name. The
variables are taken out of the environment, whoever they are for: no child of ours must take them for its own. The
other way round, `replace_us` hands sockets to a program that takes this process over.
"""

import os
import re
import shutil
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from socket import socket
from typing import NoReturn

from dualstack.errors import ConfigError, ExitCode
from dualstack.kernel.inheritance import adopt, place_descriptors

__all__ = [
    "FIRST_DESCRIPTOR",
    "activated_argv",
    "activated_environment",
    "handed_sockets",
    "program_path",
    "replace_us",
]

FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START."""

# What systemd calls a socket that its unit gives no name (sd_listen_fds_with_names(3)).
_NAMELESS = frozenset({"unknown", "stored", "connection"})


def handed_sockets(environment: MutableMapping[str, str] | None = None) -> list[tuple[str, socket]]:
    """The sockets handed to this process, each with its name; none where it was started without.

    Raises:
        ConfigError: the variables contradict each other.
        ListenError: a descriptor is no socket that clients can come in by.
    """
    variables = os.environ if environment is None else environment
    meant, count, names = (variables.pop(key, "") for key in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if not count or meant != str(os.getpid()):
        return []
    if not count.isdecimal():
        raise ConfigError("LISTEN_FDS", "", f"{count!r}: expected how many sockets there are")
    named = names.split(":") if names else [""] * int(count)
    if len(named) != int(count):
        raise ConfigError("LISTEN_FDNAMES", "", f"{names!r} names {len(named)} sockets, and LISTEN_FDS has {count}")
    with ExitStack() as undo:
        handed = []
        for descriptor, name in enumerate(named, FIRST_DESCRIPTOR):
            known = "" if name in _NAMELESS else name
            handed.append((known, undo.enter_context(adopt(descriptor, known))))
        undo.pop_all()
    return handed


def program_path(program: str) -> str:
    """Where the program is.

    Raises:
        ConfigError: nowhere, or it may not be run.
    """
    found = shutil.which(program)
    if found is not None:
        return found
    if "/" in program and Path(program).is_file():
        raise ConfigError(program, "", "may not be run; make it executable", exit_code=ExitCode.NO_RIGHT)
    raise ConfigError(program, "", "there is no such program", exit_code=ExitCode.UNAVAILABLE)


def activated_argv(argv: Sequence[str], count: int) -> list[str]:
    """The words of a command with `{fd}`, `{fd1}`... as the numbers of `count` descriptors, `{fds}` as all of them.

    Raises:
        ConfigError: a word asks for one that there is not.
    """
    numbers = range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + count)

    def number(found: re.Match[str]) -> str:
        index = int(found[1] or 0)
        if index >= count:
            raise ConfigError(found[0], "", f"there are {count} sockets, the first is {{fd0}}")
        return str(numbers[index])

    filled = (re.sub(r"\{fd(\d*)\}", number, word) for word in argv)
    return [word.replace("{fds}", ",".join(map(str, numbers))) for word in filled]


def activated_environment(environment: Mapping[str, str], names: Sequence[str], program: str) -> dict[str, str]:
    """The variables for a program that takes sockets of these names from this process, which it becomes.

    nginx, which does not know LISTEN_FDS, takes the sockets of the nginx before it: their numbers are in NGINX.
    """
    numbers = range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + len(names))
    handed = {"LISTEN_FDS": str(len(names)), "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": ":".join(names)}
    if Path(program).name == "nginx":
        handed["NGINX"] = "".join(f"{number};" for number in numbers)
    return {**environment, **handed}


def replace_us(sockets: Sequence[socket], path: str, argv: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Become the program, with the sockets from descriptor 3 on, blocking as service managers hand them over.

    Raises:
        OSError: it cannot be run.
    """
    for sock in sockets:
        sock.setblocking(True)
    place_descriptors([sock.fileno() for sock in sockets], FIRST_DESCRIPTOR)
    os.execve(path, list(argv), environment)  # noqa: S606 - what the user asked for, word by word
