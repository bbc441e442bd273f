"""The page as HTML: one function of a snapshot, in pieces, so that it can be left in between."""

from collections.abc import Iterator, Sequence

from dualstack.gateway.status.page.choice import Choice
from dualstack.gateway.status.page.drawn import Drawn
from dualstack.gateway.status.page.health import health_of
from dualstack.gateway.status.page.markup import templates
from dualstack.gateway.status.page.samples import Sample
from dualstack.gateway.status.snapshot import Snapshot

__all__ = ["page", "pieces"]

ALL = Choice()


def page(shot: Snapshot, samples: Sequence[Sample], choice: Choice = ALL) -> str:
    """The whole document, drawn at once."""
    return "".join(pieces(shot, samples, choice, Drawn()))


def pieces(
    shot: Snapshot, samples: Sequence[Sample], choice: Choice, drawn: Drawn, *, every_s: int = 1
) -> Iterator[str]:
    """The whole document in pieces.

    Args:
        shot: what it shows.
        samples: what is behind its charts, this moment at the end.
        choice: which services, in which order.
        drawn: what is not drawn again.
        every_s: how often whoever looks may ask for it anew.
    """
    document = templates().get_template("page.html")
    return document.generate(
        shot=shot,
        samples=samples,
        health=health_of(shot, samples),
        choice=choice,
        chosen=choice.services(shot.services),
        drawn=drawn,
        every_s=every_s,
    )
