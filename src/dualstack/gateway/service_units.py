"""The units for systemd, with the path of the program that was asked for them.

A unit of the system runs as a user of its own (DynamicUser=), who may not enter anybody's home. So an installation in a
home (pipx, pip --user) has units that run as the owner of that home, and one in root's home has none.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dualstack.errors import ConfigError, ExitCode

__all__ = ["UNITS", "installed_program", "unit_text"]

# By what people call them.
UNITS = {
    "service": "dualstack.service",
    "socket": "dualstack.socket",
    "relay": "dualstack-relay@.service",
}
_PACKAGED = "/usr/bin/dualstack"
_ROOTS_HOME = Path("/root")
_HOMES = (Path("/home"), _ROOTS_HOME, Path("/run/user"))  # systemd.exec(5), ProtectHome=


def unit_text(kind: str, program: str, *, homes: Sequence[Path] = _HOMES) -> str:
    """The unit, for the program at that path; `homes` are where users have theirs.

    Raises:
        ConfigError: no unit of the system could run it there.
    """
    from importlib.resources import files  # who only names the units does not pay for it

    text = files("dualstack.gateway").joinpath("units", UNITS[kind]).read_text(encoding="utf-8")
    text = text.replace(_PACKAGED, program)
    if kind == "socket" or not _homes_of(program, homes):
        return text
    if _ROOTS_HOME in _homes_of(program, homes):
        why = (
            "is in root's home, or its Python is, where no unit's user may go; install it for all: "
            "pipx install --global, or python3 -m venv /opt/dualstack and its bin/pip"
        )
        raise ConfigError(program, "", why, exit_code=ExitCode.UNAVAILABLE)
    owner = Path(program).owner()
    return (
        text.replace("# Instead of `user` in the file: nobody ever is root.\n", "")
        .replace("DynamicUser=yes\n", f"# It is installed in a home, and runs as its owner.\nUser={owner}\n")
        .replace("ProtectHome=yes\n", "ProtectHome=read-only\n")
    )


def installed_program() -> str:
    """The path of the `dualstack` that runs: where its environment has it, and not the link that a shell found.

    Raises:
        ConfigError: there is none, as where the package is run from its source.
    """
    beside = shutil.which("dualstack", path=os.pathsep.join((str(Path(sys.executable).parent), *_scripts())))
    if beside is None:
        why = "no such program beside this Python; install dualstack, by pip or pipx, and ask that"
        raise ConfigError("dualstack", "", why, exit_code=ExitCode.UNAVAILABLE)
    return str(Path(beside).absolute())


def _scripts() -> list[str]:
    import sysconfig

    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    return [sysconfig.get_path("scripts", scheme) for scheme in schemes]


def _homes_of(program: str, homes: Sequence[Path]) -> set[Path]:
    """The homes that the program, what it links to, or the Python behind that lies in."""
    paths = [Path(program), Path(program).resolve()]
    with suppress(OSError), Path(program).open("rb") as script:
        line = script.readline()
        if line.startswith(b"#!"):
            paths.append(Path(os.fsdecode(line[2:].split()[0])).resolve())
    return {home for home in homes for path in paths if home in path.parents}
