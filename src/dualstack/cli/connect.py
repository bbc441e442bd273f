"""`dualstack connect`: one telnet client for both kinds of server, which tells the step it is in (U8, U10)."""

from typing import TYPE_CHECKING

import click

from dualstack.cli.offers import INTERFACE
from dualstack.cli.output import Seconds, family_options, json_option
from dualstack.errors import ExitCode
from dualstack.net.names.resolver_choice import DNS, SYSTEM, resolver_named

if TYPE_CHECKING:
    import ssl

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack connect mail.example imap              over whichever family answers
  dualstack connect mail.example:143 -v            each step, lookup or connect, with its time
  dualstack connect localhost daytime
  dualstack connect fe80::1%eth0 23                by that interface
  dualstack connect www.example 443 --tls <request >answer
  dualstack connect www.example 443 --service https -v --tls
  dualstack connect mail.example 25 --json         who answered, and all that happened

\b
Exit status: 0 connected (and ended, where it was not --json), 69 refused, unreachable or no such name,
75 time is up or no name server answers, 77 no rule allows it, 78 a wrong host, port or rule.
"""
)
@click.argument("host")
@click.argument("port", required=False)
@click.option("--verbose", "-v", is_flag=True, help="Tell each step with its time, as it happens.")
@click.option("--tls", is_flag=True, help="Speak TLS; the first handshake that succeeds wins.")
@click.option("--ca", type=click.Path(exists=True, dir_okay=False), help="Certificates to believe in, a PEM file.")
@click.option("--raw", is_flag=True, help="Answer no telnet options, whatever the server begins with.")
@family_options("Connect over {} alone.")
@click.option("--source", metavar="ADDRESS", help="Connect from this address of this host.")
@click.option("--interface", type=INTERFACE, help="Go by this interface alone.")
@click.option("--access", multiple=True, metavar="RULE", help="Which addresses may be dialled: 'allow|deny ...'.")
@click.option("--nat64", multiple=True, metavar="PREFIX", help="A translator's prefix, where IPv4 has no way.")
@click.option("--resolver", default=SYSTEM, metavar="WHO", help="Who is asked: system, dns, or servers' addresses.")
@click.option("--service", metavar="NAME", help="Ask name servers for its records too (RFC 9460), such as https.")
@click.option("--timeout", type=Seconds(min=0), metavar="SECONDS", help="How long to try; no limit by default.")
@json_option("Connect, print what happened as JSON, and close.")
def command(
    host: str,
    port: str | None,
    verbose: bool,
    tls: bool,
    ca: str | None,
    raw: bool,
    family: int,
    source: str | None,
    interface: str | None,
    access: tuple[str, ...],
    nat64: tuple[str, ...],
    resolver: str,
    service: str | None,
    timeout: float | None,
    as_json: bool,
) -> ExitCode:
    """Connect to HOST PORT or HOST:PORT, of whichever family; what is typed or piped goes there, what comes is printed.

    HOST is a name or an address, with a zone where it needs one; PORT a number or a service's name.
    """
    import asyncio  # who asks for help does not pay for it

    from dualstack.cli.call import Call
    from dualstack.net.dial.dialer import Dialer

    if service is not None and resolver == SYSTEM:
        resolver = DNS  # the system's has no such records
    dialer = Dialer(
        family=family,
        source=source,
        interface=interface,
        access=access or None,
        nat64=nat64 or None,
        history=None,
        resolver=resolver_named([text.strip() for text in resolver.split(",")]),
        service=service,
    )
    called = Call(host, port, dialer, timeout, _context(ca) if tls else None, verbose=verbose, quiet=as_json)
    with asyncio.Runner() as runner:
        if as_json:
            return runner.run(called.report())
        runner.run(called.talk(is_plain=raw))
    return ExitCode.YES


def _context(ca: str | None) -> "ssl.SSLContext":
    import ssl

    return ssl.create_default_context(cafile=ca)
