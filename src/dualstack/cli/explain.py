"""`dualstack explain`: what a system does with sockets, asked of the oracle or of the kernel (X3, N6, U3, U11)."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from dualstack.cli.choices import OneOf
from dualstack.cli.offers import FILE
from dualstack.cli.output import Seconds, json_option
from dualstack.core.oracle.systems import STACKS, stack_named
from dualstack.errors import ExitCode

if TYPE_CHECKING:
    from dualstack.core.explain.explain import Settings, SocketsOn

__all__ = ["FIGURES", "command"]

# Those of `core.simulation.figures`: who asks for help does not pay for the hosts that they are drawn from, nor below
# for what any other mode needs.
FIGURES = ("12.2", "12.3", "12.4", "12.5")


@click.command(
    epilog="""\b
Examples:
  dualstack explain '*:80'                               what this project opens, and who reaches it as whom
  dualstack explain '[::]:80' '0.0.0.0:80'               two sockets of a program, bound in this order
  dualstack explain '[::]:80' '0.0.0.0:80' --os freebsd
  dualstack explain 'tcp [::]:80 v6only=0 reuseaddr' '10.0.0.1:80 reuseport uid=1000'
  dualstack explain --config gateway.toml --os openbsd
  dualstack explain '[::]:80' '127.0.0.1:80' --live      beside what this kernel says
  dualstack explain --figure 12.5 --os openbsd            Stevens' figure, from hosts in memory
  dualstack explain --verify --seconds 30                hold all predictions against this kernel
  dualstack explain --batch < cases.jsonl                one JSON case a line, one answer a line
  dualstack explain --record > record.py                 a program that measures cases on any machine
  dualstack explain --compare mine.jsonl                 hold what it measured against the tables

\b
A socket: [tcp|udp] ADDRESS:PORT [v6only=0|1] [reuseaddr] [reuseport] [exclusive] [uid=N]

\b
Exit status: 0 all open, 1 one fails, or the kernel or a record disagrees, or a line of a batch is wrong, 69 no
namespaces here, 78 a text that is no socket, a record that is none.
"""
)
@click.argument("sockets", nargs=-1, metavar="SOCKET...")
@click.option("--os", "system", type=OneOf(list(STACKS)), help="The system; this one by default.")
@click.option("--bindv6only", is_flag=True, help="With net.ipv6.bindv6only = 1, whatever it is here.")
@click.option("--no-ipv6", is_flag=True, help="With IPv6 off.")
@click.option("--config", "path", type=FILE, help="The sockets of a gateway's TOML, or a notes.ini.")
@click.option("--live", is_flag=True, help="Ask this kernel too, in a network namespace of its own.")
@click.option("--batch", is_flag=True, help="Read cases as lines of JSON, and answer each with one.")
@click.option("--verify", "verifying", is_flag=True, help="Hold the oracle against this kernel.")
@click.option("--seconds", type=Seconds(min=0, min_open=True), help="With --verify: how long.  [default: 30]")
@click.option("--all", "everything", is_flag=True, help="With --verify: every pair of sockets, however long it takes.")
@click.option("--seed", type=click.IntRange(min=0), default=1, help="With --verify: another order and random cases.")
@click.option("--figure", "number", type=OneOf(FIGURES), help="Draw a figure of Stevens' for a system.")
@click.option("--svg", type=FILE, help="Write the picture, or the figure, as SVG too.")
@click.option("--systems", is_flag=True, help="Print what is known of each system, as Markdown.")
@click.option("--record", "recording", is_flag=True, help="Print a program that measures cases on any machine.")
@click.option("--compare", "record", type=FILE, help="Hold what that program wrote against the tables.")
@json_option()
def command(**options: object) -> ExitCode:
    """Say what a system does with sockets: which bind fails, who receives, as whom a peer appears, and why."""
    mode = _mode({name for name, value in options.items() if value not in {None, False, ()}})
    return mode.answer(**{name: options[name] for name in mode.takes})


class _Shown(TypedDict):
    """What SOCKET... and --config take alike: on which system, and how the answer is shown."""

    system: str | None
    bindv6only: bool
    no_ipv6: bool
    live: bool
    svg: str | None
    as_json: bool


def _sockets(*, sockets: Sequence[str], **shown: Unpack[_Shown]) -> ExitCode:
    from dualstack.core.explain.socket_text import sockets_on
    from dualstack.net.names.services import service_port

    return _explain(lambda stack: sockets_on(stack, sockets, service_port), **shown)


def _config(*, path: str, **shown: Unpack[_Shown]) -> ExitCode:
    from dualstack.core.domino.meaning import Given
    from dualstack.gateway.config.check import planned_sockets
    from dualstack.gateway.config.notes_ini import load_either

    return _explain(planned_sockets(load_either(path, Given()).configuration), **shown)


def _batch(*, live: bool) -> ExitCode:
    from dualstack.cli.batch import answer_lines, predicted

    if not live:
        return answer_lines(sys.stdin.buffer, predicted)
    from dualstack.cli.live import beside_the_kernel

    return answer_lines(sys.stdin.buffer, beside_the_kernel)


def _verify(*, seconds: float | None, everything: bool, seed: int, as_json: bool) -> ExitCode:
    from dualstack.cli.verify import verify

    return verify(seconds=None if everything else seconds or 30.0, seed=seed, as_json=as_json)


def _figure(*, number: str, system: str | None, svg: str | None, as_json: bool) -> ExitCode:
    from dualstack.cli.figure import draw
    from dualstack.kernel.facts import system_name

    return draw(number, stack_named(system or system_name()), svg=svg, as_json=as_json)


def _record() -> ExitCode:
    from dualstack.cli.compare import print_recorder

    return print_recorder()


def _compare(*, record: str, as_json: bool) -> ExitCode:
    from dualstack.cli.compare import compare_record

    return compare_record(record, as_json=as_json)


def _systems() -> ExitCode:
    from dualstack.core.explain.systems_page import systems_page

    click.echo(systems_page(), nl=False)
    return ExitCode.YES


@dataclass(frozen=True, slots=True)
class _Mode:
    """One thing that can be asked.

    Args:
        word: how a message calls it.
        option: the one that asks for it.
        takes: those that it is told; others change nothing, unless `_REFUSALS` has them.
        answer: is called with what it takes.
    """

    word: str
    option: str
    takes: frozenset[str]
    answer: Callable[..., ExitCode]


_MODES = (
    _Mode("SOCKET...", "sockets", frozenset({"sockets", *_Shown.__annotations__}), _sockets),
    _Mode("--config FILE", "path", frozenset({"path", *_Shown.__annotations__}), _config),
    _Mode("--batch", "batch", frozenset({"live"}), _batch),
    _Mode("--verify", "verifying", frozenset({"seconds", "everything", "seed", "as_json"}), _verify),
    _Mode("--figure", "number", frozenset({"number", "system", "svg", "as_json"}), _figure),
    _Mode("--systems", "systems", frozenset(), _systems),
    _Mode("--record", "recording", frozenset(), _record),
    _Mode("--compare FILE", "record", frozenset({"record", "as_json"}), _compare),
)

# An option that a mode does not take changes nothing, but for these: a whole minute, or a picture, would be missed.
_REFUSALS = (
    ({"seconds", "everything"}, "--seconds and --all go with --verify"),
    ({"svg"}, "--svg goes with SOCKET..., --config or --figure"),
)


def _mode(given: set[str]) -> _Mode:
    """The mode that these options ask for.

    Raises:
        click.UsageError: there is not one, or it does not take one of them.
    """
    modes = [mode for mode in _MODES if mode.option in given]
    if len(modes) != 1:
        raise click.UsageError(f"give one of: {', '.join(mode.word for mode in _MODES)}")
    (mode,) = modes
    if given >= {"seconds", "everything"} and mode.takes >= {"seconds", "everything"}:
        raise click.UsageError("--seconds and --all go not together: --all ends when every pair was held")
    for options, why in _REFUSALS:
        if given & options - mode.takes:
            raise click.UsageError(why)
    return mode


def _explain(asked: "SocketsOn", **shown: Unpack[_Shown]) -> ExitCode:
    from dualstack.cli.explanation import show
    from dualstack.core.explain.explain import explain
    from dualstack.kernel.facts import system_name

    settings = _settings(shown["system"], bindv6only=shown["bindv6only"], no_ipv6=shown["no_ipv6"])
    if shown["live"] and settings.stack.name != system_name():
        raise click.UsageError(f"--live asks this kernel, which is no {settings.stack.title}")
    explanations = explain(asked, settings)
    return show(explanations, settings, live=shown["live"], svg=shown["svg"], as_json=shown["as_json"])


def _settings(system: str | None, *, bindv6only: bool, no_ipv6: bool) -> "Settings":
    """Those of the system that was named; of this host where none was."""
    from dualstack.core.explain.explain import Settings
    from dualstack.kernel.facts import ipv6_status, system_name

    if system is not None:
        return Settings(STACKS[system], bindv6only, not no_ipv6)
    default = ipv6_status().bindv6only
    return Settings(stack_named(system_name()), bindv6only or default, not no_ipv6)
