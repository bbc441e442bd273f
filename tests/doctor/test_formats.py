"""The readers of formats, by what they make of short texts."""

import pytest

from dualstack.doctor.formats.blocks import statements, walk
from dualstack.doctor.formats.command_line import arguments, split_command
from dualstack.doctor.formats.entries import entries
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.formats.xml_elements import elements
from dualstack.doctor.listening import NotUnderstood, Refused
from dualstack.doctor.tree import Document


def test_blocks_have_words_lines_and_those_around_them() -> None:
    found = walk(statements(Document("f", "# a\nhttp {\n  server { # b\n    listen 80 'a b';\n  }\n}\n")))
    assert [(each.words, each.place.line, each.parents) for each in found] == [
        (["http"], 2, ()),
        (["server"], 3, ("http",)),
        (["listen", "80", "a b"], 4, ("http", "server")),
    ]


def test_a_statement_may_end_with_its_line_and_comments_may_be_those_of_c() -> None:
    by_line = statements(Document("f", "a b\nc {\n d\n}\n"), by_line=True)
    assert [each.words for each in walk(by_line)] == [["a", "b"], ["c"], ["d"]]
    found = statements(Document("f", "/* { */ a; // }\nb;"), slashes=True)
    assert [(each.words, each.place.line) for each in found] == [(["a"], 1), (["b"], 2)]


@pytest.mark.parametrize(("text", "why"), [("a {", "not closed"), ("}", "unexpected }")])
def test_braces_that_do_not_close_are_refused(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        statements(Document("f", text))


def test_entries_have_sections_continuations_and_no_comments() -> None:
    text = "# c\na = 1 # d\n[s]\nb = x,\n  y\nc: 'z'\n"
    found = entries(
        Document("f", text),
        separator=r"\s*[=:]\s*",
        inline=True,
        has_sections=True,
        continued=lambda line: line[:1].isspace(),
    )
    assert [(each.section, each.key, each.value, each.place.line) for each in found] == [
        ("", "a", "1", 2),
        ("s", "b", "x, y", 4),
        ("s", "c", "z", 6),
    ]


def test_options_take_their_values_in_every_way_that_getopt_knows() -> None:
    found = arguments(["p", "-4l::", "-l", "a", "--port=1", "--host", "h", "w", "--", "-x"], ("-l", "--port", "--host"))
    assert found.options == (("-4", ""), ("-l", "::"), ("-l", "a"), ("--port", "1"), ("--host", "h"))
    assert found.words == ("w", "-x")


def test_a_command_has_its_variables_before_it_and_nothing_is_expanded() -> None:
    assert split_command("A=1 B='x y' prog $HOME 'a b'") == ({"A": "1", "B": "x y"}, ("prog", "$HOME", "a b"))


@pytest.mark.parametrize(
    ("text", "last_colon", "expected"),
    [
        ("[::]:80", False, ("::", 80)),
        ("127.0.0.1:80", False, ("127.0.0.1", 80)),
        (":80", False, ("", 80)),
        ("80", False, ("", 80)),
        ("::1", False, ("::1", 7)),
        (":::80", True, ("::", 80)),
        ("*", False, ("*", 7)),
        ("h:http", False, ("h", 80)),
    ],
)
def test_host_and_port(text: str, *, last_colon: bool, expected: tuple[str, int]) -> None:
    assert host_port(text, 7, None, last_colon=last_colon) == expected


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match="'99999' is no port"):
        host_port("h:99999", 7, None)


def test_xml_has_lines_and_no_entities_of_its_own() -> None:
    found = elements(Document("f", "<a>\n<b c='d'>t</b></a>"))
    assert [(each.name, each.attributes, each.text, each.place.line) for each in found][1] == ("b", {"c": "d"}, "t", 2)
    with pytest.raises(NotUnderstood, match="entities"):
        elements(Document("f", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"))
    with pytest.raises(Refused):
        elements(Document("f", "<a>"))
