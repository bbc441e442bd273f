"""The edit that serves both families, as a diff; nothing is written.

Edits are tried, not trusted: each is examined again, and offered only where the daemon then starts and everybody
reaches the ports that it had; first of all one that holds whatever net.ipv6.bindv6only says.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import unified_diff
from itertools import islice

from dualstack.doctor.examine import Answer, Question, examine
from dualstack.doctor.formats.command_line import COMMAND, split_command
from dualstack.doctor.opening import Socket

__all__ = ["command_fix", "fix"]

# One address for another, on a line where a socket's setting stands; tried in this order.
_SWAPS = (
    (r"(?<![\d.\w:])0\.0\.0\.0(?![\d.])", ("*", "::", "[::]", "", "0.0.0.0,::", "0.0.0.0, ::", "0.0.0.0 ::", "any")),
    (r"(?<![\w:.%\]])\*(?=[:,;\s\"']|$)", ("::", "[::]", "*, ::", "* -::*", "*,::", "")),
    (r"(?<![\w:.\[])::(?:0)?(?![\w:.])", ("*", "0.0.0.0,::", "*, ::", "* -::*", "")),
    (r"\[::\]:", ("*:", ":")),
    (r"(?<![\d.])0\.0\.0\.0:", (":::", "[::]:", ":")),
    (r"(?<=[\"'])(?=[\"'])", ("::",)),
)
_WORDS = (
    ("ipv6only=on", "ipv6only=off"),
    ("v6only", "v4v6"),
    ("ipv4", "all"),
    ("ipv6", "all"),
    ("inet6", "any"),
    ("inet", "any"),
    ("ipv6-only", "both"),
    ("tcp4", "tcp"),
    ("tcp6", "tcp"),
    ("udp4", "udp6"),
    ("udp", "udp6"),
    ("tcp-server", "tcp6-server"),
    ("IPv4", "IPv6"),
    ("false", "true"),
    ("::", ":::"),
    ("tcp6only", "tcp6"),
    ("NO", "YES"),
    ("listen=YES", "listen=NO\nlisten_ipv6=YES"),
    ("accept = ", "accept = :::"),
    ("listen-address :", "listen-address [::]:"),
)
_LISTEN_BOTH = r"(?P<head>\blisten\s+)(?:\*:|0\.0\.0\.0:|\[::\]:)?(?P<port>\d+)(?P<rest>[^;{}\[]*);"
_MOST_TRIES = 120


def fix(answer: Answer) -> str | None:
    """The diff of a file that makes `answer`'s daemon serve both families; None where it does, or none is known."""
    question = answer.question
    path = _path(answer)
    if answer.opened is None or _serves_both(answer) or not path or not question.tree.has(path):
        return None
    text = question.tree.read(path).text
    edits = list(dict.fromkeys(each for each in islice(_edits(answer, text, path), _MOST_TRIES) if each != text))
    questions = [replace(question, tree=question.tree.with_text(path, edited)) for edited in edits]
    best = _best(answer, questions)
    if best is None:
        return None
    before, after = text.splitlines(keepends=True), edits[best].splitlines(keepends=True)
    return "".join(unified_diff(before, after, f"a{path}", f"b{path}"))


def command_fix(answer: Answer) -> str | None:
    """The command line that makes it serve both; None where it does, or none is known."""
    question = answer.question
    if answer.opened is None or _serves_both(answer) or not question.argv:
        return None
    both = question.daemon.both
    model = split_command(both.command)[1] if both is not None else ()
    commands = list(dict.fromkeys([*_as_in(model, question.argv), *_commands(question.argv)]))
    best = _best(answer, [replace(question, argv=argv) for argv in commands])
    return None if best is None else shlex.join(commands[best])


def _best(answer: Answer, questions: Sequence[Question]) -> int | None:
    """The first that serves both whatever net.ipv6.bindv6only says; else the first that does on this host."""
    ports = _ports(answer.opened.sockets) if answer.opened is not None else set()
    good = [number for number, each in enumerate(questions) if _is_good(each, ports)]
    other = [number for number in good if _is_good(_turned(questions[number]), ports)]
    return next(iter([*other, *good]), None)


def _turned(question: Question) -> Question:
    return replace(question, host=replace(question.host, bindv6only=not question.host.bindv6only))


def _as_in(model: tuple[str, ...], argv: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """An option's value taken from the command that is known to serve both."""
    for index, word in enumerate(argv[1:-1], 1):
        if word.startswith("-") and word in model[:-1]:
            yield (*argv[: index + 1], model[model.index(word) + 1], *argv[index + 2 :])


def _commands(argv: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """One word changed, one taken out, or one option more."""
    for index in range(1, len(argv)):
        for line in _lines(argv[index]):
            yield (*argv[:index], line, *argv[index + 1 :])
        if argv[index] in {"-4", "-6", "--ipv4", "--ipv6"}:
            yield (*argv[:index], *argv[index + 1 :])
        for host in ("::", "[::]", "", "0.0.0.0,::"):
            yield (
                *argv[:index],
                re.sub(r"(?:127\.0\.0\.1|localhost|0\.0\.0\.0)", host, argv[index]),
                *argv[index + 1 :],
            )
            if argv[index - 1] in {"-i", "-b", "-l", "-h", "--host", "--bind", "--listen", "--address"}:
                yield (*argv[:index], host, *argv[index + 1 :])
    for option in (("--host", "::"), ("--host", ""), ("-b", "[::]:8000"), ("-b", "::"), ("--bind", "::"), ("-i", "::")):
        yield (argv[0], *option, *argv[1:])
        yield (*argv, *option)


def _path(answer: Answer) -> str:
    """The file that the first socket's setting stands in, or the daemon's main one."""
    sockets = answer.opened.sockets if answer.opened is not None else ()
    written = [each.place.file for each in sockets if each.place is not None and each.place != COMMAND]
    files = [*written[:1], *([answer.place.file] if answer.place is not None and not written else []), *answer.files]
    return next((file for file in files if file and file != COMMAND.file), "")


def _ports(sockets: tuple[Socket, ...]) -> set[tuple[str, int]]:
    return {(each.proto, each.port) for each in sockets if not each.is_aside}


def _serves_both(answer: Answer) -> bool:
    return dict(answer.reach) == {"ipv4": "yes", "ipv6": "yes"}


def _is_good(question: Question, ports: set[tuple[str, int]]) -> bool:
    """Whether the daemon then starts and serves everybody on those ports."""
    again = examine(question)
    if again.opened is None or not again.opened.starts or not _serves_both(again):
        return False
    return not ports or _ports(again.opened.sockets) == ports


def _edits(answer: Answer, text: str, path: str) -> Iterator[str]:
    """Texts to try: another address on the line, another word, the daemon's own setting for both in its place."""
    lines = text.split("\n")
    sockets = answer.opened.sockets if answer.opened is not None else ()
    places = [each.place for each in sockets] + [answer.place]
    numbers = sorted(
        {each.line for each in places if each is not None and each.file == path and 0 < each.line <= len(lines)}
    )
    both = answer.question.daemon.both
    port = str(sockets[0].port) if sockets else ""
    if both is not None and both.text and len(numbers) > 1:
        kept = [line for number, line in enumerate(lines, 1) if number not in numbers[1:]]
        yield from _replaced(kept, numbers[0], _with_port(both.text, port))
    for number in numbers:
        for line in _lines(lines[number - 1]):
            yield "\n".join([*lines[: number - 1], line, *lines[number:]])
    if both is not None and both.text:
        for number in numbers:
            yield from _replaced(lines, number, _with_port(both.text, port))
            yield from _replaced(lines, number, f"{lines[number - 1].strip()}\n{both.text}")
        for each in (both.text, _with_port(both.text, port)):
            yield f"{text.rstrip()}\n{each}\n"
            yield f"{each}\n{text}"
            yield from _in_section(lines, each)
        keys = [_key(line) for line in both.text.split("\n")]
        kept = [line for line in lines if not _key(line) or _key(line) not in keys]
        yield "\n".join(kept).rstrip("\n") + f"\n{both.text}\n"


def _lines(line: str) -> Iterator[str]:
    yield re.sub(_LISTEN_BOTH, r"\g<head>\g<port>\g<rest>; \g<head>[::]:\g<port>\g<rest>;", line)
    for pattern, words in _SWAPS:
        if re.search(pattern, line):
            yield from (re.sub(pattern, word, line) for word in words)
    for old, new in _WORDS:
        yield re.sub(rf"(?<![\w-]){re.escape(old)}(?![\w-])", new, line)


def _replaced(lines: list[str], number: int, text: str) -> Iterator[str]:
    """The line's place taken by a setting, as far in as the line was."""
    indent = re.match(r"\s*", lines[number - 1])
    margin = indent[0] if indent is not None else ""
    yield "\n".join([*lines[: number - 1], *(margin + each for each in text.split("\n")), *lines[number:]])


def _in_section(lines: list[str], text: str) -> Iterator[str]:
    """Behind each head of a section: `[mysqld]`, `server:`, `options {`."""
    for number, line in enumerate(lines, 1):
        if re.match(r"\s*(\[\w+\]|\w+:|\w[^;{}]*\{)\s*$", line):
            yield "\n".join([*lines[:number], *(f"    {each}" for each in text.split("\n")), *lines[number:]])


def _with_port(text: str, port: str) -> str:
    """A setting's example with the port that was there."""
    return re.sub(r"(?<![\w.:%/])(\d{2,5})(?=\D*$)|(?<=:)(\d{2,5})\b", port, text, flags=re.MULTILINE) if port else text


def _key(line: str) -> str:
    match = re.match(r"\s*([\w.-]+)", line)
    return match[1].casefold() if match is not None else ""
