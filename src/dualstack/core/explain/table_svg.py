"""A table of boxes as an SVG picture, as Stevens draws his: heads above, clients at the left, a box for each meeting.

Text in, text out; the colours follow the reader's light or dark scheme.
"""

from collections.abc import Iterator, Sequence
from html import escape

__all__ = ["table_svg"]

_CHARACTER = 7.8  # the width of one at 13 pixels in a monospaced face
_LINE, _PAD = 22, 12
_NO = ("(no", "unknown")
_STYLE = (
    "text{font:13px ui-monospace,monospace;fill:#1b1b1b}.head{font-weight:bold}.no{fill:#a33}"
    "rect{fill:none;stroke:#8a8a8a}svg{background:#fff}"
    "@media (prefers-color-scheme:dark){text{fill:#e8e8e8}.no{fill:#f88}svg{background:#1b1b1b}}"
)


def table_svg(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], below: Sequence[str] = ()) -> str:
    """The picture: a title, the boxes, lines of text below.

    >>> table_svg("t", ["a"], [["b"]]).startswith("<svg ")
    True
    """
    widths = [max(len(cell) for cell in column) * _CHARACTER + 2 * _PAD for column in zip(columns, *rows, strict=True)]
    lines = len(rows) + 2 + len(below)
    widest = max(sum(widths), *(len(line) * _CHARACTER for line in (title, *below)))
    width, height = round(widest + 2 * _PAD), lines * _LINE + 3 * _PAD
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        _text(_PAD, _PAD + _LINE * 0.7, title, "head"),
        *_boxes(widths, [columns, *rows]),
    ]
    top = _PAD * 2 + _LINE * (len(rows) + 2)
    parts += [_text(_PAD, top + _LINE * (place + 0.7), line) for place, line in enumerate(below)]
    return "\n".join([*parts, "</svg>", ""])


def _boxes(widths: Sequence[float], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        x, y = float(_PAD), _PAD + _LINE * (number + 1)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            yield f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_LINE}"/>'
            kind = "head" if number == 0 or place == 0 else "no" if cell.startswith(_NO) else ""
            yield _text(x + _PAD, y + _LINE * 0.7, cell, kind)
            x += width


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    chosen = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{chosen}>{escape(text)}</text>'
