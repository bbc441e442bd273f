"""Settings of a line each: `key = value`, `key value`, `key: value`, with or without `[sections]`."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from dualstack.doctor.listening import Place
from dualstack.doctor.tree import Document

__all__ = ["Entry", "entries", "last", "unquoted"]

_SECTION = re.compile(r"\s*\[([^\]]*)\]\s*$")


@dataclass(frozen=True, slots=True)
class Entry:
    """A setting: its key as written, its value without quotes and comment, the section it is in.

    `is_head` where nothing stands behind the separator, as in `server:`; an empty text in quotes is a value.
    """

    key: str
    value: str
    place: Place
    section: str = ""
    is_head: bool = False

    @property
    def words(self) -> list[str]:
        """The value's words, quotes taken off."""
        return [unquoted(word) for word in re.findall(r'"[^"]*"|\'[^\']*\'|[^\s"\']+', self.value)]


def entries(
    document: Document,
    *,
    separator: str = r"\s*=\s*",
    comments: str = "#",
    inline: bool = False,
    continued: Callable[[str], bool] | None = None,
    has_sections: bool = False,
) -> Iterator[Entry]:
    """The settings of a file, in order; a line without separator is a key without value.

    Args:
        document: the file.
        separator: a regular expression for what stands between key and value.
        comments: the characters that begin a comment at the head of a line.
        inline: whether they begin one behind a blank too.
        continued: whether a line goes on with the one before it.
        has_sections: whether `[name]` begins a section.
    """
    section = ""
    for number, line in _logical(document.lines(), continued, comments):
        text = line.strip()
        if not text or text[0] in comments:
            continue
        if inline:
            text = re.sub(rf"\s+[{re.escape(comments)}].*$", "", text)
        head = _SECTION.match(text) if has_sections else None
        if head is not None:
            section = head[1].strip()
            continue
        key, *value = re.split(separator, text, maxsplit=1)
        text = value[0].strip() if value else ""
        yield Entry(key, unquoted(text), Place(document.path, number), section, is_head=not text)


def last(found: Iterable[Entry], *keys: str) -> Entry | None:
    """The last of the settings with one of these keys, whatever their case; None where there is none."""
    wanted = {key.casefold() for key in keys}
    hits: Sequence[Entry] = [each for each in found if each.key.casefold() in wanted]
    return hits[-1] if hits else None


def unquoted(text: str) -> str:
    """A text without the quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0] else text


def _logical(
    lines: Iterable[tuple[int, str]], continued: Callable[[str], bool] | None, comments: str
) -> Iterator[tuple[int, str]]:
    """Lines with those that go on with them."""
    held: tuple[int, str] | None = None
    for number, line in lines:
        if held is not None and continued is not None and continued(line) and line.strip():
            held = held if line.strip()[0] in comments else (held[0], f"{held[1]} {line.strip()}")
            continue
        if held is not None:
            yield held
        held = (number, line)
    if held is not None:
        yield held
