"""What `relay` and `gateway` share: run it, and say on standard output that it is ready."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import click

from dualstack.cli.output import print_json
from dualstack.core.address import Address
from dualstack.core.configuration import Configuration
from dualstack.gateway.log import open_log
from dualstack.gateway.runner import run
from dualstack.gateway.served import Served

__all__ = ["run_gateway", "serving_options"]

F = TypeVar("F", bound=Callable[..., object])


def serving_options(function: F) -> F:
    """`--quiet`, `--log`, `--workers` and `--json` of a program that serves until a signal ends it."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one line of JSON once all sockets listen."),
        click.option("--log", type=click.Choice(["text", "json"]), help="The form of the log on standard error."),
        click.option(
            "--workers",
            type=click.IntRange(1, 256),
            help="Processes that relay; 1, where nothing else is said, relays in this one.",
        ),
        click.option("--quiet", "-q", is_flag=True, help="Log warnings and errors only."),
    ):
        function = option(function)
    return function


def run_gateway(
    config: Configuration,
    *,
    as_json: bool,
    quiet: bool,
    log: str | None,
    workers: int | None = None,
    control: str | None = None,
    load: Callable[[], Configuration] | None = None,
) -> None:
    """Run `config` until a signal ends it; `workers` instead of what it says."""

    def ready(gateway: Served) -> None:
        if as_json:
            print_json({"event": "ready", "sockets": gateway.describe_sockets()})
        elif not quiet:
            _print_ready(gateway, control)

    def meant(written: Configuration) -> Configuration:
        return written if workers is None else replace(written, workers=workers)

    log_to = open_log(log or config.log, quiet=quiet)
    again = None if load is None else lambda: meant(load())
    run(meant(config), log_to, ready=ready, load=again, control=control)


def _print_ready(gateway: Served, control: str | None) -> None:
    targets = {service.name.casefold(): service.target for service in gateway.config.services}
    for sock in gateway.describe_sockets():
        families = {4: "IPv4", 6: "IPv6" if sock["v6only"] else "IPv6 and IPv4"}[int(str(sock["family"]))]
        if not Address(str(sock["address"])).is_unspecified:
            families = f"IPv{sock['family']}"
        if sock.get("proto") == "udp":
            families += ", UDP"
        host = f"[{sock['address']}]" if sock["family"] == 6 else sock["address"]
        target = targets[str(sock["service"]).casefold()]
        click.echo(f"{sock['service']}: listening on {host}:{sock['port']} ({families}), to {target}")
    if gateway.config.workers > 1:
        click.echo(f"{gateway.config.workers} workers")
    if control is not None:
        click.echo(f"control socket: {control}")
    click.echo("ready; Ctrl-C ends it")
