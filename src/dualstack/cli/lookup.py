"""`dualstack lookup`: names to addresses and back, within a limit of time (U9, N2)."""

import socket
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from dualstack.cli.output import Seconds, family_options, json_option, print_document
from dualstack.errors import DualstackError, ExitCode, LookupFailed

if TYPE_CHECKING:
    from dualstack.core.address.address import Address
    from dualstack.net.names.resolver import Resolver

__all__ = ["Answer", "command", "look_up"]

_NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found of one name or address; the fields are those of the JSON.

    Args:
        canonical: a name's canonical name, an address' canonical text.
        addresses: a name's addresses, best first; an address itself.
        names: an address' names.
        numeric_only: an address has no name, or none was looked up or answered.
        error: what went wrong, be it that the numeric form is an answer all the same.
    """

    canonical: str | None = None
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    numeric_only: bool = False
    error: str | None = None


@click.command(
    epilog="""\b
Examples:
  dualstack lookup localhost                    both loopbacks, on every system
  dualstack lookup mail.example -6              IPv6 addresses alone
  dualstack lookup 192.0.2.1 --timeout 0.5      its name, or the address after half a second
  dualstack lookup fe80::1%eth0 --numeric       the zone stays

\b
Exit status: 0 found (an address always has its numeric form), 69 no such name or no address of
that family, 75 no answer in time for a name, 78 neither a name nor an address.
"""
)
@click.argument("query", metavar="NAME|ADDRESS")
@click.option(
    "--timeout",
    type=Seconds(min=0, min_open=True),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the resolver.",
)
@family_options("{} addresses alone.")
@click.option("--numeric", is_flag=True, help="Ask no resolver.")
@json_option()
def command(query: str, timeout: float, *, family: int, numeric: bool, as_json: bool) -> ExitCode:
    """Print the addresses of a name, best first, or the name of an address.

    Where no name of an address is found in time, its numeric form is printed.
    """
    started = time.monotonic()
    code = ExitCode.YES
    try:
        answer = look_up(query, timeout=timeout, family=family, numeric=numeric)
    except DualstackError as error:
        if not as_json:
            raise
        answer, code = Answer(error=str(error)), error.exit_code
    if as_json:
        print_document({"query": query, **asdict(answer), "elapsed_s": round(time.monotonic() - started, 6)})
    else:
        _print(answer)
    return code


def look_up(
    query: str, *, timeout: float, family: int = 0, numeric: bool = False, resolver: "Resolver" = socket
) -> Answer:
    """What is known of `query` after `timeout` seconds.

    Raises:
        LookupFailed: it is a name without an answer, or has no address of `family`.
        AddressError: it is neither a name nor an address.
    """
    from dualstack.core.address.address import Address  # who asks for help does not pay for it
    from dualstack.core.address.endpoint import parse_host
    from dualstack.core.address.idna import ascii_name
    from dualstack.net.names.getaddrinfo import FAMILIES, addresses_in, getaddrinfo, known_addresses

    query = ascii_name(query)
    known = known_addresses(query, family=family)
    host = parse_host(query)
    if isinstance(host, Address):
        return _reverse(host.canonical, timeout=timeout, numeric=numeric, resolver=resolver)
    if known is not None:
        return Answer(host if isinstance(host, str) else None, tuple(map(str, known)))
    if numeric:
        raise LookupFailed(query, "a name, and --numeric asks no resolver", errno=socket.EAI_NONAME)
    found = getaddrinfo(
        query,
        None,
        FAMILIES[family],
        socket.SOCK_STREAM,
        flags=socket.AI_CANONNAME,
        timeout=timeout,
        resolver=resolver,
    )
    return Answer(found[0][3] or query, tuple(map(str, addresses_in(found))))


def _reverse(address: "Address", *, timeout: float, numeric: bool, resolver: "Resolver") -> Answer:
    from dualstack.net.names.getaddrinfo import getnameinfo  # as above

    sockaddr = (str(address), 0)
    text, _ = getnameinfo(sockaddr, _NUMERIC)
    if numeric:
        return Answer(text, (text,), numeric_only=True)
    try:
        name, _ = getnameinfo(sockaddr, socket.NI_NAMEREQD, timeout=timeout, resolver=resolver)
    except LookupFailed as error:
        # That it has no name is an answer.
        why = None if error.errno == socket.EAI_NONAME else str(error)
        return Answer(text, (text,), numeric_only=True, error=why)
    return Answer(text, (text,), (name,))


def _print(answer: Answer) -> None:
    if answer.error:
        click.echo(f"dualstack: {answer.error}", err=True)
    for line in answer.names or answer.addresses:
        click.echo(line)
