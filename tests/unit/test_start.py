"""What a program pays to begin, by what it imports: no clock is asked here (`bench.start` asks one)."""

import os
import subprocess
import sys

import pytest

from dualstack.cli import explain
from dualstack.core.simulation import figures


def loaded_by(code: str) -> set[str]:
    """What is imported by it that was not there before."""
    code = f"import sys\nbefore = {{*sys.modules}}\n{code}\nsys.stderr.write(' '.join({{*sys.modules}} - before))"
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-c", code]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, env=alone).stderr.split())


def ours(loaded: set[str]) -> set[str]:
    return {name.removeprefix("dualstack.") for name in loaded if name.startswith("dualstack.")}


# Each takes from one to ten milliseconds of its own.
HEAVY = {
    *("argparse", "ast", "asyncio", "concurrent.futures", "contextlib", "copy", "dataclasses", "dis", "email", "heapq"),
    *("importlib.metadata", "inspect", "ipaddress", "json", "logging", "pathlib", "queue", "re", "shutil", "ssl"),
    *("string", "subprocess", "tempfile", "tokenize", "traceback", "typing", "urllib.parse", "warnings"),
}
# What names, rules, other hosts and other ways to wait need; an address and this host need none of it.
OTHERS = {
    *("core.access", "core.address.embedded", "core.address.idna", "core.address.inet_aton", "core.address.sockaddr"),
    *("core.dial.hosts_file", "core.dial.lookup_shares", "core.dial.resolv_conf", "core.host", "core.oracle"),
    *("kernel.facts", "kernel.netlink", "net.dial.by_name", "net.names.getaddrinfo", "net.names.thread_pool"),
}
FIRST = """
import socket, dualstack
with socket.create_server(("127.0.0.1", 0)) as server:
    dualstack.create_connection(({host!r}, server.getsockname()[1])).close()
"""


@pytest.mark.parametrize(("host", "most"), [("127.0.0.1", 31), ("localhost", 44)])
def test_a_first_connection_imports_nothing_heavy_and_nothing_that_others_need(host: str, most: int) -> None:
    loaded = loaded_by(FIRST.format(host=host))
    # Python 3.13's own locks import `warnings`.
    assert loaded & HEAVY <= loaded_by("import threading")
    assert ours(loaded) & OTHERS == set()
    assert len(ours(loaded)) <= most


ALL_HELP = """
import contextlib, io, click
before |= {*sys.modules}
from dualstack.cli.main import VERBS, cli
for verb in VERBS:
    with contextlib.redirect_stdout(io.StringIO()):
        cli.main([verb, "--help"], prog_name="dualstack", standalone_mode=False)
"""
PROGRAMS = {
    "asyncio",
    "email",
    "h11",
    "jinja2",
    "logging",
    "msgspec",
    "pyroute2",
    "rich",
    "ssl",
    "starlette",
    "uvicorn",
}


def test_help_of_every_verb_imports_no_program() -> None:
    loaded = loaded_by(ALL_HELP)
    assert loaded & PROGRAMS == set()
    assert {
        name for name in ours(loaded) if name.startswith(("gateway.relay", "gateway.processes", "doctor", "check."))
    } == set()
    assert len(ours(loaded)) <= 80


def test_the_figures_that_help_names_are_those_that_there_are() -> None:
    assert tuple(figures.FIGURES) == explain.FIGURES
