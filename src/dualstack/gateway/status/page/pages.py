"""The page as bytes, drawn in slices, once for all who ask for the same at about the same time.

However many look, and whatever they filter by, it is drawn a few times a second at most; who comes too often is told,
in the page, how often to ask.
"""

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Generator, Iterator
from math import ceil

from msgspec import Struct

from dualstack.core.pace import Pace
from dualstack.gateway.status.page.choice import Choice
from dualstack.gateway.status.page.drawn import Drawn
from dualstack.gateway.status.page.markup import templates
from dualstack.gateway.status.page.samples import SnapshotFeed
from dualstack.gateway.status.page.view import pieces
from dualstack.gateway.status.slices import in_slices
from dualstack.gateway.status.snapshot import Snapshot

__all__ = ["Body", "Pages"]

_DRAWN_PER_S, _DRAWN_AT_ONCE = 4.0, 8.0
_CHOICES_MAX = 8
# As many answers a second are wanted, and so often does each ask at the longest.
_ANSWERS_PER_S, _EVERY_MAX_S = 10.0, 10
_LEVEL = 1


class Body(Struct, frozen=True):
    """An answer's content, as it is and compressed."""

    plain: bytes
    zipped: bytes

    @classmethod
    def of(cls, content: bytes) -> "Body":
        """Both."""
        return cls(content, gzip.compress(content, _LEVEL, mtime=0))


class Pages:
    """Draws what a watch sees.

    Args:
        watch: it.
    """

    def __init__(self, watch: SnapshotFeed) -> None:
        templates()  # compiled at the start, for the first draw would hold up the relay
        self.every_s = 1
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(_DRAWN_PER_S, _DRAWN_AT_ONCE)
        self._drawing = asyncio.Lock()
        self._drawn = Drawn()
        self._known: OrderedDict[Choice, tuple[Snapshot, Body]] = OrderedDict()
        self._asked = 0
        self._asked_since = self._loop.time()

    async def of(self, choice: Choice) -> Body:
        """The page for this choice, of a second ago at most, or of when there was time to draw it.

        Raises:
            ValueError: nobody tells what there is to be shown.
        """
        self._asked += 1
        async with self._drawing:
            shot = await self._watch.now()
            known = self._known.get(choice)
            if known is not None and known[0] is shot:
                return known[1]
            await asyncio.sleep(self._pace.wait_s(self._loop.time()))
            shot = await self._watch.now()
            body = await self._draw(shot, choice)
            self._known[choice] = shot, body
            self._known.move_to_end(choice)
            if len(self._known) > _CHOICES_MAX:
                self._known.popitem(last=False)
            return body

    async def _draw(self, shot: Snapshot, choice: Choice) -> Body:
        self._look_how_many_ask()
        drawing = pieces(shot, self._watch.lately(shot), choice, self._drawn, every_s=self.every_s)
        return Body.of((await in_slices(_joined(drawing))).encode(errors="replace"))

    def _look_how_many_ask(self) -> None:
        """So often is each to ask that there are not many more answers a second than are wanted."""
        now = self._loop.time()
        if (past_s := now - self._asked_since) >= 1.0:
            at_most = ceil(self._asked / past_s * self.every_s / _ANSWERS_PER_S)
            self.every_s = min(max(at_most, 1), _EVERY_MAX_S)
            self._asked, self._asked_since = 0, now


def _joined(drawing: Iterator[str]) -> Generator[None, None, str]:
    parts = []
    for piece in drawing:
        parts.append(piece)
        yield
    return "".join(parts)
