"""Nothing from outside becomes markup: hostile texts in every section, and what the templates themselves say."""

import re
from html.parser import HTMLParser
from importlib.resources import files

import msgspec
import pytest

from dualstack.gateway.status.page.choice import Choice
from dualstack.gateway.status.page.view import page
from dualstack.gateway.status.snapshot import Snapshot
from support.rich_snapshot import rich, samples

HOSTILE = """'"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;{{ 7 * 7 }}"""
SECTIONS = ("services", "ways", "refused", "unreached", "ports", "dials", "recent", "history")


def with_texts(value: object, ending: str) -> object:
    """The same with this at the end of every text."""
    if isinstance(value, str):
        return value + ending
    if isinstance(value, list):
        return [with_texts(each, ending) for each in value]
    if isinstance(value, dict):
        return {key: with_texts(each, ending) for key, each in value.items()}
    return value


def drawn(ending: str) -> str:
    document = with_texts(msgspec.to_builtins(rich()), ending)
    return page(msgspec.convert(document, Snapshot), samples(), Choice(text=ending))


class Sections(HTMLParser):
    """Elements and the names of their attributes; by section what is said, and what attributes say."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.said: dict[str, str] = {}
        self.attributes: dict[str, list[str]] = {}
        self._section = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        if tag == "section":
            self._section = dict(attrs)["id"] or "" if "id" in dict(attrs) else "now"
        self.attributes.setdefault(self._section, []).extend(value or "" for _, value in attrs)

    def handle_data(self, data: str) -> None:
        self.said[self._section] = self.said.get(self._section, "") + data


def test_hostile_texts_make_no_element_and_no_attribute_anywhere() -> None:
    hostile, plain = Sections(drawn(HOSTILE)), Sections(drawn("-plain"))
    assert hostile.elements == plain.elements
    assert {"dials", "history", "verdict", "now"} < {*hostile.said}


@pytest.mark.parametrize("section", SECTIONS)
def test_names_peers_and_labels_are_shown_in_each_section_as_they_are(section: str) -> None:
    hostile, plain = Sections(drawn(HOSTILE)), Sections(drawn("-plain"))
    assert HOSTILE in hostile.said[section]
    assert hostile.said[section].replace(HOSTILE, "-plain") == plain.said[section]
    assert [each.replace(HOSTILE, "-plain") for each in hostile.attributes[section]] == plain.attributes[section]


def test_labels_and_what_was_asked_for_stay_inside_their_attributes() -> None:
    document = Sections(drawn(HOSTILE))
    assert HOSTILE in document.attributes["services"]
    assert any(HOSTILE in each for each in document.attributes["ways"])
    assert any(HOSTILE in each for each in document.attributes["dials"])
    assert "<script>alert" not in drawn(HOSTILE)


TEMPLATES = files("dualstack.gateway.status.page").joinpath("templates")


@pytest.mark.parametrize("name", sorted(each.name for each in TEMPLATES.iterdir()))
def test_a_template_marks_nothing_as_safe_and_has_quotes_around_every_attribute(name: str) -> None:
    text = TEMPLATES.joinpath(name).read_text(encoding="utf-8")
    assert not re.search(r"\|\s*safe|Markup|autoescape|style=|<style| on\w+=", text)
    for tag in re.findall(r"<[a-z]\w*(?:\"[^\"]*\"|\{[{%].*?[}%]\}|[^>\"])*>", text):
        assert not re.search(r"=(?!\")", re.sub(r"\"[^\"]*\"|\{%.*?%\}", '""', tag)), tag
