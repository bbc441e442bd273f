"""Which packages the optional parts need, and the command that brings what is missing to where this program runs.

The command names the packages themselves, not `dualstack[EXTRA]`: so it is right wherever dualstack came from, be it a
path, a wheel, an editable checkout or an index.
"""

import importlib.util
import sys
from collections.abc import Iterable

from dualstack.errors import NotInstalled

__all__ = ["PACKAGES", "install_command", "missing_packages", "need", "need_of"]

# Extra: module to package, as pyproject.toml has them.
PACKAGES = {
    "cli": {"click": "click", "rich": "rich"},
    "gateway": {
        "h11": "h11",
        "jinja2": "jinja2",
        "msgspec": "msgspec",
        "prometheus_client": "prometheus-client",
        "starlette": "starlette",
        "uvicorn": "uvicorn",
    },
    "dns": {"dns": "dnspython"},
    "doctor": {"yaml": "pyyaml"},
    "lab": {"pyroute2": "pyroute2"},
    "trio": {"trio": "trio"},
}


def need(what: str, *extras: str) -> None:
    """Do nothing where all of these extras are installed.

    Raises:
        NotInstalled: `what` lacks packages of them; it says how to install those.
    """
    if lacking := missing_packages(extras):
        raise NotInstalled(what, lacking, install_command(lacking))


def missing_packages(extras: Iterable[str]) -> list[str]:
    """The packages of these extras that cannot be imported."""
    return [
        package
        for extra in extras
        for module, package in PACKAGES[extra].items()
        if importlib.util.find_spec(module) is None
    ]


def need_of(module: str) -> NotInstalled | None:
    """What to say of a module that could not be imported, with all that its extra lacks; None where it is of none."""
    top = module.partition(".")[0]
    for extra, modules in PACKAGES.items():
        if top in modules:
            lacking = missing_packages([extra]) or [modules[top]]
            return NotInstalled("this", lacking, install_command(lacking))
    return None


def install_command(packages: Iterable[str]) -> str:
    """What a user types, here, to have these packages."""
    import shlex  # who lacks nothing does not pay for it
    from pathlib import Path

    wanted = [_requirement(package) for package in packages]
    if (Path(sys.prefix) / "pipx_metadata.json").exists():
        return shlex.join(["pipx", "inject", Path(sys.prefix).name, *wanted])
    if importlib.util.find_spec("pip") is None:  # uv makes environments without it
        return shlex.join(["uv", "pip", "install", "--python", sys.executable, *wanted])
    return shlex.join([sys.executable, "-m", "pip", "install", *wanted])


def _requirement(package: str) -> str:
    """The package with the version that our own metadata asks for; alone, where we run without any."""
    import re
    from importlib.metadata import PackageNotFoundError, requires  # it takes longer than the rest of a command's start

    try:
        required = requires("dualstack") or ()
    except PackageNotFoundError:
        return package
    for line in required:
        name = re.match(r"[\w.-]+", line)
        if name is not None and name[0].lower() == package:
            return line.partition(";")[0].strip()
    return package
