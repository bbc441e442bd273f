"""Files that names go by: read again when they change."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

__all__ = ["ParsedFile"]

T = TypeVar("T")


class ParsedFile(Generic[T]):
    """What a file means, parsed once for each state of it; None where it cannot be read.

    Args:
        path: of the file.
        parse: reads its text.
    """

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        self._path = path
        self._parse = parse
        self._kept: tuple[tuple[int, ...] | None, T | None] = (None, None)

    def __call__(self) -> T | None:
        """What it means now."""
        try:
            status = os.stat(self._path)  # noqa: PTH116 - Path.stat costs as much again
            state = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev)
            if self._kept[0] != state:
                text = self._path.read_text(encoding="utf-8", errors="replace")
                self._kept = state, self._parse(text)
        except OSError:
            self._kept = (), None
        return self._kept[1]

    @property
    def at_hand(self) -> T | None:
        """What it meant at the last look; the first one is made now."""
        return self() if self._kept[0] is None else self._kept[1]
