"""What was said lately, so that a flood of datagrams makes no flood of lines."""

from collections import OrderedDict
from collections.abc import Hashable

__all__ = ["RepeatFilter"]


class RepeatFilter:
    """Remembers what was said.

    Args:
        quiet_s: how long the same is not said again.
        most: how many different things are said in that time.
    """

    def __init__(self, *, quiet_s: float = 10.0, most: int = 100) -> None:
        self._quiet_s = quiet_s
        self._most = most
        self._said: OrderedDict[Hashable, float] = OrderedDict()

    def is_news(self, what: Hashable, now: float) -> bool:
        """Whether to say it now."""
        said = self._said
        while said and now - next(iter(said.values())) >= self._quiet_s:
            said.popitem(last=False)
        if what in said or len(said) >= self._most:
            return False
        said[what] = now
        return True
