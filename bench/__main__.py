"""`python -m bench`: our relay beside HAProxy, socat and 6tunnel on this machine, in one run.

Machines differ and this one is shared: what counts is a ratio of two figures taken one after the other. Every round
puts every load on every relay in turn; the table has the median of the rounds.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from bench.loads import IDLE, LOADS, TOOLS, Back, Load, backs, idle_bytes
from bench.processes import cpu_s
from bench.relays import DIRECT, ENGINE_ALONE, OURS, RELAYS, Relay, another, installed, of_another, started
from bench.report import Results, document, markdown, table

_IDLE_CONNECTIONS = 2000
_IDLE_CONNECTIONS_FORKED = 100


def main() -> int:
    """Measure, and print the table."""
    options = _options()
    if absent := [tool for tool in TOOLS if not shutil.which(tool)]:
        print(f"not installed: {', '.join(absent)}; they make the load (see scripts/system-packages)", file=sys.stderr)
        return 69
    relays, missing = installed()
    for name in missing:
        print(f"{name} is not installed: left out", file=sys.stderr)
    relays = [relay for relay in relays if relay.name in (options.relay or [relay.name])]
    if options.engine:
        relays.insert(0, ENGINE_ALONE)
    relays += [of_another(*also) for also in options.also]
    results = Results()
    with backs() as back:
        for number in range(options.rounds):
            for load in LOADS:
                if load.name in (options.load or [load.name]):
                    print(f"round {number + 1} of {options.rounds}: {load.title}", file=sys.stderr)
                    _round(results, relays if number % 2 == 0 else relays[::-1], load, back, options.seconds)
        if IDLE in (options.load or [IDLE]):
            print("idle connections", file=sys.stderr)
            _weigh(results, relays, back)
    if options.markdown:
        options.markdown.write_text(markdown(results))
    print(json.dumps(document(results), indent=1) if options.json else table(results))
    return 0


def _round(results: Results, relays: list[Relay], load: Load, back: Back, seconds: float) -> None:
    port = load.port(back)
    results.add(load.name, DIRECT, load.run("127.0.0.1", port, seconds))
    for relay in relays:
        with started(relay, port) as (front, pid):
            before = cpu_s(pid)
            figure = load.run("::1", front, seconds)
            spent = None if relay.forks else (cpu_s(pid) - before) / (figure * seconds)
            results.add(load.name, relay.name, figure, spent)


def _weigh(results: Results, relays: list[Relay], back: Back) -> None:
    for relay in relays:
        with started(relay, back.nginx) as (front, pid):
            many = _IDLE_CONNECTIONS_FORKED if relay.forks else _IDLE_CONNECTIONS
            results.add(IDLE, relay.name, idle_bytes("::1", front, pid, many) / 1000)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of a second each: a smoke test, no figures")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured (%(default)s)")
    parser.add_argument("--seconds", type=int, default=2, help="how long each load is put on (%(default)s)")
    parser.add_argument(
        "--load", action="append", choices=[*(load.name for load in LOADS), IDLE], help="only this load"
    )
    parser.add_argument("--relay", action="append", choices=[relay.name for relay in RELAYS], help="only this relay")
    parser.add_argument(
        "--also", type=another, action="append", default=[], metavar="NAME=PYTHON", help="our relay of another Python"
    )
    parser.add_argument("--engine", action="store_true", help=f"also the data plane without the rest of {OURS}")
    parser.add_argument("--json", action="store_true", help="all figures as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table with the machine's description")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1
    return options


if __name__ == "__main__":
    sys.exit(main())
