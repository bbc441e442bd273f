"""`dualstack proxy`: a forward proxy from the command line."""

import click

from dualstack.cli.output import Seconds, family_options
from dualstack.cli.serving import run_gateway, serving_options
from dualstack.core.configuration import BOTH, Configuration, ForwardTarget, ProxyProtocol, Service, Sockets
from dualstack.core.endpoint import parse_listen
from dualstack.core.narrowing import narrowed
from dualstack.net.services import service_port

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack proxy 'localhost:1080'                        for this host, to anywhere
  dualstack proxy '*:1080' --access 'allow 10.0.0.0/8'    for a network, to public addresses alone
  dualstack proxy '*:1080' --access 'allow 10.0.0.0/8' --reach 'allow 10.0.0.0/8' --reach 'allow public'
  curl --socks5-hostname localhost:1080 http://example.org/
  curl -x http://localhost:1080 https://example.org/

\b
Without rules it serves the loopback alone. Users with passwords: see `users` in `dualstack gateway --help-config`.
"""
)
@click.argument("listen")
@click.option("--port", type=int, help="The port of LISTEN's items that have none.")
@click.option("--v6only", is_flag=True, help="Listen for IPv6 alone.")
@click.option(
    "--sockets",
    type=click.Choice([mode.value for mode in Sockets]),
    default="auto",
    help="Both families on one socket or on two.",
)
@family_options("Connect over {} alone.")
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    type=click.Choice([protocol.value for protocol in ProxyProtocol]),
    help="How clients may ask; by all of these where none is named.",
)
@click.option("--access", multiple=True, metavar="RULE", help="Who is let in: 'allow|deny any|public|ADDRESS|PREFIX'.")
@click.option("--reach", multiple=True, metavar="RULE", help="Which addresses may be dialled, after the lookup.")
@click.option("--nat64", multiple=True, metavar="PREFIX", help="A NAT64 prefix of this network, seen through by rules.")
@click.option("--idle-timeout", type=Seconds(min=0, min_open=True), help="Seconds without a byte until the end.")
@click.option("--connect-timeout", type=Seconds(min=0, min_open=True), default=30.0, help="Seconds to reach a target.")
@click.option("--max-connections", type=click.IntRange(min=1), help="Connections at a time; more are refused.")
@click.option("--max-per-client", type=click.IntRange(min=1), help="Connections at a time from one client address.")
@click.option("--drain", type=Seconds(min=0), default=30.0, help="Seconds for connections to end on SIGTERM.")
@click.option("--control", metavar="PATH", help="Open a control socket for `dualstack ports`.")
@serving_options
def command(
    listen: str,
    port: int | None,
    v6only: bool,
    sockets: str,
    family: int,
    protocols: tuple[str, ...],
    access: tuple[str, ...],
    reach: tuple[str, ...],
    nat64: tuple[str, ...],
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
    """Accept on LISTEN, and connect to wherever each client asks for, of whichever family.

    SOCKS5, SOCKS4, SOCKS4a, HTTP CONNECT and plain HTTP are told apart by their first byte. LISTEN is a list such as
    '*:1080', '[::1]:1080', '*, [::]' with --port. Names are looked up here, every address of them is tried.
    """
    endpoints = parse_listen(listen, port=port, service=service_port)
    target = ForwardTarget(tuple(map(ProxyProtocol, protocols)) or tuple(ProxyProtocol))
    service = Service(
        "proxy",
        target,
        listen=narrowed(endpoints, 6) if v6only else endpoints,
        v6only=v6only,
        sockets=Sockets(sockets),
        families=frozenset({family}) if family else BOTH,
        access=access,
        reach=reach,
        nat64=nat64,
        idle_timeout_s=float("inf") if idle_timeout is None else idle_timeout,
        connect_timeout_s=connect_timeout,
        max_connections=max_connections,
        max_per_client=max_per_client,
        drain_s=drain,
    )
    run_gateway(Configuration((service,)), as_json=as_json, quiet=quiet, log=log, control=control)
