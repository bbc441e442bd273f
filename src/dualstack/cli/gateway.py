"""`dualstack gateway`: run a configuration, or say what it means."""

import click

from dualstack.cli.choices import OneOf
from dualstack.cli.offers import FILE, PATH
from dualstack.cli.output import Seconds
from dualstack.cli.serving_options import serving_options
from dualstack.core.oracle.systems import STACKS
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
  dualstack gateway --schema > dualstack.schema.json   the same for editors and validators
  dualstack gateway --config - --check < gateway.toml  a file that is nowhere yet
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
    "--config",
    "-c",
    "path",
    type=FILE,
    default=DEFAULT_CONFIG,
    show_default=True,
    help="TOML, or a notes.ini; - reads it from standard input.",
)
@click.option("--check", "checking", is_flag=True, help="Print the plan and end: exit 1 on a conflict.")
@click.option("--os", "system", type=OneOf(list(STACKS)), help="With --check: plan for any host of this system.")
@click.option("--no-lookup", is_flag=True, help="With --check: do not look names up.")
@click.option("--timeout", type=Seconds(min=0, min_open=True), default=5.0, help="With --check: seconds for each name.")
@click.option("--control", type=PATH, help="The control socket, instead of the file's.")
@click.option("--to", multiple=True, metavar="SERVICE=TARGET", help="With a notes.ini: where a service's clients go.")
@click.option(
    "--number", multiple=True, metavar="SERVICE=PORT", help="With a notes.ini: a port number not its default."
)
@click.option("--without", multiple=True, metavar="SERVICE", help="With a notes.ini: leave a service out.")
@click.option("--to-toml", is_flag=True, help="With a notes.ini: print it as TOML and end.")
@click.option("--unit", type=OneOf(list(UNITS)), help="Print the unit for systemd that runs this program, and end.")
@click.option("--help-config", is_flag=True, help="Print the keys of a configuration and end.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a configuration and end.")
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
    schema: bool,
    as_json: bool,
    quiet: bool,
    log: str | None,
    workers: int | None,
    page: str | None,
    access_log: str | None,
) -> int | None:
    """Run the ports, services and links of a configuration, or --check what they mean."""
    # Who asks for help pays for nothing but this file.
    if help_config:
        from dualstack.cli.plan import print_keys

        return print_keys(as_json=as_json)
    if schema:
        from dualstack.cli.plan import print_schema

        return print_schema()
    if unit is not None:
        click.echo(unit_text(unit, installed_program()), nl=False)
        return None
    from dualstack.gateway.config.notes_ini import given_options, load_domino, load_either, load_to_run
    from dualstack.kernel.text_files import STANDARD_INPUT

    given = given_options(to, number, without)
    if to_toml:
        from dualstack.core.domino.toml import domino_toml

        click.echo(domino_toml(load_domino(path, given)), nl=False)
        return None
    if checking:
        from dualstack.cli.plan import print_check
        from dualstack.gateway.config.check import check

        file = load_either(path, given)
        checked = check(file.configuration, system=system, lookup=not no_lookup, timeout_s=timeout, tell=_tell)
        return print_check(checked.with_notes(file.all_notes), as_json=as_json)
    if system is not None or no_lookup:
        raise click.UsageError("--os and --no-lookup go with --check")
    if path == STANDARD_INPUT:
        raise click.UsageError("--config - goes with --check: a gateway that runs reads its file again")
    from dualstack.cli.serving import in_log, run_gateway
    from dualstack.gateway.config.toml import form_of_log
    from dualstack.gateway.control.places import default_control_path

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
