"""`dualstack address`: say what texts are (U6, N3, N7)."""

import sys

import click

from dualstack.cli.output import json_option
from dualstack.errors import ConfigError, ExitCode

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
    from dualstack.cli.descriptions import print_descriptions  # who asks for help does not pay for it

    return print_descriptions(texts, prefixes, as_json=as_json)


def _texts_from(document: str) -> list[str]:
    import json

    try:
        texts = json.loads(document)
    except ValueError as error:
        raise ConfigError("standard input", "", f"no JSON: {error}") from None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ConfigError("standard input", "", "a JSON array of strings is expected")
    return texts
