"""Write the manual pages of the command and of its file, from what the program says of itself, to packaging/man.

`tests/golden/test_manual_pages.py` fails where they differ from the program.
"""

import inspect
import re
from collections.abc import Iterator
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import click

from dualstack.cli.main import cli
from dualstack.cli.verbs import Verbs
from dualstack.gateway.config.first_file import first_file
from dualstack.gateway.config.schema import configuration_keys

PLACE = Path(__file__).parent.parent / "packaging" / "man"
NAME = "dualstack"

ENVIRONMENT = {
    "DUALSTACK_CONTROL": "The control socket of the gateway that is meant, where no --control says so.",
    "DUALSTACK_LABS": "The directory in which the labs of this user are known.",
    "NO_COLOR": "Any text: no colours.",
}
FILES = {
    "/etc/dualstack/gateway.toml": "The gateway's configuration where no --config says another; see dualstack.toml(5).",
    "/run/dualstack/control.sock": "The control socket of a gateway that systemd runs.",
}
EXIT_STATUS = {
    "0": "Done, or yes.",
    "1": "No: a denied address, a conflict, a finding.",
    "2": "A wrong option or argument.",
    "69": "What is asked is not there, or cannot be reached.",
    "77": "The right to do it is missing.",
    "78": "A wrong value, rule or configuration.",
    "130": "Interrupted.",
}
SEE_ALSO = {
    "relay": ("gateway", "proxy", "ports"),
    "gateway": ("ports", "console", "relay", "proxy"),
    "ports": ("gateway", "console"),
    "explain": ("listen", "gateway"),
    "doctor": ("check", "explain"),
    "check": ("doctor",),
    "run": ("proxy", "connect"),
}
_DESCRIPTION = """
The file that dualstack gateway runs, in TOML; /etc/dualstack/gateway.toml where --config names none. A key that is not
known, or a value that is not one of its type, is an error that names the line's key. What each socket becomes, and what
stands in its way, is printed by dualstack gateway --check before anything is opened; a running gateway takes a changed
file on SIGHUP, and keeps what it has where the file is wrong.

Where connections go is HOST:PORT, unix:/PATH or exec:COMMAND. Where to listen is a list such as *:143 or [::1]:8080.
Times are in seconds. A rule is allow or deny, a blank, and any, public, an address or a prefix; the first that matches
decides, and where none does the answer is deny.
"""
_TABLES = {"": "before all tables", "ports.NAME": "[ports.NAME]", "services": "[[services]]", "links": "[[links]]"}


def _example() -> str:
    return first_file("imap", "*:143", "127.0.0.1:1143", ["deny 192.0.2.0/24", "allow any"]).rstrip()


def text(said: str) -> str:
    """`said` as roff reads it as it is."""
    escaped = said.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^([.'])", r"\\&\1", escaped, flags=re.MULTILINE)


def bold(said: str) -> str:
    """`said`, bold."""
    return rf"\fB{text(said)}\fR"


def tagged(rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    """A list of what is explained, bold, each with its explanation."""
    for term, explained in rows:
        yield from (".TP", bold(term), text(explained))


def paragraphs(said: str) -> Iterator[str]:
    """Paragraphs; after a mark of click's the lines stand as they are."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(said))):
        as_it_is = paragraph.startswith("\b")
        yield from [".PP"] * bool(number)
        yield from (".nf", text(paragraph.removeprefix("\b\n")), ".fi") if as_it_is else (text(paragraph),)


def epilog(whole: str) -> Iterator[str]:
    """The examples, the exit status and what else stands below the options."""
    heads = {"Examples": "EXAMPLES", "Exit status": "EXIT STATUS"}
    for block in filter(None, (each.strip("\n") for each in whole.split("\b\n"))):
        head, _, rest = block.partition(":")
        said = inspect.cleandoc(rest if head in heads else block).strip()
        is_as_it_is = "\n  " in f"\n{rest if head in heads else block}"
        yield f".SH {heads.get(head, 'NOTES')}"
        yield from (".nf", text(said), ".fi") if is_as_it_is else (text(said),)


def page_of(context: click.Context) -> str:
    """The page of a command."""
    command = context.command
    title = context.command_path.replace(" ", "-")
    options = [
        record
        for each in command.params
        if isinstance(each, click.Option) and (record := each.get_help_record(context))
    ]
    verbs = dict(command.verbs) if isinstance(command, Verbs) else {}
    summary = first_sentence(command.help or "")
    lines = [
        f'.TH {title.upper()} 1 "" "{NAME} {version(NAME)}" "{NAME}"',
        *(".SH NAME", rf"{text(title)} \- {text(summary)}"),
        *(".SH SYNOPSIS", f"{bold(context.command_path)} {text(' '.join(command.collect_usage_pieces(context)))}"),
        *(".SH DESCRIPTION", *paragraphs(command.help or "")),
        *([".SH COMMANDS", *tagged(iter(verbs.items()))] if verbs else []),
        *(".SH OPTIONS", *tagged(iter(options))),
        *epilog(command.epilog or ""),
    ]
    if context.parent is None:
        for head, rows in (("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES), ("EXIT STATUS", EXIT_STATUS)):
            lines += [f".SH {head}", *tagged(iter(rows.items()))]
    lines += [".SH SEE ALSO", ", ".join(see_also(title, verbs))]
    return "\n".join(lines) + "\n"


def see_also(title: str, verbs: dict[str, str]) -> list[str]:
    """The pages beside one."""
    verb = title.removeprefix(f"{NAME}-")
    others = [f"{title}-{each}" for each in verbs] or [NAME, *(f"{NAME}-{each}" for each in SEE_ALSO.get(verb, ()))]
    also = ["dualstack.toml(5)"] if verb in {NAME, "gateway", "access", "explain", "ports"} else []
    return [f"{bold(each)}(1)" for each in others] + [text(each) for each in also]


def first_sentence(said: str) -> str:
    """What stands before the first full stop or colon, to follow a dash."""
    sentence = re.split(r"[.:](?:\s|$)", inspect.cleandoc(said).replace("\n", " "))[0]
    return sentence[:1].lower() + sentence[1:]


def contexts(context: click.Context) -> Iterator[click.Context]:
    """Those of a command and of all below it."""
    yield context
    command = context.command
    if isinstance(command, click.Group):
        for verb in command.list_commands(context):
            below = command.get_command(context, verb)
            if below is not None:
                yield from contexts(click.Context(below, info_name=verb, parent=context, **below.context_settings))


def page_of_the_file() -> str:
    """dualstack.toml(5): each key with its type, what it is where it is not written, and what it means."""
    lines = [
        f'.TH DUALSTACK.TOML 5 "" "{NAME} {version(NAME)}" "{NAME}"',
        *(".SH NAME", r"dualstack.toml \- the ports, services and links of dualstack\-gateway(1)"),
        *(".SH DESCRIPTION", *paragraphs(_DESCRIPTION)),
        *(".SH EXAMPLE", ".nf", text(_example()), ".fi"),
    ]
    tables = groupby(configuration_keys(), lambda key: key.key.rpartition(".")[0])
    for table, keys in tables:
        lines.append(f".SH {text(_TABLES.get(table, table).upper())}")
        for key in keys:
            default = "required" if key.default == "required" else f"{key.default} where it is not written"
            lines += [".TP", bold(key.key.rpartition(".")[2]), text(f"{key.meaning} ({key.type}; {default})")]
    lines += [".SH SEE ALSO", f"{bold('dualstack-gateway')}(1), {bold('dualstack-access')}(1)"]
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """All pages by their path below the place of manual pages."""
    top = click.Context(cli, info_name=NAME, **cli.context_settings)
    found = {f"man1/{each.command_path.replace(' ', '-')}.1": page_of(each) for each in contexts(top)}
    return {**found, "man5/dualstack.toml.5": page_of_the_file()}


def main() -> None:
    """Write them all, and take away those of commands that are gone."""
    wanted = pages()
    for old in PLACE.glob("man?/*"):
        if str(old.relative_to(PLACE)) not in wanted:
            old.unlink()
    for name, page in wanted.items():
        path = PLACE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
