"""`dualstack ping`: ICMP and ICMPv6 echo to both families of a name, side by side (N4, N2)."""

import click

from dualstack.cli.offers import INTERFACE
from dualstack.cli.output import Seconds, family_options, json_option
from dualstack.errors import ExitCode

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack ping localhost                      both loopbacks at the same time
  dualstack ping mail.example -6 -c 10 -i 0.2
  dualstack ping fe80::1%eth0                   a neighbour; its zone is the interface
  dualstack ping ff02::1%eth0                   everybody on the link
  dualstack ping fe80::1 -I eth0                the same zone as an option, as ping6 has it
  dualstack ping mail.example --ttl 1           the first router answers with an error
  dualstack ping mail.example -s 1452 --json

\b
Needs no right where net.ipv4.ping_group_range has one of your groups, else CAP_NET_RAW or root.
Ctrl-C ends it with the summary.

\b
Exit status: 0 every address answered at least once, 1 one did not (it is named), 69 no such name,
or nothing could be sent to any of its addresses, 75 no addresses in time, 77 no right to ICMP
sockets, 78 a wrong value or a link-local address without its interface.
"""
)
@click.argument("host")
@family_options("The name's {} addresses alone.")
@click.option("-c", "--count", type=click.IntRange(min=1), default=4, show_default=True, help="Probes to each address.")
@click.option(
    "-i",
    "--interval",
    type=Seconds(min=0.01),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="From one probe to the next.",
)
@click.option(
    "-W",
    "--timeout",
    type=Seconds(min=0.001),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a probe may take.",
)
@click.option(
    "-s",
    "--size",
    type=click.IntRange(0, 65507),
    default=56,
    show_default=True,
    metavar="BYTES",
    help="What a probe carries.",
)
@click.option("-I", "--interface", type=INTERFACE, help="Go out by it; the zone of addresses that need one.")
@click.option("--source", metavar="ADDRESS", help="Ask from this address of this host, and its family alone.")
@click.option("--ttl", type=click.IntRange(1, 255), metavar="N", help="The hop limit, or time to live, of the probes.")
@click.option("-q", "--quiet", is_flag=True, help="Print the summary alone.")
@json_option("Print JSON, once it is over.")
def command(
    host: str,
    count: int,
    interval: float,
    timeout: float,
    size: int,
    interface: str | None,
    source: str | None,
    ttl: int | None,
    *,
    family: int,
    quiet: bool,
    as_json: bool,
) -> ExitCode:
    """Ask every address of HOST, a name or an address, for an echo, and print who answers, how fast and from how far.

    All addresses of both families are asked at the same time. Where an ICMP error comes instead, it says from whom.
    """
    from dualstack.cli.pinging import ping  # who asks for help does not pay for it
    from dualstack.core.ping.probes import Schedule

    return ping(
        host,
        Schedule(count, interval, timeout, size),
        family=family,
        interface=interface,
        source=source,
        ttl=ttl,
        quiet=quiet,
        as_json=as_json,
    )
