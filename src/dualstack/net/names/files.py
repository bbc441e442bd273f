"""Files that names and connections go by: read again when they change, and never on a loop.

A blocking caller looks at them whenever it needs them. On a loop a look is made in a thread of its own, which waits for
no lookup, and counts for 20 ms: who connects within that goes by what was seen. Nor does anybody wait for a big file
that is being read again, but for the one who found that it has changed.
"""

import os
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from time import monotonic
from typing import Generic, TypeVar

from dualstack.net.names.thread_pool import Pool

__all__ = ["FRESH_S", "Files", "ParsedFile"]

T = TypeVar("T")

FRESH_S = 0.02
"""How long a look counts."""

_LOOKS = Pool(threads=1)


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


class Files:
    """Several of them, for one dialler.

    Args:
        looks: looks at each of them.
    """

    def __init__(self, looks: Sequence[Callable[[], object]]) -> None:
        self._looks = looks
        self._looked_at = -inf
        self.is_known = False
        self._is_looking = False

    @property
    def is_fresh(self) -> bool:
        """Whether what was seen counts still, or somebody is just looking."""
        return monotonic() - self._looked_at < FRESH_S or (self.is_known and self._is_looking)

    def look(self) -> None:
        """See what has changed; blocks."""
        self._is_looking = True
        try:
            for look in self._looks:
                look()
        finally:
            self.is_known, self._is_looking, self._looked_at = True, False, monotonic()

    async def looked(self) -> None:
        """See what has changed, where nobody has done so a moment ago; for asyncio."""
        if not self.is_fresh:
            await _LOOKS.run_async(self.look, inf)
