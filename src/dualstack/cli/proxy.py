"""`dualstack proxy`: a forward proxy from the command line."""

import click

from dualstack.cli.choices import OneOf
from dualstack.cli.output import Seconds
from dualstack.cli.service_options import ServiceOptions, service_options
from dualstack.core.planning.choices import ProxyProtocol

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
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    type=OneOf([protocol.value for protocol in ProxyProtocol]),
    help="How clients may ask; by all of these where none is named.",
)
@click.option(
    "--handshake-timeout", type=Seconds(min=0, min_open=True), default=10.0, help="Seconds to say what is wanted."
)
@click.option("--nat64", multiple=True, metavar="PREFIX", help="A NAT64 prefix of this network, seen through by rules.")
@service_options("a target")
def command(
    listen: str,
    *,
    protocols: tuple[str, ...],
    handshake_timeout: float,
    nat64: tuple[str, ...],
    options: ServiceOptions,
) -> None:
    """Accept on LISTEN, and connect to wherever each client asks for, of whichever family.

    SOCKS5, SOCKS4, SOCKS4a, HTTP CONNECT and plain HTTP are told apart by their first byte. LISTEN is a list such as
    '*:1080', '[::1]:1080', '*, [::]' with --port. Names are looked up here, every address of them is tried.
    """
    from dualstack.core.planning.targets import ForwardTarget  # who asks for help does not pay for it

    target = ForwardTarget(tuple(map(ProxyProtocol, protocols)) or tuple(ProxyProtocol))
    options.run("proxy", listen, target, nat64=nat64, handshake_timeout_s=handshake_timeout)
