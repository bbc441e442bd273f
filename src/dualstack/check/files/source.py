"""A file to findings: read, told its language, asked by that language's rules, its comments heeded.

Nothing in a file, and no file, is a failure: what cannot be read is a finding of its own.
"""

import gc
import io
import os
import re
import tokenize
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from stat import S_ISREG

from dualstack.check.c.reader import read_c
from dualstack.check.files.silence import Silence, is_selected
from dualstack.check.files.walk import walk
from dualstack.check.findings.finding import Finding, Remark
from dualstack.check.findings.kinds import BY_NAME
from dualstack.check.findings.ranking import one_a_line
from dualstack.check.python.reader import read_python

__all__ = ["SourceFile", "check_paths", "check_source"]

_GIANT_BYTES = 8 << 20
_BINARY_BYTES = 8192
# From here on processes are worth their start.
_MANY_FILES = 300
_WORKERS = 8
_CHUNK = 8
_LANGUAGES: dict[str, Callable[[str, str], list[Remark]]] = {
    ".py": read_python,
    ".pyi": read_python,
    ".c": read_c,
    ".h": read_c,
}
_SHEBANG = re.compile(rb"#!.*\bpython[\d.]*\b")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was looked at.

    Attributes:
        path: as it was named.
        findings: what was found, by line.
        text: what was read; empty where it could not be.
    """

    path: str
    findings: tuple[Finding, ...]
    text: str = field(default="", repr=False)

    @property
    def lines(self) -> list[str]:
        """The text as compilers count its lines: a form feed ends none."""
        return self.text.split("\n")


def check_paths(
    paths: Sequence[str], *, select: Sequence[str] = (), ignore: Sequence[str] = ()
) -> Iterator[SourceFile]:
    """Look at files, and at those of Python and C in directories, in their order; many are shared among processes.

    Args:
        paths: files and directories.
        select: codes, beginnings of codes, or names of kinds; all where none is given.
        ignore: the same, left out.

    >>> from dualstack.check import check_paths
    >>> [file.path for file in check_paths([])]
    []
    """
    files = list(walk(paths))
    look = partial(_checked, select=tuple(select), ignore=tuple(ignore))
    workers = min(os.cpu_count() or 1, _WORKERS)
    if len(files) < _MANY_FILES or workers == 1:
        yield from map(look, files)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from pool.map(look, files, chunksize=_CHUNK)


def _checked(path: str, *, select: tuple[str, ...], ignore: tuple[str, ...]) -> SourceFile:
    """One file, with its text where there is something to show of it."""
    with _without_collector():
        text, wrong = _read(path)
        found = check_source(text, path) if wrong is None else (Finding.of(path, Remark(1, 1, "not-read", wrong)),)
    chosen = tuple(each for each in found if _is_wanted(each, select, ignore))
    return SourceFile(path, chosen, text if chosen else "")


def check_source(text: str, path: str) -> tuple[Finding, ...]:
    """What is found in a text.

    Args:
        text: the program.
        path: its name: the ending tells the language, Python where it has none.

    >>> from dualstack.check import check_source
    >>> [finding.code for finding in check_source("import socket; socket.gethostbyname(name)", "ask.py")]
    ['DS208']
    """
    read = _LANGUAGES.get(Path(path).suffix.lower(), read_python)
    silence = Silence(text)
    remarks = (remark for remark in read(text, path) if not silence.covers(remark.line, BY_NAME[remark.kind]))
    return tuple(Finding.of(path, remark) for remark in one_a_line(remarks))


def _is_wanted(finding: Finding, select: tuple[str, ...], ignore: tuple[str, ...]) -> bool:
    kind = BY_NAME[finding.kind]
    return (not select or is_selected(kind, select)) and not is_selected(kind, ignore)


def _read(path: str) -> tuple[str, str | None]:
    """A file's text, and what is wrong where it has none."""
    try:
        status = Path(path).stat()
        if not S_ISREG(status.st_mode):
            return "", "not a file"
        if status.st_size > _GIANT_BYTES:
            return "", f"larger than {_GIANT_BYTES >> 20} MiB"
        raw = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        return "", str(getattr(error, "strerror", None) or error)
    if b"\0" in raw[:_BINARY_BYTES]:
        return "", "binary"
    if Path(path).suffix.lower() not in _LANGUAGES and not _SHEBANG.match(raw):
        return "", "neither Python nor C by its ending or its first line"
    return _decoded(raw), None


def _decoded(raw: bytes) -> str:
    """In the encoding that the file says, UTF-8 or Latin-1."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        text = raw.decode(encoding)
    except (SyntaxError, UnicodeError, LookupError):
        text = raw.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


@contextmanager
def _without_collector() -> Iterator[None]:
    """Syntax trees are many small objects without circles: the collector would look at them again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
