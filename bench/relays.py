"""Who is measured: how each relay is started between an IPv6 port in front and an IPv4 port behind."""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.processes import free_port, running

__all__ = [
    "DIRECT",
    "ENGINE_ALONE",
    "OURS",
    "REFERENCE",
    "REFERENCE_OF_TWO",
    "RELAYS",
    "Relay",
    "another",
    "installed",
    "of_another",
    "reference_of",
    "started",
    "version",
]

DIRECT = "direct"
OURS = "dualstack"
REFERENCE = "HAProxy, 1 thread"
REFERENCE_OF_TWO = "HAProxy, 2 threads"


@dataclass(frozen=True)
class Relay:
    """A program under test.

    Args:
        name: as the table has it.
        program: what must be installed.
        command: from the two ports and a directory for files.
        version: the command that tells its version.
        forks: whether each connection is a process: fewer are opened to weigh one.
        reference: whom it is compared with.
        tuned: what it was told beside its defaults, for its own good.
    """

    name: str
    program: str
    command: Callable[[int, int, Path], list[str]]
    version: tuple[str, ...]
    forks: bool = False
    reference: str = REFERENCE
    tuned: str = ""


def _ours(front: int, back: int, _: Path, python: str = sys.executable) -> list[str]:
    return [python, "-m", "dualstack", "relay", f"[::1]:{front}", f"127.0.0.1:{back}"]


def _ours_twice(front: int, back: int, files: Path) -> list[str]:
    return [*_ours(front, back, files), "--workers", "2"]


def _engine_alone(front: int, back: int, _: Path) -> list[str]:
    return [sys.executable, "-m", "bench.driver", str(front), str(back)]


def _haproxy(front: int, back: int, files: Path, threads: int = 1) -> list[str]:
    path = files / "haproxy.cfg"
    path.write_text(f"""\
global
    nbthread {threads}
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    option splice-request
    option splice-response
listen relay
    bind [::1]:{front} backlog 4096
    server back 127.0.0.1:{back}
""")
    return ["haproxy", "-db", "-q", "-f", str(path)]


def _haproxy_twice(front: int, back: int, files: Path) -> list[str]:
    return _haproxy(front, back, files, threads=2)


def _socat(front: int, back: int, _: Path) -> list[str]:
    listen = f"TCP6-LISTEN:{front},bind=[::1],fork,reuseaddr,backlog=4096,nodelay"
    return ["socat", listen, f"TCP4:127.0.0.1:{back},nodelay"]


def _six_tunnel(front: int, back: int, _: Path) -> list[str]:
    return ["6tunnel", "-4", "-6", "-d", "-l", "::1", str(front), "127.0.0.1", str(back)]


# `option splice-auto` takes none of these connections up. One that is spliced has a pipe's descriptors besides, so
# maxconn is no more than this.
_SPLICED = "option splice-request, option splice-response, backlog 4096, maxconn 4000"

RELAYS = (
    Relay(OURS, sys.executable, _ours, (sys.executable, "-m", "dualstack", "--version")),
    Relay(REFERENCE, "haproxy", _haproxy, ("haproxy", "-v"), tuned=_SPLICED),
    Relay(
        "dualstack, 2 workers",
        sys.executable,
        _ours_twice,
        (sys.executable, "-m", "dualstack", "--version"),
        reference=REFERENCE_OF_TWO,
    ),
    Relay(REFERENCE_OF_TWO, "haproxy", _haproxy_twice, ("haproxy", "-v"), tuned=_SPLICED),
    Relay("socat", "socat", _socat, ("socat", "-V"), forks=True, tuned="nodelay on both sides, backlog=4096"),
    Relay("6tunnel", "6tunnel", _six_tunnel, ("dpkg-query", "--show", "6tunnel"), forks=True),
)


ENGINE_ALONE = Relay("engine alone", sys.executable, _engine_alone, (sys.executable, "--version"))


def reference_of(name: str) -> str:
    """Whom the relay of this name is compared with; another state of ours with this one."""
    return next((relay.reference for relay in (*RELAYS, ENGINE_ALONE) if relay.name == name), OURS)


def another(text: str) -> tuple[str, str]:
    """The value of `--also`: a name, and the Python of another environment that has dualstack, an earlier one say."""
    name, _, python = text.partition("=")
    if not name or not shutil.which(python):
        raise ArgumentTypeError(f"{text!r}: NAME=PYTHON, the Python of an environment that has dualstack")
    return name, python


def of_another(name: str, python: str) -> Relay:
    """Our relay of another environment."""
    return Relay(name, python, partial(_ours, python=python), (python, "-m", "dualstack", "--version"))


def installed() -> tuple[list[Relay], list[str]]:
    """The relays that are here, and the names of those that are not."""
    here = [relay for relay in RELAYS if shutil.which(relay.program)]
    return here, [relay.name for relay in RELAYS if relay not in here]


@contextlib.contextmanager
def started(relay: Relay, back: int) -> Iterator[tuple[int, int]]:
    """Run a relay in front of port `back`; yields its port and its process id."""
    front = free_port(socket.AF_INET6, "::1")
    with tempfile.TemporaryDirectory() as files:
        command = relay.command(front, back, Path(files))
        with running(command, front) as pid:
            yield front, pid


def version(command: tuple[str, ...]) -> str:
    """The first line in which a program says which it is."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    lines = [line.strip() for line in (result.stdout + result.stderr).splitlines()]
    return next((line for line in lines if any(mark.isdigit() for mark in line)), "unknown")
