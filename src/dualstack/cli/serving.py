"""What `relay` and `gateway` share: run it, and say on standard output that it is ready."""

from collections.abc import Callable
from typing import TypeVar

import click

from dualstack.cli.output import print_json
from dualstack.core.configuration import Configuration
from dualstack.core.endpoint import Endpoint
from dualstack.gateway.daemon import Gateway
from dualstack.gateway.log import open_log
from dualstack.gateway.page_address import page_endpoints
from dualstack.gateway.runner import run

__all__ = ["run_gateway", "serving_options"]

F = TypeVar("F", bound=Callable[..., object])


def serving_options(function: F) -> F:
    """`--page`, `--access-log`, `--quiet`, `--log` and `--json` of a program that serves until a signal ends it."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one line of JSON once all sockets listen."),
        click.option("--log", type=click.Choice(["text", "json"]), help="The form of the log on standard error."),
        click.option("--quiet", "-q", is_flag=True, help="Log warnings and errors only."),
        click.option("--access-log", metavar="FILE", help="Write a line for each connection; - is standard error."),
        click.option(
            "--page", metavar="WHERE", help="Open the status page: a port number of both loopbacks, or LISTEN."
        ),
    ):
        function = option(function)
    return function


def page_of(where: str | None) -> tuple[Endpoint, ...]:
    """What `--page` asks for."""
    return () if where is None else page_endpoints(where)


def run_gateway(
    config: Configuration,
    *,
    as_json: bool,
    quiet: bool,
    log: str | None,
    control: str | None = None,
    load: Callable[[], Configuration] | None = None,
) -> None:
    """Run `config` until a signal ends it."""

    def ready(gateway: Gateway) -> None:
        if as_json:
            pages = {"page": list(gateway.page)} if gateway.page else {}
            print_json({"event": "ready", "sockets": gateway.describe_sockets(), **pages})
        elif not quiet:
            _print_ready(gateway, control)

    run(config, open_log(log or config.log, quiet=quiet), ready=ready, load=load, control=control)


def _print_ready(gateway: Gateway, control: str | None) -> None:
    for port in gateway.ports.values():
        for listening in port.listenings:
            spec = listening.spec
            families = {4: "IPv4", 6: "IPv6" if spec.v6only else "IPv6 and IPv4"}[spec.family]
            if not spec.address.is_unspecified:
                families = f"IPv{spec.family}"
            if spec.proto == "udp":
                families += ", UDP"
            target = listening.door.service.policy.service.target
            click.echo(f"{spec.service}: listening on {spec} ({families}), to {target}")
    for address in gateway.page:
        click.echo(f"page: {address}")
    if control is not None:
        click.echo(f"control socket: {control}")
    click.echo("ready; Ctrl-C ends it")
