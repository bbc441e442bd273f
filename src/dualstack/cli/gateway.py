"""`dualstack gateway`: run a configuration, or say what it means."""

from collections.abc import Sequence

import click

from dualstack.cli.choices import OneOf
from dualstack.cli.output import Seconds, print_document, print_table
from dualstack.cli.serving import in_log, run_gateway, serving_options
from dualstack.core.domino.toml import domino_toml
from dualstack.core.oracle.systems import STACKS
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.errors import ExitCode
from dualstack.gateway.config.check import Check, check, plan_document
from dualstack.gateway.config.notes_ini import given_options, load_domino, load_either, load_to_run
from dualstack.gateway.config.schema import configuration_keys
from dualstack.gateway.config.toml import form_of_log
from dualstack.gateway.control.places import default_control_path
from dualstack.gateway.service_units import UNITS, installed_program, unit_text

__all__ = ["command"]

DEFAULT_CONFIG = "/etc/dualstack/gateway.toml"


@click.command(
    epilog="""\b
Examples:
  dualstack gateway --config gateway.toml              run it; SIGHUP reloads, SIGTERM drains, SIGUSR2 upgrades
  dualstack gateway --config gateway.toml --check      the sockets it opens and why, and what stands in the way
  dualstack gateway --config gateway.toml --check --os openbsd --json
  dualstack gateway --unit service                     a unit for systemd, with the path of this program
  dualstack gateway --help-config                      every key with its type, default and meaning
  dualstack gateway --config notes.ini --to nrpc=10.0.0.5:1352 --to smtp=10.0.0.5:25    Domino's own file
  dualstack gateway --config notes.ini --to smtp=10.0.0.5:25 --without nrpc --to-toml   the same as TOML

\b
A configuration:
  [ports.tcpip]
  bind = "0.0.0.0"
  [ports.tcpip6]
  bind = "::"
  [[services]]
  name  = "imap"
  ports = ["tcpip", "tcpip6"]
  port  = 143
  to    = "127.0.0.1:1143"
"""
)
@click.option(
    "--config", "-c", "path", metavar="FILE", default=DEFAULT_CONFIG, show_default=True, help="TOML, or a notes.ini."
)
@click.option("--check", "checking", is_flag=True, help="Print the plan and end: exit 1 on a conflict.")
@click.option("--os", "system", type=OneOf(list(STACKS)), help="With --check: plan for any host of this system.")
@click.option("--no-lookup", is_flag=True, help="With --check: do not look names up.")
@click.option("--timeout", type=Seconds(min=0, min_open=True), default=5.0, help="With --check: seconds for each name.")
@click.option("--control", metavar="PATH", help="The control socket, instead of the file's.")
@click.option("--to", multiple=True, metavar="SERVICE=TARGET", help="With a notes.ini: where a service's clients go.")
@click.option(
    "--number", multiple=True, metavar="SERVICE=PORT", help="With a notes.ini: a port number not its default."
)
@click.option("--without", multiple=True, metavar="SERVICE", help="With a notes.ini: leave a service out.")
@click.option("--to-toml", is_flag=True, help="With a notes.ini: print it as TOML and end.")
@click.option("--unit", type=OneOf(list(UNITS)), help="Print the unit for systemd that runs this program, and end.")
@click.option("--help-config", is_flag=True, help="Print the keys of a configuration and end.")
@serving_options
def command(
    path: str,
    checking: bool,
    system: str | None,
    no_lookup: bool,
    timeout: float,
    control: str | None,
    to: tuple[str, ...],
    number: tuple[str, ...],
    without: tuple[str, ...],
    to_toml: bool,
    unit: str | None,
    help_config: bool,
    as_json: bool,
    quiet: bool,
    log: str | None,
    workers: int | None,
    page: str | None,
    access_log: str | None,
) -> int | None:
    """Run the ports, services and links of a configuration, or --check what they mean."""
    if help_config:
        return _print_keys(as_json=as_json)
    if unit is not None:
        click.echo(unit_text(unit, installed_program()), nl=False)
        return None
    given = given_options(to, number, without)
    if to_toml:
        click.echo(domino_toml(load_domino(path, given)), nl=False)
        return None
    if checking:
        file = load_either(path, given)
        checked = check(file.configuration, system=system, lookup=not no_lookup, timeout_s=timeout, tell=_tell)
        return _print_check(checked.with_notes(file.all_notes), as_json=as_json)
    if system is not None or no_lookup:
        raise click.UsageError("--os and --no-lookup go with --check")
    with in_log(lambda: log or form_of_log(path)):
        file = load_to_run(path, given)
    run_gateway(
        file.configuration,
        as_json=as_json,
        quiet=quiet,
        log=log,
        control=control or file.configuration.control or default_control_path(),
        load=lambda: load_to_run(path, given).configuration,
        workers=workers,
        page=page,
        access_log=access_log,
        notes=file.notes,
    )
    return None


def _tell(text: str) -> None:
    click.echo(f"dualstack: {text}", err=True)


def _print_check(checked: Check, *, as_json: bool) -> int:
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


def _print_keys(*, as_json: bool) -> int:
    keys = list(configuration_keys())
    if as_json:
        print_document(
            {"keys": [{"key": k.key, "type": k.type, "default": k.default, "meaning": k.meaning} for k in keys]}
        )
        return ExitCode.YES
    print_table(("key", "type", "default", "meaning"), [(key.key, key.type, key.default, key.meaning) for key in keys])
    return ExitCode.YES
