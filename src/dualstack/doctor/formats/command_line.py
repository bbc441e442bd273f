"""Options of a command line, by the table of those that take a value."""

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dualstack.doctor.listening import NotUnderstood, Place

__all__ = ["COMMAND", "Arguments", "arguments", "split_command"]

COMMAND = Place("command", 1)


@dataclass(frozen=True, slots=True)
class Arguments:
    """Options in order with their values, and the words that are no options."""

    options: tuple[tuple[str, str], ...]
    words: tuple[str, ...]

    def all(self, *names: str) -> list[str]:
        """The values of each option of these names."""
        return [value for name, value in self.options if name in names]

    def last(self, *names: str) -> str | None:
        """The value of the last option of these names; None where there is none."""
        found = self.all(*names)
        return found[-1] if found else None

    def has(self, *names: str) -> bool:
        """Whether one of these options is there."""
        return any(name in names for name, _ in self.options)


def arguments(argv: Sequence[str], takes: Collection[str] = (), *, is_go: bool = False) -> Arguments:
    """The options of `argv`, whose first word is the program.

    Args:
        argv: the command line.
        takes: the options that take a value (`-p`, `--port`).
        is_go: one dash and a long name is an option, as Go and X have them.
    """
    options: list[tuple[str, str]] = []
    words: list[str] = []
    rest = list(argv[1:])
    while rest:
        word = rest.pop(0)
        if word == "--":
            words += rest
            break
        if not word.startswith("-") or word == "-":
            words.append(word)
        elif word.startswith("--") or is_go:
            name, equals, value = word.partition("=")
            options.append((name, value if equals else rest.pop(0) if name in takes and rest else ""))
        else:
            _short(word, takes, options, rest)
    return Arguments(tuple(options), tuple(words))


def _short(word: str, takes: Collection[str], options: list[tuple[str, str]], rest: list[str]) -> None:
    """`-4`, `-p80`, `-p 80`, `-kl`."""
    letters = word[1:]
    while letters:
        name, letters = f"-{letters[0]}", letters[1:]
        if name not in takes:
            options.append((name, ""))
            continue
        options.append((name, letters or (rest.pop(0) if rest else "")))
        return


def split_command(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """The `NAME=VALUE` before a command and its words, as a shell splits them; nothing is expanded.

    Raises:
        NotUnderstood: a quote is not closed.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise NotUnderstood(f"{text!r}: {error}", COMMAND) from None
    environ: dict[str, str] = {}
    while words and words[0].partition("=")[1] and words[0].partition("=")[0].isidentifier():
        name, _, value = words.pop(0).partition("=")
        environ[name] = value
    return environ, tuple(words)
