"""`dualstack gateway`: run a configuration, or say what it means."""

from collections.abc import Sequence

import click

from dualstack.cli.output import Seconds, print_document, print_table
from dualstack.cli.serving import run_gateway, serving_options
from dualstack.core.socketspec import SocketSpec
from dualstack.core.stacks import STACKS
from dualstack.errors import ExitCode
from dualstack.gateway.check import Check, check, plan_document
from dualstack.gateway.config import load
from dualstack.gateway.config_tables import configuration_keys
from dualstack.gateway.control_client import default_control_path

__all__ = ["command"]

DEFAULT_CONFIG = "/etc/dualstack/gateway.toml"


@click.command(
    epilog="""\b
Examples:
  dualstack gateway --config gateway.toml              run it; SIGHUP reloads, SIGTERM drains, SIGUSR2 upgrades
  dualstack gateway --config gateway.toml --check      the sockets it opens and why, and what stands in the way
  dualstack gateway --config gateway.toml --check --os openbsd --json
  dualstack gateway --help-config                      every key with its type, default and meaning

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
    "--config", "-c", "path", metavar="FILE", default=DEFAULT_CONFIG, show_default=True, help="The TOML file."
)
@click.option("--check", "checking", is_flag=True, help="Print the plan and end: exit 1 on a conflict.")
@click.option("--os", "system", type=click.Choice(list(STACKS)), help="With --check: plan for any host of this system.")
@click.option("--no-lookup", is_flag=True, help="With --check: do not look names up.")
@click.option("--timeout", type=Seconds(min=0, min_open=True), default=5.0, help="With --check: seconds for each name.")
@click.option("--control", metavar="PATH", help="The control socket, instead of the file's.")
@click.option("--help-config", is_flag=True, help="Print the keys of a configuration and end.")
@serving_options
def command(
    path: str,
    checking: bool,
    system: str | None,
    no_lookup: bool,
    timeout: float,
    control: str | None,
    help_config: bool,
    as_json: bool,
    quiet: bool,
    log: str | None,
    workers: int | None,
) -> int | None:
    """Run the ports, services and links of a configuration, or --check what they mean."""
    if help_config:
        return _print_keys(as_json=as_json)
    if checking:
        checked = check(load(path), system=system, lookup=not no_lookup, timeout_s=timeout)
        return _print_check(checked, as_json=as_json)
    if system is not None or no_lookup:
        raise click.UsageError("--os and --no-lookup go with --check")
    config = load(path)
    run_gateway(
        config,
        as_json=as_json,
        quiet=quiet,
        log=log,
        workers=workers,
        control=control or config.control or default_control_path(),
        load=lambda: load(path),
    )
    return None


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
