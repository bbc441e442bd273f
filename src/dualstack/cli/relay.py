"""`dualstack relay`: one service from the command line."""

import click

from dualstack.cli.service_options import ServiceOptions, service_options

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
@click.option("--max-children", type=click.IntRange(min=1), default=64, help="Children of exec:COMMAND at a time.")
@service_options("TARGET")
def command(listen: str, target: str, *, udp: bool, max_children: int, options: ServiceOptions) -> None:
    """Accept on LISTEN, of whichever family, and connect to TARGET, of whichever family.

    LISTEN is a list such as '*:143', '[::1]:8080', '*, [::]' with --port. TARGET is HOST:PORT, unix:/PATH or
    exec:COMMAND. With --udp it is HOST:PORT alone, and what is said of connections holds for flows: a client, and the
    address that it asked.
    """
    from dualstack.gateway.config.target_text import parse_target_text  # who asks for help does not pay for it

    options.run("relay", listen, parse_target_text(target), protocol="udp" if udp else "tcp", max_children=max_children)
