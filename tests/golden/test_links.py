"""The documents refer to what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
SOURCE = ROOT / "src" / "dualstack"
# As the pages write them: a file from the source's folder, and a module or a name in it.
FILE = re.compile(r"`((?:cli|gateway|lab|net|kernel|wire|core)/[\w/]+\.py)`")
MODULE = re.compile(r"`((?:gateway|lab|net|kernel|wire|core)(?:\.[a-z]\w*)+)((?:\.[A-Z]\w*)*)`")
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


def test_the_files_and_modules_that_the_design_pages_name_are_there() -> None:
    pages = [page.read_text() for page in (ROOT / "docs" / "design").glob("*.md")]
    files = {name for page in pages for name in FILE.findall(page)}
    modules = {name for page in pages for name, _ in MODULE.findall(page)}
    assert len(files) > 20
    assert len(modules) > 20
    assert [name for name in files if not (SOURCE / name).exists()] == []
    assert [name for name in modules if not _is_there(name)] == []


def _is_there(name: str) -> bool:
    """A room, a module, or what a module defines."""
    path = SOURCE.joinpath(*name.split("."))
    if path.is_dir() or path.with_suffix(".py").exists():
        return True
    module, defined = path.parent.with_suffix(".py"), path.name
    return module.exists() and re.search(rf"\b{defined}\b", module.read_text()) is not None
