"""What `relay` and `gateway` share: run it, and say on standard output that it is ready."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import click

from dualstack.cli.output import print_json
from dualstack.core.address.address import Address
from dualstack.core.planning.configuration import Configuration
from dualstack.errors import DualstackError, ExitCode
from dualstack.gateway.config.page_address import page_endpoints
from dualstack.gateway.counters.log import open_log
from dualstack.gateway.runner import ReadyGateway, run

__all__ = ["in_log", "run_gateway"]


def run_gateway(
    config: Configuration,
    *,
    as_json: bool,
    quiet: bool,
    log: str | None,
    workers: int | None = None,
    page: str | None = None,
    access_log: str | None = None,
    control: str | None = None,
    load: Callable[[], Configuration] | None = None,
    notes: Iterable[str] = (),
) -> None:
    """Run `config` until a signal ends it; `workers`, `page` and `access_log` instead of what it says.

    `notes` are told first, to whom is not quiet.
    """
    given = {"workers": workers, "page": None if page is None else page_endpoints(page), "access_log": access_log}
    options = {key: value for key, value in given.items() if value is not None}

    def ready(gateway: ReadyGateway) -> None:
        if as_json:
            pages = {"page": list(gateway.page)} if gateway.page else {}
            print_json({"event": "ready", "sockets": gateway.describe_sockets(), **pages})
        elif not quiet:
            _print_ready(gateway, control)

    def meant(written: Configuration) -> Configuration:
        return replace(written, **options) if options else written  # type: ignore[arg-type]

    again = None if load is None else lambda: meant(load())
    with in_log(lambda: log or config.log):
        log_to = open_log(log or config.log, quiet=quiet)
        for note in notes:
            if log_to.form == "json":
                log_to.info("note", why=note)
            elif not quiet:
                click.echo(f"dualstack: {note}", err=True)
        run(meant(config), log_to, ready=ready, load=again, control=control)


@contextmanager
def in_log(form: Callable[[], str]) -> Iterator[None]:
    """What ends it within is the log's last line, where that is JSON: who reads it by a program reads no other form."""
    try:
        yield
    except (DualstackError, OSError) as error:
        if form() != "json":
            raise
        code = error.exit_code if isinstance(error, DualstackError) else ExitCode.UNAVAILABLE
        log = open_log("json")
        log.error("ended", why=str(error), exit_code=int(code))  # noqa: TRY400 - it is no logger, and a trace says less
        log.close()
        raise click.exceptions.Exit(code) from error


def _print_ready(gateway: ReadyGateway, control: str | None) -> None:
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
    for address in gateway.page:
        click.echo(f"page: {address}")
    if control is not None:
        click.echo(f"control socket: {control}")
    click.echo("ready; Ctrl-C ends it")
