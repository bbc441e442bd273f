"""`python -m bench.start`: how long it takes to begin: each public name, a first connection, the help of each verb.

Each is a process of its own beside one of the standard library's that does the same, or beside `import click`. Machines
differ and this one is shared, so a round has every one of them in turn, forwards and backwards by turns, and a table
has the medians, in processor time, of what each round's process took and of what it took over its counterpart.
All is compiled before, as an installer leaves it.
"""

import argparse
import compileall
import json
import os
import platform
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import dualstack
from dualstack.cli.main import VERBS

PROMISED = {"a first connection": 25.0, "--help": 60.0}
"""Milliseconds over the counterpart, at most."""

# What the standard library has in the place of a module's names; `socket` where nothing stands here.
_COUNTERPARTS = {
    "core.address.address": "import ipaddress",
    "core.access.access_list": "import ipaddress",
    "net.dial.asyncio_calls": "import asyncio; asyncio.open_connection",
    "net.udp_server": "import asyncio",
    "net.launch": "import subprocess",
}
_SOCKET = "import socket"
_CONNECT = """
with socket.create_server(("127.0.0.1", 0)) as server:
    for host in {hosts}:
        {library}.create_connection((host, server.getsockname()[1])).close()
"""
_HOSTS = {"an address": ("127.0.0.1",), "localhost": ("localhost",), "both": ("127.0.0.1", "localhost")}


@dataclass(frozen=True)
class Beginning:
    """Something that begins, beside what it is compared with: the arguments of Python.

    Args:
        kind: what is promised of it; nothing is where it is no key of `PROMISED`.
        what: for the table.
        ours: does it.
        theirs: does it without us.
    """

    kind: str
    what: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]


def first_connections() -> list[Beginning]:
    """`create_connection`: the import, and a first connection made."""
    begun = [
        Beginning(
            "a first connection", "`create_connection`, looked up", _code(_name("create_connection")), _code(_SOCKET)
        )
    ]
    for what, hosts in _HOSTS.items():
        ours = f"import socket, dualstack{_CONNECT.format(library='dualstack', hosts=hosts)}"
        theirs = f"{_SOCKET}{_CONNECT.format(library='socket', hosts=hosts)}"
        begun.append(Beginning("a first connection", f"connected, to {what}", _code(ours), _code(theirs)))
    return begun


def names() -> list[Beginning]:
    """Each module of public names by the first of them, for the others cost the same."""
    homes = dualstack._HOMES.items()  # noqa: SLF001 - who else knows where a name lives
    return [
        Beginning(
            "a name",
            ", ".join(f"`{name}`" for name in own),
            _code(_name(own[0])),
            _code(_COUNTERPARTS.get(home, _SOCKET)),
        )
        for home, own in homes
    ]


def verbs() -> list[Beginning]:
    """`dualstack --help`, and that of each verb."""
    return [
        Beginning("--help", f"`dualstack {shown}`", ("-m", "dualstack", *shown.split()), _code("import click"))
        for shown in ("--help", *(f"{verb} --help" for verb in VERBS))
    ]


def _name(name: str) -> str:
    return f"import dualstack; dualstack.{name}"


def _code(code: str) -> tuple[str, ...]:
    return "-c", code


def spent_ms(arguments: tuple[str, ...]) -> float:
    """The processor time of a Python process, its beginning included."""
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return (usage.ru_utime + usage.ru_stime) * 1e3


@dataclass(frozen=True)
class Figure:
    """What was measured of one, of its counterpart, and of the one over the other: medians of the rounds."""

    kind: str
    what: str
    ms: float
    theirs_ms: float
    over_ms: float

    def row(self) -> str:
        """For a table."""
        most = f"{PROMISED[self.kind]:.0f}" if self.kind in PROMISED else "-"
        return f"| {self.what} | {self.ms:.0f} | {self.theirs_ms:.0f} | {self.over_ms:+.0f} | {most} |"


def measured(begun: list[Beginning], rounds: int) -> list[Figure]:
    """Each of them, `rounds` times, its counterpart before it or after it by turns."""
    found: dict[Beginning, list[tuple[float, float, float]]] = defaultdict(list)
    for number in range(rounds):
        for each in begun if number % 2 else begun[::-1]:
            pair = (each.ours, each.theirs) if number % 2 else (each.theirs, each.ours)
            spent = {arguments: spent_ms(arguments) for arguments in pair}
            ours, theirs = spent[each.ours], spent[each.theirs]
            found[each].append((ours, theirs, ours - theirs))
    return [Figure(each.kind, each.what, *map(median, zip(*found[each], strict=True))) for each in begun]


_TITLES = {
    "a first connection": "A first connection, beside `socket.create_connection`",
    "a name": "Each public name, beside the standard library's module for it",
    "--help": "Help, beside `import click`",
}


def report(figures: list[Figure]) -> str:
    """A table for each kind."""
    tables = []
    for kind, title in _TITLES.items():
        rows = [each.row() for each in figures if each.kind == kind]
        head = "| ms of processor time | in all | the other | over it | promised at most |\n|---|---|---|---|---|"
        tables.append("\n".join([f"## {title}\n", head, *rows]))
    return "\n\n".join(tables)


def _page(tables: str, rounds: int) -> str:
    return f"""# How long it takes to begin

`make bench-start` measures it on your machine; this page is what
`make bench-start ARGS='--markdown docs/reference/start-speed.md'` wrote on ours: medians of {rounds} alternated
rounds of processes, in processor time, on a machine whose two processors others use as well: `the other`, what the
counterpart took beside it, tells how fast they were just then.

{tables}

What a first connection does not need is imported when it is asked for: name servers, rules, translators, the pool of
threads. What it does need is made of classes that cost next to nothing to define (`core/quick_values.py`):
`dataclasses` would take 10 ms for its own imports and 0.4 to 0.8 ms for each class, `typing` 8 ms.
`tests/unit/test_start.py` holds it to that by the modules that are imported, without a clock.

- Python: {platform.python_version()}
- kernel: {platform.system()} {platform.release()}
"""


def main() -> None:
    """Measure, and print the tables or the JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="how often each is begun")
    parser.add_argument("--json", action="store_true", help="one document instead of the tables")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page, too")
    options = parser.parse_args()
    compileall.compile_dir(Path(dualstack.__file__).parent, quiet=1)
    figures = measured([*first_connections(), *names(), *verbs()], options.rounds)
    if options.json:
        json.dump({"version": 1, "figures": [asdict(each) for each in figures]}, sys.stdout, indent=1)
        print()
        return
    tables = report(figures)
    print(tables)
    if options.markdown:
        options.markdown.write_text(_page(tables, options.rounds))


if __name__ == "__main__":
    main()
