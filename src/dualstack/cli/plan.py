"""What `dualstack gateway` prints of a configuration: its plan (--check), and the keys (--help-config)."""

import json
from collections.abc import Sequence

import click

from dualstack.cli.output import print_document, print_table
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.errors import ExitCode
from dualstack.gateway.config.check import Check, plan_document
from dualstack.gateway.config.schema import configuration_keys, json_schema

__all__ = ["print_check", "print_keys", "print_schema"]


def print_check(checked: Check, *, as_json: bool) -> int:
    """The plan; the exit code says whether something stands in its way."""
    if as_json:
        print_document(plan_document(checked))
    else:
        _print_plan(checked)
    for missing in checked.unresolved:
        click.echo(f"dualstack: {missing.service}: {missing.target}: {missing.why}", err=True)
    if checked.plan.conflicts:
        return ExitCode.NO
    return ExitCode.UNAVAILABLE if checked.unresolved else ExitCode.YES


def _print_plan(checked: Check) -> None:
    made = checked.plan
    print_table(
        ("service", "port", "socket", "receives", "rule", "why"),
        [
            (spec.service, spec.port_name, _shown(spec), _receives(spec), spec.rule or "", spec.why)
            for spec in made.sockets
        ],
        title="Sockets, in the order they are opened",
    )
    if any(spec.rule for spec in made.sockets):
        click.echo(
            "rule: which of the six rules for the family of a socket, D6.1 to D6.6, decided; `why` has its words\n"
        )
    _print_list("Conflicts", [str(conflict) for conflict in made.conflicts] or ["none foreseen"])
    _print_list(
        "Links",
        [
            f"{link.to}: {link.target or 'no target of a service'} by {', '.join(link.ports)}"
            + (f": cannot dial {' and '.join(f'IPv{family}' for family in link.missing)}" if link.missing else "")
            for link in made.links
        ],
    )
    _print_list("Notes", list(made.notes))


def _shown(spec: SocketSpec) -> str:
    return f"udp {spec}" if spec.proto == "udp" else str(spec)


def _receives(spec: SocketSpec) -> str:
    return f"IPv{spec.family}" if spec.v6only is not False else "IPv6 and IPv4"


def _print_list(title: str, lines: Sequence[str]) -> None:
    if lines:
        click.echo(f"{title}:")
    for line in lines:
        click.echo(f"  {line}")


def print_keys(*, as_json: bool) -> int:
    """Every key with its type, default and meaning."""
    keys = list(configuration_keys())
    if as_json:
        print_document(
            {"keys": [{"key": k.key, "type": k.type, "default": k.default, "meaning": k.meaning} for k in keys]}
        )
        return ExitCode.YES
    print_table(("key", "type", "default", "meaning"), [(key.key, key.type, key.default, key.meaning) for key in keys])
    return ExitCode.YES


def print_schema() -> int:
    """The same as JSON Schema, indented, for a file beside the configuration."""
    click.echo(json.dumps(json_schema(), indent=2))
    return ExitCode.YES
