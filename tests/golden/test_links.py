"""The documents refer to what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\(([^)#\s]+)\)")


def test_the_pages_have_links_and_the_first_of_all_is_there() -> None:
    assert ROOT / "README.md" in PAGES
    assert sum(len(LINK.findall(page.read_text())) for page in PAGES) > len(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_every_test_that_a_requirement_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/.]+)`", (ROOT / "docs" / "requirements.md").read_text()))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
