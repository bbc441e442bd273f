"""`python -m bench.addresses`: what runs for each connection, each rule or each line, on this machine.

Each figure is the best of some trials in processor time, so that who else is busy here counts little. Beside it stands
what the project aims at; nothing fails where it is missed.
"""

import argparse
import ipaddress
import json
import sys
import timeit
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from random import Random
from time import process_time

from bench.report import machine

from dualstack.core.access.access_list import AccessList
from dualstack.core.address.address import BITS, Address
from dualstack.core.oracle.case_json import case_document, prediction_document, read_case
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.sweep import Ground, random_cases
from dualstack.kernel.facts import ipv6_status

_PREFIXES = 100_000
_TEXTS = ("192.0.2.129", "2001:db8:1:2:3:4:5:6", "2001:db8::1")
_HOST = Ground({"da": 2, "db": 3}, frozenset(map(Address, ("127.0.0.1", "10.9.0.1", "::1", "fd00:9::1"))))


@dataclass(frozen=True)
class Figure:
    """What was measured, and what it should be at the most (or, where `at_least`, at the least)."""

    what: str
    figure: float
    unit: str
    aim: float
    at_least: bool = False

    def row(self) -> str:
        """For a table."""
        return f"| {self.what} | {self.figure:.3g} {self.unit} | {'≥' if self.at_least else '≤'} {self.aim:g} |"


def best_s(act: Callable[[], object], *, repeat: int, number: int = 1) -> float:
    """Seconds of one call."""
    return min(timeit.repeat(act, timer=process_time, number=number, repeat=repeat)) / number


def rules() -> Iterator[Figure]:
    """A long access list: how long it takes to load, and to ask."""
    chance = Random(1)  # noqa: S311 - no secret
    texts = [f"{chance.choice(('allow', 'deny'))} {_prefix(chance)}" for _ in range(_PREFIXES)]
    yield Figure(
        f"an access list of {_PREFIXES:,} prefixes is loaded", best_s(lambda: AccessList(texts), repeat=3), "s", 2
    )
    access = AccessList(texts)
    asked = [Address(_prefix(chance).partition("/")[0]) for _ in range(2000)]
    each = best_s(lambda: [access.check(address) for address in asked], repeat=20) / len(asked)
    yield Figure("and asked of an address", each * 1e6, "µs", 1)


def _prefix(chance: Random) -> str:
    version, shortest, longest = chance.choice(((4, 8, 32), (6, 20, 64)))
    length, bits = chance.randint(shortest, longest), BITS[version]
    value = chance.getrandbits(bits) if version == 4 else 0x2 << 124 | chance.getrandbits(125)
    return f"{Address.from_int(value >> bits - length << bits - length, version)}/{length}"


def parsing() -> Iterator[Figure]:
    """An address read, beside the standard library, each trial beside its own."""
    for text in _TEXTS:
        ratios = []
        for _ in range(10):
            theirs = best_s(lambda text=text: ipaddress.ip_address(text), number=1000, repeat=5)  # type: ignore[misc]
            ours = best_s(lambda text=text: Address(text), number=1000, repeat=5)  # type: ignore[misc]
            ratios.append(theirs / ours)
        yield Figure(f"`Address({text!r})` beside `ipaddress`", max(ratios), "times as fast", 3, at_least=True)


def lines() -> Iterator[Figure]:
    """Cases answered as `dualstack explain --batch` does."""
    cases = islice(random_cases(_HOST, Random(1)), 300)  # noqa: S311 - no secret
    asked = [json.dumps(case_document(case)) for case in cases]

    def answer() -> None:
        for line in asked:
            case = read_case(json.loads(line))
            json.dumps(prediction_document(case, predict(case)))

    taken = best_s(answer, repeat=10)
    yield Figure("lines of cases answered", len(asked) / taken, "a second", 3000, at_least=True)


def status() -> Iterator[Figure]:
    """What every start asks of the system."""
    yield Figure("`ipv6_status()`", best_s(ipv6_status, number=50, repeat=10) * 1e6, "µs", 500)


def main() -> None:
    """Measure, and print the table or the JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.addresses", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one document instead of the table")
    options = parser.parse_args()
    figures = [*parsing(), *rules(), *lines(), *status()]
    if options.json:
        json.dump({"machine": machine(), "figures": [asdict(each) for each in figures]}, sys.stdout, indent=1)
        print()
        return
    print("| what | measured | aim |\n|---|---|---|")
    print("\n".join(each.row() for each in figures))


if __name__ == "__main__":
    main()
