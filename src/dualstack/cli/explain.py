"""`dualstack explain`: what a system does with sockets, asked of the oracle or of the kernel (X3, N6, U3, U11)."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dualstack.cli.batch import answer_lines, predicted
from dualstack.cli.choices import OneOf
from dualstack.cli.output import Seconds, json_option, print_document
from dualstack.core.explain.explain import Settings, explain
from dualstack.core.explain.socket_text import Labelled, sockets_on
from dualstack.core.explain.systems_page import systems_page
from dualstack.core.oracle.systems import STACKS, Stack, stack_named
from dualstack.core.simulation.figures import FIGURES
from dualstack.errors import ExitCode
from dualstack.kernel.facts import ipv6_status, system_name
from dualstack.net.names.services import service_port

if TYPE_CHECKING:
    from dualstack.core.explain.explain import SocketsOn

__all__ = ["command"]


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

\b
A socket: [tcp|udp] ADDRESS:PORT [v6only=0|1] [reuseaddr] [reuseport] [exclusive] [uid=N]

\b
Exit status: 0 all open, 1 one fails, or the kernel disagrees, or a line of a batch is wrong, 69 no namespaces here,
78 a text that is no socket.
"""
)
@click.argument("sockets", nargs=-1, metavar="SOCKET...")
@click.option("--os", "system", type=OneOf(list(STACKS)), help="The system; this one by default.")
@click.option("--bindv6only", is_flag=True, help="With net.ipv6.bindv6only = 1, whatever it is here.")
@click.option("--no-ipv6", is_flag=True, help="With IPv6 off.")
@click.option("--config", "path", metavar="FILE", help="The sockets of a gateway's TOML, or a notes.ini.")
@click.option("--live", is_flag=True, help="Ask this kernel too, in a network namespace of its own.")
@click.option("--batch", is_flag=True, help="Read cases as lines of JSON, and answer each with one.")
@click.option("--verify", "verifying", is_flag=True, help="Hold the oracle against this kernel.")
@click.option("--seconds", type=Seconds(min=0, min_open=True), help="With --verify: how long.  [default: 30]")
@click.option("--all", "everything", is_flag=True, help="With --verify: every pair of sockets, however long it takes.")
@click.option("--seed", type=click.IntRange(min=0), default=1, help="With --verify: another order and random cases.")
@click.option("--figure", "number", type=OneOf(list(FIGURES)), help="Draw a figure of Stevens' for a system.")
@click.option("--svg", metavar="FILE", help="Write the picture, or the figure, as SVG too.")
@click.option("--systems", is_flag=True, help="Print what is known of each system, as Markdown.")
@json_option()
def command(
    sockets: tuple[str, ...],
    system: str | None,
    bindv6only: bool,
    no_ipv6: bool,
    path: str | None,
    live: bool,
    batch: bool,
    verifying: bool,
    seconds: float | None,
    everything: bool,
    seed: int,
    number: str | None,
    svg: str | None,
    systems: bool,
    as_json: bool,
) -> ExitCode:
    """Say what a system does with sockets: which bind fails, who receives, as whom a peer appears, and why."""
    figure = number is not None
    _check_modes(
        sockets=bool(sockets), config=path is not None, batch=batch, verify=verifying, figure=figure, systems=systems
    )
    if (seconds is not None or everything) and not verifying:
        raise click.UsageError("--seconds and --all go with --verify")
    if seconds is not None and everything:
        raise click.UsageError("--seconds and --all go not together: --all ends when every pair was held")
    if svg is not None and (batch or verifying or systems):
        raise click.UsageError("--svg goes with SOCKET..., --config or --figure")
    if systems:
        click.echo(systems_page(), nl=False)
        return ExitCode.YES
    if verifying:
        from dualstack.cli.verify import verify

        return verify(seconds=None if everything else seconds or 30.0, seed=seed, as_json=as_json)
    if batch:
        from dualstack.cli.live import beside_the_kernel

        return answer_lines(sys.stdin.buffer, beside_the_kernel if live else predicted)
    settings = _settings(system, bindv6only=bindv6only, no_ipv6=no_ipv6)
    if number is not None:
        from dualstack.cli.figure import draw

        return draw(number, settings.stack, svg=svg, as_json=as_json)
    return _explain(_asked(sockets, path), settings, live=live, svg=svg, as_json=as_json)


def _check_modes(**given: bool) -> None:
    modes = {"sockets": "SOCKET...", "config": "--config FILE"}
    if sum(given.values()) != 1:
        raise click.UsageError(f"give one of: {', '.join(modes.get(name, f'--{name}') for name in given)}")


def _settings(system: str | None, *, bindv6only: bool, no_ipv6: bool) -> Settings:
    """Those of the system that was named; of this host where none was."""
    if system is not None:
        return Settings(STACKS[system], bindv6only, not no_ipv6)
    default = ipv6_status().bindv6only
    return Settings(stack_named(system_name()), bindv6only or default, not no_ipv6)


def _asked(texts: Sequence[str], path: str | None) -> "SocketsOn":
    if path is None:
        return lambda stack: sockets_on(stack, texts, service_port)
    from dualstack.core.domino.meaning import Given
    from dualstack.gateway.config.check import planned_sockets
    from dualstack.gateway.config.notes_ini import load_either

    config = load_either(path, Given()).configuration

    def planned(stack: Stack) -> Sequence[Labelled]:
        return planned_sockets(config, stack)

    return planned


def _explain(asked: "SocketsOn", settings: Settings, *, live: bool, svg: str | None, as_json: bool) -> ExitCode:
    from dualstack.cli.explanation import explanation_document, picture, print_explanation

    if live and settings.stack.name != system_name():
        raise click.UsageError(f"--live asks this kernel, which is no {settings.stack.title}")
    explanations = explain(asked, settings)
    kernel = None
    if live:
        from dualstack.cli.live import ask_kernel

        kernel = [ask_kernel(each.case) for each in explanations]
    if svg is not None:
        if len(explanations) != 1:
            raise click.UsageError("--svg draws one port of one protocol: ask for the sockets of one")
        Path(svg).write_text(picture(explanations[0], settings), encoding="utf-8")
    if as_json:
        documents = [explanation_document(each) for each in explanations]
        for document, said in zip(documents, kernel or (), strict=False):
            document.update({"kernel": said["kernel"], "differences": said["differences"]})
        print_document({"os": settings.stack.name, "ports": documents})
    else:
        for place, each in enumerate(explanations):
            print_explanation(each, settings, kernel[place] if kernel else None)
    fails = any(outcome.errno is not None for each in explanations for outcome in each.outcomes)
    disagrees = any(said["differences"] for said in kernel or ())
    return ExitCode.NO if fails or disagrees else ExitCode.YES
