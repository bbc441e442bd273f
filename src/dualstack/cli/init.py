"""`dualstack init`: a first configuration, by three questions or by options."""

import sys
from pathlib import Path

import click

from dualstack.cli.offers import PATH
from dualstack.errors import ConfigError

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack init                                       three questions, then gateway.toml
  dualstack init --to 127.0.0.1:1143 --listen '*:143'  no question
  dualstack init --to [::1]:8080 --listen '*:80' --access 'allow public' --name web -o -
  dualstack gateway --config gateway.toml --check      what the file opens, and why

\b
Exit status: 0 the file is written, 78 an answer is wrong or the file is there already.
"""
)
@click.option("--to", metavar="TARGET", help="Where the server is: HOST:PORT, unix:/PATH or exec:COMMAND.")
@click.option("--listen", metavar="LISTEN", help="Where clients of both families come, such as '*:143'.")
@click.option(
    "--access",
    "rules",
    multiple=True,
    metavar="RULE",
    help="Who may come in, as for `dualstack access`; else everybody.",
)
@click.option("--name", default="first", show_default=True, help="What the service is called in logs and counts.")
@click.option("--output", "-o", type=PATH, default="gateway.toml", show_default=True, help="The file; - prints it.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def command(to: str | None, listen: str | None, rules: tuple[str, ...], name: str, output: str, *, force: bool) -> None:
    """Write a first configuration of the gateway, with the keys that most people want to know of."""
    from dualstack.gateway.config.first_file import first_file

    if output != "-" and Path(output).exists() and not force:
        raise ConfigError(output, "", "is there already; --force writes over it, -o names another")
    if to is None or listen is None:
        to, listen, rules = _asked(to, listen, rules)
    text = first_file(name, listen, to, rules)
    if output == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(output, "", f"cannot be written: {error.strerror}; -o names another place") from error
    click.echo(f"Wrote {output}. What it opens: dualstack gateway --config {output} --check", err=True)


def _asked(to: str | None, listen: str | None, rules: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]]:
    """What no option says, of who sits there."""
    if not sys.stdin.isatty():
        raise click.UsageError("give --to and --listen; nobody is there to be asked")
    if to is None:
        to = click.prompt("Where is the server? (HOST:PORT, unix:/PATH or exec:COMMAND)", err=True)
    if listen is None:
        port = f"*:{to.rpartition(':')[2]}" if to.rpartition(":")[2].isdigit() else None
        listen = click.prompt("Where shall clients of both families come?", default=port, err=True)
    if not rules:
        said = click.prompt(
            "Who may come in? (any, public, or addresses and prefixes, with commas)", default="any", err=True
        )
        wanted = [word.strip() for word in said.split(",")]
        rules = () if wanted == ["any"] else tuple(f"allow {word}" for word in wanted)
    return to, listen, rules
