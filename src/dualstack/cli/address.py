"""`dualstack address`: say what texts are (U6, N3, N7)."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dualstack.cli.output import console, json_option, print_json, room
from dualstack.core.address.address import Address
from dualstack.core.address.describe import Description, Family, describe
from dualstack.core.address.embedded import Nat64
from dualstack.core.address.registry import special
from dualstack.errors import ConfigError, ExitCode
from dualstack.net.names.services import service_port

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack address ::ffff:10.0.0.1             a private IPv4 address in IPv6 clothes
  dualstack address '[64:ff9b::a9fe:a9fe]:80'   an endpoint behind a translator
  dualstack address fe80::1%eth0 0x7f.1         a zone is kept, an old spelling refused
  dualstack address --nat64 2001:db8:64::/96 2001:db8:64::c000:221
  echo '["::1", "127.1"]' | dualstack address --stdin --json

\b
Exit status: 0 all were read, 1 one was refused, 78 a wrong NAT64 prefix or no JSON on standard input.
"""
)
@click.argument("texts", nargs=-1, metavar="TEXT...")
@click.option(
    "--nat64", "prefixes", multiple=True, metavar="PREFIX", help="A NAT64 prefix of your network; may be repeated."
)
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the texts as a JSON array of strings.")
@json_option("Print a JSON list with an object for each text.")
def command(texts: tuple[str, ...], prefixes: tuple[str, ...], *, from_stdin: bool, as_json: bool) -> ExitCode:
    """Say what each TEXT is: an address, an endpoint, a name, or why it is none of them.

    For an address: its one canonical form, what it is for, the IPv4 addresses inside it, whether it is public, and
    which of the twelve IN6_IS_ADDR_ tests hold.
    """
    if from_stdin:
        texts += tuple(_texts_from(sys.stdin.read()))
    elif not texts:
        raise click.UsageError("Missing argument 'TEXT...': write an address, or use --stdin.")
    nat64 = Nat64(prefixes)
    descriptions = [describe(text, nat64, service=service_port) for text in texts]
    if as_json:
        print_json([_printable(description.as_json()) for description in descriptions])
    else:
        _print(descriptions)
    return ExitCode.NO if any(description.error for description in descriptions) else ExitCode.YES


def _texts_from(document: str) -> list[str]:
    try:
        texts = json.loads(document)
    except ValueError as error:
        raise ConfigError("standard input", "", f"no JSON: {error}") from None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ConfigError("standard input", "", "a JSON array of strings is expected")
    return texts


def _printable(document: dict[str, object]) -> dict[str, object]:
    """Without half characters (of arguments that are no UTF-8, or JSON's lone surrogates), which nothing can print."""
    return {**document, "input": _shown(str(document["input"]))}


def _shown(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _print(descriptions: Sequence[Description]) -> None:
    out = console()
    for place, description in enumerate(descriptions):
        if place:
            out.print()
        _print_one(out, description)


# The widest label.
_LABEL = len("canonical")


def _print_one(out: "Console", description: Description) -> None:
    from rich.text import Text

    from dualstack.cli.tables import labelled_lines

    out.print(Text(_shown(description.input), style="bold"), soft_wrap=True)
    for label, value in _rows(description):
        style = "red" if label == "error" else "green" if (label, value) == ("public", "allow") else ""
        for line in labelled_lines(label, value, _LABEL, room()):
            out.print(Text(line, style=style), soft_wrap=True)


def _rows(description: Description) -> list[tuple[str, str]]:
    """What there is to say, in the order of interest."""
    rows = [
        ("family", description.family.value if description.family else None),
        ("canonical", description.canonical),
        ("classes", ", ".join(description.classes)),
        ("block", _block(description)),
        ("embedded", ", ".join(f"{inside.ipv4} ({inside.mechanism})" for inside in description.embedded)),
        ("zone", description.scope),
        ("kame", _kame(description)),
        ("public", description.public.value),
        ("tests", ", ".join(name for name, holds in description.in6.items() if holds)),
        ("error", description.error),
    ]
    return [(label, value) for label, value in rows if value]


def _block(description: Description) -> str | None:
    """The row of the registries, with its law."""
    address = _address(description)
    row = special(address.canonical) if address else None
    return f"{row.prefix} {row.name}: {row.law}" if row else None


def _kame(description: Description) -> str | None:
    """A suspicion, said aloud and not acted on."""
    address = _address(description)
    if address is None or address.kame_scope is None:
        return None
    meant = Address.from_kame(address.without_scope)
    return f"scope {address.kame_scope} seems embedded as KAME does; {meant} may be meant"


def _address(description: Description) -> Address | None:
    is_address = description.family in {Family.IPV4, Family.IPV6} and description.error is None
    return Address(description.input) if is_address else None
