"""`dualstack listen`: accept, and show each peer as it is and as the kernel gave it (U10, B3)."""

import click

from dualstack.cli.choices import OneOf
from dualstack.cli.output import family_options, json_option
from dualstack.core.planning.choices import Sockets

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack listen '*:9999'                    both families
  dualstack listen '[::]:9999' --v6only        IPv6 alone
  dualstack listen 9999 -4                     IPv4 alone
  dualstack listen '0.0.0.0, [::]' --port 9999
  dualstack listen localhost:13 --serve daytime
  dualstack listen 7777 --serve echo --json
"""
)
@click.argument("where")
@click.option("--port", type=int, help="The port of WHERE's items that have none.")
@click.option("--v6only", is_flag=True, help="IPv6 alone, as -6.")
@family_options("{} alone, whatever WHERE says.")
@click.option(
    "--sockets",
    type=OneOf([mode.value for mode in Sockets]),
    default="single",
    show_default=True,
    help="Both families on one socket, where an IPv4 peer is mapped, or on two.",
)
@click.option("--serve", type=OneOf(["echo", "daytime"]), help="Answer as that service does (RFC 862, RFC 867).")
@click.option("--count", type=click.IntRange(min=1), help="End after so many connections.")
@json_option("Print a line of JSON once all sockets listen, and one for each connection.")
def command(
    where: str,
    port: int | None,
    v6only: bool,
    family: int,
    sockets: str,
    serve: str | None,
    count: int | None,
    as_json: bool,
) -> None:
    """Accept connections on WHERE and show who they are from; each ends when its client ends it, or Ctrl-C."""
    from dualstack.cli.listening import listen  # who asks for help does not pay for it

    listen(
        where,
        port=port,
        family=6 if v6only else family,
        sockets="pair" if sockets == "auto" else sockets,
        serve=serve,
        count=count,
        as_json=as_json,
    )
