"""HTML from the files of `templates/`: every value is escaped, and none that is missing is taken for an empty one.

The files say how things look and in which words; which things they are is said in Python, in `digest`, `charts` and
`health`. Nothing there is marked as safe: HTML is what a template has made, all else is text.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from dualstack.core.planning.planner import RULES
from dualstack.gateway.status.page import charts, digest, figures
from dualstack.gateway.status.page.choice import ORDERS

__all__ = ["FAMILIES", "templates"]

FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6", "unix": "Unix socket", "none": "not reached"}

_FILTERS: Mapping[str, Callable[..., object]] = {
    each.__name__: each
    for each in (
        *(figures.ago, figures.clock, figures.count, figures.counted, figures.duration),
        *(figures.milliseconds, figures.percentage, figures.rate, figures.size),
    )
}

_GLOBALS: Mapping[str, object] = {
    "FAMILIES": FAMILIES,
    "ORDERS": [("", "as configured"), *((name, label) for name, (label, _) in ORDERS.items())],
    "RULES": RULES,
    "course_of": digest.course_of,
    "drawn_lines": charts.lines,
    "drawn_race": charts.race,
    "latest_of": digest.latest_of,
    "names_rules": digest.names_rules,
    "rules_of": digest.rules_of,
    "ways_of": digest.ways_of,
}


class _LineBreaks(Extension):
    """Leaves out of a template's own text every line break with the spaces around it: half of a page would be those."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """The tokens with their line numbers, so that an error still names its line."""
        for token in stream:
            if token.type == "data":
                yield Token(token.lineno, "data", re.sub(r"\s*\n\s*", "", token.value))
            else:
                yield token


@cache
def templates() -> Environment:
    """All templates, read and compiled: what the first to look would wait for, and the relay with them."""
    made = Environment(
        loader=PackageLoader("dualstack.gateway.status.page"),
        extensions=[_LineBreaks],
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    made.filters.update(_FILTERS)
    made.globals.update(_GLOBALS)
    for name in made.list_templates():
        made.get_template(name)
    return made
