"""The status page of a snapshot that has something of everything, as it was when somebody last looked it over.

Where it is meant to change, `python tests/golden/test_status_page.py` writes it anew; read what `git diff` shows.
"""

import sys
from pathlib import Path

GOLDEN = Path(__file__).parent.parent / "data" / "status_page.html"


def drawn() -> str:
    """The page, an element a line."""
    from dualstack.gateway.status.page.choice import Choice
    from dualstack.gateway.status.page.drawn import Drawn
    from dualstack.gateway.status.page.view import pieces
    from support.rich_snapshot import rich, samples

    return "".join(pieces(rich(), samples(), Choice(order="name"), Drawn(), every_s=3)).replace("><", ">\n<")


def test_the_page_is_what_it_was() -> None:
    assert drawn() == GOLDEN.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    GOLDEN.write_text(drawn(), encoding="utf-8")
