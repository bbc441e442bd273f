"""The code blocks of the documents, to be run as they stand."""

import re
from pathlib import Path

__all__ = ["blocks"]

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str) -> dict[str, str]:
    """The Python of a page, each block by its heading, numbered from the second of a heading on."""
    found: dict[str, str] = {}
    for section in re.split(r"^## ", (DOCS / page).read_text(), flags=re.MULTILINE)[1:]:
        heading = section.partition("\n")[0]
        for number, code in enumerate(re.findall(r"^```python\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)):
            found[f"{heading} {number + 1}" if number else heading] = code
    return found
