"""The fenced blocks of the documents: their commands, what is shown of the answers, and whether it is what was said."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "Shown", "blocks_of", "difference", "pages"]

ROOT = Path(__file__).parents[2]

# What differs from run to run: times, numbers of ports and processes, dates. Widths of columns follow from these.
_VARIES = (
    r"\d+\.\d+ m?s\b",
    r"\b\d+\.\d{3,}\b",
    r":\d{5}\b",
    r"pid \d+",
    r"\d\d/\d\d/\d{4} +\d\d:\d\d:\d\d [AP]M",
    r"\w+day, \w+ \d\d, \d{4} \d\d:\d\d:\d\d-\S+",
    r"\d{4}-\d\d-\d\dT[\d:.]+Z",
    r"\d+(?:\.\d+)? s\b",
    r"─+",
)
_VARYING = "|".join(_VARIES)
_ANYTHING = "..."


@dataclass(frozen=True)
class Shown:
    """A command of a block, and the lines that are shown below it."""

    command: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, what language it is said to be, and its text."""

    page: str
    line: int
    language: str
    text: str
    heading: str

    @property
    def name(self) -> str:
        """Page and first line, by which the tests speak of it."""
        return f"{self.page}: {self.text.splitlines()[0][:60]}"

    @property
    def commands(self) -> list[Shown]:
        """Its commands: lines after `$ `, with what follows; without any `$ `, each line is one."""
        lines = re.sub(r"\\\n\s*", "", self.text).splitlines()
        if not any(line.startswith("$ ") for line in lines):
            return [Shown(line, ()) for line in lines if line.strip()]
        found: list[Shown] = []
        for line in lines:
            if line.startswith("$ "):
                found.append(Shown(line[2:], ()))
            elif line.strip():
                found[-1] = Shown(found[-1].command, (*found[-1].lines, line))
        return found


def pages() -> list[str]:
    """All pages, as paths from the root."""
    return [str(path.relative_to(ROOT)) for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]]


def blocks_of(page: str) -> Iterator[Block]:
    """The blocks of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        before = text[: found.start()]
        headings = re.findall(r"^#+ (.*)$", before, flags=re.MULTILINE)
        yield Block(page, before.count("\n") + 1, found[1], found[2], headings[-1] if headings else "")


def difference(shown: Sequence[str], said: Sequence[str]) -> str | None:
    """Where what was said is not what is shown; a line `...` stands for any lines, in a line for any text."""
    wanted = [line for line in shown if line.strip()]
    got = [line for line in said if line.strip()]
    while wanted:
        line = wanted.pop(0)
        if line.strip() == _ANYTHING:
            if not wanted:
                return None
            while got and not _is_said(wanted[0], got[0]):
                got.pop(0)
            continue
        if not got:
            return f"shown, and not said: {line}"
        if not _is_said(line, got[0]):
            return f"shown: {line}\nsaid:  {got[0]}"
        got.pop(0)
    return f"said, and not shown: {got[0]}" if got else None


def _is_said(shown: str, said: str) -> bool:
    pattern = "".join(
        ".*" if part == _ANYTHING else f"(?:{_VARYING})" if re.fullmatch(_VARYING, part) else _plain(part)
        for part in re.split(rf"(\.\.\.|{_VARYING})", shown.strip())
    )
    return re.fullmatch(pattern, said.strip()) is not None


def _plain(text: str) -> str:
    return r"\s+".join(map(re.escape, re.split(r"\s+", text)))
