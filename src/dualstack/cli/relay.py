"""`dualstack relay`: one service from the command line."""

import click

from dualstack.cli.output import Seconds, family_options
from dualstack.cli.serving import run_gateway, serving_options
from dualstack.core.configuration import BOTH, Configuration, Service, Sockets
from dualstack.core.endpoint import parse_listen
from dualstack.core.narrowing import narrowed
from dualstack.gateway.config import parse_target_text
from dualstack.net.services import service_port

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack relay '*:143' 127.0.0.1:1143           both families before an IPv4-only server
  dualstack relay '[::1]:8080' 192.0.2.7:80        an IPv6 face for an IPv4 server
  dualstack relay '127.0.0.1:8080' '[fd00::7]:80'  an IPv4 face for an IPv6 server
  dualstack relay --udp '*:53' 192.0.2.7:53        DNS for both families before an IPv4-only server
  dualstack relay '*:23' 'exec:/usr/sbin/telnetd'  a child for each connection, as inetd does
  dualstack relay '*:25' unix:/run/smtp.sock --access 'deny 192.0.2.0/24' --access 'allow any'
"""
)
@click.argument("listen")
@click.argument("target")
@click.option("--udp", is_flag=True, help="Relay datagrams instead of connections.")
@click.option("--port", type=int, help="The port of LISTEN's items that have none.")
@click.option("--v6only", is_flag=True, help="Listen for IPv6 alone.")
@click.option(
    "--sockets",
    type=click.Choice([mode.value for mode in Sockets]),
    default="auto",
    help="Both families on one socket or on two.",
)
@family_options("Connect to TARGET over {} alone.")
@click.option("--access", multiple=True, metavar="RULE", help="Who is let in: 'allow|deny any|public|ADDRESS|PREFIX'.")
@click.option("--reach", multiple=True, metavar="RULE", help="Which addresses of TARGET may be dialled.")
@click.option("--idle-timeout", type=Seconds(min=0, min_open=True), help="Seconds without a byte until the end.")
@click.option("--connect-timeout", type=Seconds(min=0, min_open=True), default=30.0, help="Seconds to reach TARGET.")
@click.option("--max-connections", type=click.IntRange(min=1), help="Connections at a time; more are refused.")
@click.option("--max-per-client", type=click.IntRange(min=1), help="Connections at a time from one client address.")
@click.option("--drain", type=Seconds(min=0), default=30.0, help="Seconds for connections to end on SIGTERM.")
@click.option("--control", metavar="PATH", help="Open a control socket for `dualstack ports`.")
@serving_options
def command(
    listen: str,
    target: str,
    udp: bool,
    port: int | None,
    v6only: bool,
    sockets: str,
    family: int,
    access: tuple[str, ...],
    reach: tuple[str, ...],
    idle_timeout: float | None,
    connect_timeout: float,
    max_connections: int | None,
    max_per_client: int | None,
    drain: float,
    control: str | None,
    as_json: bool,
    quiet: bool,
    log: str | None,
) -> None:
    """Accept on LISTEN, of whichever family, and connect to TARGET, of whichever family.

    LISTEN is a list such as '*:143', '[::1]:8080', '*, [::]' with --port. TARGET is HOST:PORT, unix:/PATH or
    exec:COMMAND. With --udp it is HOST:PORT alone, and what is said of connections holds for flows: a client, and the
    address that it asked.
    """
    endpoints = parse_listen(listen, port=port, service=service_port)
    service = Service(
        "relay",
        parse_target_text(target),
        listen=narrowed(endpoints, 6) if v6only else endpoints,
        protocol="udp" if udp else "tcp",
        v6only=v6only,
        sockets=Sockets(sockets),
        families=frozenset({family}) if family else BOTH,
        access=access,
        reach=reach,
        idle_timeout_s=float("inf") if idle_timeout is None else idle_timeout,
        connect_timeout_s=connect_timeout,
        max_connections=max_connections,
        max_per_client=max_per_client,
        drain_s=drain,
    )
    run_gateway(Configuration((service,)), as_json=as_json, quiet=quiet, log=log, control=control)
