"""Dockerfiles: what the last stage starts (ENTRYPOINT, CMD) and with which environment (ENV); nothing is built."""

import json
import re
import shlex
from dataclasses import dataclass, field

from dualstack.doctor.listening import NotUnderstood, Place
from dualstack.doctor.tree import Document

__all__ = ["Image", "image", "is_dockerfile"]

_NAME = re.compile(r"(?:.*/)?(?:Dockerfile|Containerfile)(?:\.[\w.-]+)?$|.*\.(?:dockerfile|containerfile)$")


@dataclass(slots=True)
class Image:
    """What a container of the last stage runs: its words, its environment, and the line that says so."""

    place: Place
    argv: tuple[str, ...] = ()
    environ: dict[str, str] = field(default_factory=dict)


def is_dockerfile(path: str) -> bool:
    """Whether a path has the name of one."""
    return _NAME.match(path) is not None


def image(document: Document) -> Image:
    """What the last stage of a Dockerfile starts.

    Raises:
        NotUnderstood: a quote is not closed.
    """
    found = Image(Place(document.path, 1))
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    for number, line in _instructions(document):
        word, _, rest = line.strip().partition(" ")
        name, place = word.upper(), Place(document.path, number)
        if name == "FROM":
            found, entrypoint, command = Image(place), (), ()
        elif name == "ENV":
            found.environ |= _pairs(rest.strip(), place)
        elif name == "ENTRYPOINT":
            entrypoint, command, found.place = _words(rest.strip(), place), (), place
        elif name == "CMD":
            command = _words(rest.strip(), place)
            found.place = place if not entrypoint else found.place
    found.argv = (*entrypoint, *command)
    return found


def _instructions(document: Document) -> list[tuple[int, str]]:
    """Lines joined where a backslash ends them, comments left out."""
    found: list[tuple[int, str]] = []
    is_open = False
    for number, line in document.lines():
        if line.lstrip().startswith("#") or not line.strip():
            continue
        text = line.rstrip()
        body = text.removesuffix("\\")
        if is_open:
            found[-1] = (found[-1][0], f"{found[-1][1]} {body.strip()}")
        else:
            found.append((number, body))
        is_open = text.endswith("\\")
    return found


def _words(text: str, place: Place) -> tuple[str, ...]:
    """The exec form is JSON; the shell form is split as a shell does, without what a shell would do besides."""
    if text.startswith("["):
        try:
            return tuple(str(each) for each in json.loads(text))
        except (ValueError, RecursionError):
            pass
    words = _split(text, place)
    return tuple(words[1:] if words[:1] == ["exec"] else words)


def _pairs(text: str, place: Place) -> dict[str, str]:
    words = _split(text, place)
    if words and "=" not in words[0]:
        return {words[0]: " ".join(words[1:])}
    return dict(word.split("=", 1) for word in words if "=" in word)


def _split(text: str, place: Place) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise NotUnderstood(f"{text!r}: {error}", place) from None
