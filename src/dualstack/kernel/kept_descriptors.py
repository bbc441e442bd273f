"""Descriptors that are kept for those who must have one: closed when they need it, opened again when they are done.

The system gives out the lowest free number and knows no quota within a process; so what is kept is open, on /dev/null.
"""

import os

__all__ = ["KeptDescriptors"]


class KeptDescriptors:
    """Keeps `count` descriptors, or as many of them as there are.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._lent = 0
        self._kept: list[int] = []
        self.keep()

    def lend(self) -> bool:
        """Let one go, for somebody who opens one now; whether there was one."""
        self.keep()
        if not self._kept:
            return False
        os.close(self._kept.pop())
        self._lent += 1
        return True

    def returned(self) -> None:
        """Somebody has closed one that was lent."""
        self._lent -= 1
        self.keep()

    def let_go(self) -> None:
        """Give all that is kept to whoever asks next; `keep` keeps as many again."""
        while self._kept:
            os.close(self._kept.pop())

    def keep(self) -> bool:
        """Keep those again that nobody has; whether there are so many."""
        try:
            while len(self._kept) + self._lent < self._count:
                self._kept.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            return False
        return True
