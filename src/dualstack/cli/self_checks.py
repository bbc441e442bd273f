"""The checks of `dualstack selftest`: each does a small piece of the real work on loopback, and says what it saw."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import product
from time import monotonic

import click

from dualstack import Address, bind_sockets, create_connection
from dualstack.cli.output import print_document, print_table
from dualstack.core.address.well_known import LOOPBACK
from dualstack.core.host.facts import HostFacts
from dualstack.core.oracle.case import Case, Sock, Step
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.systems import STACKS
from dualstack.errors import ExitCode
from dualstack.kernel.facts import read_facts
from dualstack.net.extras import missing_packages

__all__ = ["run_checks"]

_PATIENCE_S = 2.0
_PORTS = 3
_WILDCARDS = (
    Sock(4, Address("0.0.0.0")),
    Sock(6, Address("::"), v6only=False),
    Sock(6, Address("::"), v6only=True),
)


class _FailedError(Exception):
    """What should have been otherwise."""


class _LeftOutError(Exception):
    """Why it cannot be tried here."""


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of a check; `passed` is None where it was left out."""

    check: str
    passed: bool | None
    said: str
    elapsed_s: float


_WORDS = {True: "works", False: "FAILS", None: "left out"}


def run_checks(*, as_json: bool) -> ExitCode:
    """Run all, print a line for each; whether none failed."""
    facts = read_facts()
    results = [_tried(name, check, facts) for name, check in _CHECKS.items()]
    if as_json:
        print_document({"checks": [asdict(each) for each in results]})
    else:
        rows = [(each.check, _WORDS[each.passed], each.said) for each in results]
        print_table(("check", "", "what was seen"), rows)
    failed = [each.check for each in results if each.passed is False]
    if failed:
        click.echo(f"dualstack: {', '.join(failed)}: see above; `dualstack doctor` says what this host lacks", err=True)
    return ExitCode.NO if failed else ExitCode.YES


def _tried(name: str, check: Callable[[HostFacts], str], facts: HostFacts) -> _Result:
    begun = monotonic()
    passed: bool | None = True
    try:
        said = check(facts)
    except _LeftOutError as why:
        passed, said = None, str(why)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what this looks for
        passed, said = False, str(error) if isinstance(error, _FailedError) else f"{type(error).__name__}: {error}"
    return _Result(name, passed, said, round(monotonic() - begun, 3))


def _addresses(_: HostFacts) -> str:
    mapped, plain = Address("::ffff:192.0.2.1"), Address("192.0.2.1")
    if mapped.canonical != plain:
        raise _FailedError(f"{mapped} is not seen as {plain}")
    return f"{mapped} is {plain}"


def _plan(facts: HostFacts) -> str:
    with ExitStack() as undo:
        listening = [undo.enter_context(each) for each in bind_sockets("*:0")]
        port = listening[0].getsockname()[1]
        families = [4, 6] if facts.ipv6 else [4]
        for family in families:
            undo.enter_context(create_connection((str(LOOPBACK[family]), port), timeout=_PATIENCE_S))
        sockets = f"{len(listening)} socket{'s' * (len(listening) != 1)}"
        return f"* is {sockets}; {' and '.join(f'IPv{family}' for family in families)} connect"


def _race(_: HostFacts) -> str:
    with _listener() as server, create_connection(("localhost", server), timeout=_PATIENCE_S) as sock:
        return f"localhost with an IPv4-only server is reached at {Address(sock.getpeername())}"


def _oracle(facts: HostFacts) -> str:
    if facts.system != "linux":
        raise _LeftOutError("measured on Linux alone; `dualstack explain --os` has the sources")
    from dualstack.kernel.trial.trial import Trial
    from dualstack.kernel.trial.verify import differences

    families = {4, 6} if facts.ipv6 else {4}
    to = tuple(Address(LOOPBACK[family]) for family in sorted(families))
    steps = tuple(Step(call, index) for index in (0, 1) for call in ("bind", "listen"))
    pairs = [pair for pair in product(_WILDCARDS, repeat=2) if {each.family for each in pair} <= families]
    for pair in pairs:
        case = Case(STACKS[facts.system], "tcp", pair, steps, to, bindv6only=facts.bindv6only, ipv6=facts.ipv6)
        # Somebody else may have one port; nobody has one after the other.
        said = [differences(case, predict(case), Trial({}).measure(case, port), {}) for port in _free_ports(_PORTS)]
        if all(said):
            raise _FailedError("; ".join(said[-1]))
    return f"{len(pairs)} pairs of wildcard sockets: the kernel does what is foretold"


def _gateway(facts: HostFacts) -> str:
    if lacking := missing_packages(["gateway"]):
        raise _LeftOutError(f"needs {', '.join(lacking)}, the extra dualstack[gateway]")
    if not facts.ipv6:
        raise _LeftOutError(f"IPv6 is off here: {facts.why_no_ipv6}")
    from dualstack.cli.demonstration import reached

    before, after = asyncio.run(reached())
    count = sum(box.reached for box in after)
    if count < len(after):
        raise _FailedError(f"{count} of {len(after)} reach their server through it")
    return f"{sum(box.reached for box in before)} of 4 reach their server directly, {count} of 4 through it"


_CHECKS: dict[str, Callable[[HostFacts], str]] = {
    "addresses": _addresses,
    "plan": _plan,
    "race": _race,
    "oracle": _oracle,
    "gateway": _gateway,
}


def _free_ports(count: int) -> list[int]:
    with ExitStack() as undo:
        return [undo.enter_context(_listener()) for _ in range(count)]


@contextmanager
def _listener() -> Iterator[int]:
    """The port of a server that has IPv4 alone, on the loopback."""
    with socket.create_server((str(LOOPBACK[4]), 0)) as server:
        yield server.getsockname()[1]
