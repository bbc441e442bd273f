"""Looks at the files that names and connections go by: made together, and never on a loop.

A blocking caller looks at them whenever it needs them. On a loop a look is made in a thread of its own, which waits for
no lookup, and counts for 20 ms: who connects within that goes by what was seen. Nor does anybody wait for a big file
that is being read again, but for the one who found that it has changed.
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import inf
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dualstack.net.names.thread_pool import Pool

__all__ = ["FRESH_S", "Files"]

FRESH_S = 0.02
"""How long a look counts."""


@cache
def _thread() -> "Pool":
    from dualstack.net.names.thread_pool import Pool  # who blocks does not pay for it

    return Pool(threads=1)


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
            await _thread().run_async(self.look, inf)
