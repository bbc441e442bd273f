"""Files that a file includes: more services, ports and links; what is wrong in one is said with its name and line."""

from pathlib import Path

import pytest

from dualstack.errors import ConfigError
from dualstack.gateway.config.toml import load, parse

MAIN = "user = 'nobody'\ninclude = ['dualstack.d/*.toml', 'more.toml']\n"
SERVICE = "[[services]]\nname = '{}'\nlisten = '127.0.0.1:{}'\nto = '127.0.0.1:9'\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "dualstack.d").mkdir()
    (tmp_path / "gateway.toml").write_text(MAIN)
    return tmp_path


def test_drop_ins_come_by_name_after_the_file_itself(place: Path) -> None:
    (place / "gateway.toml").write_text(MAIN + SERVICE.format("own", 1))
    (place / "dualstack.d/b.toml").write_text(SERVICE.format("b", 2))
    (place / "dualstack.d/a.toml").write_text("[ports.p]\nbind = '::1'\n[[links]]\nto = 'h'\nports = ['p']\n")
    (place / "dualstack.d/c.conf").write_text("no TOML")
    (place / "more.toml").write_text("[[services]]\nname = 'm'\nports = ['p']\nport = 3\nto = 'h:9'\n")
    read = load(place / "gateway.toml")
    assert [service.name for service in read.services] == ["own", "b", "m"]
    assert [port.name for port in read.ports] == ["p"]
    assert [link.to for link in read.links] == ["h"]
    assert (read.user, read.where) == ("nobody", str(place / "gateway.toml"))


def test_an_absolute_pattern_is_where_it_says(place: Path) -> None:
    (place / "dualstack.d/a.toml").write_text(SERVICE.format("a", 1))
    assert [service.name for service in parse(f"include = ['{place}/*.d/*.toml']", "f").services] == ["a"]


TWICE = "stands twice, and names do not mind case; rename one"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "a.toml",
            "[[services]]\nname = 'x'\nlsten = '*:1'\n",
            "services[0] (x).lsten: unknown key; did you mean listen? (at line 3, column 1)",
        ),
        (
            "a.toml",
            "\nuser = 'nobody'\n",
            "user: is for the whole gateway; write it in the file that includes this one (at line 2, column 1)",
        ),
        ("a.toml", "colour = 1\n", "colour: unknown key; known keys are services, ports, links (at line 1, column 1)"),
        ("a.toml", "=", "not TOML: Invalid statement (at line 1, column 1)"),
        ("a.toml", SERVICE.format("a", "x"), "services[0] (a).listen: "),
        ("b.toml", SERVICE.format("FIRST", 2), f"services[0].name: 'FIRST' {TWICE} (at line 2, column 1)"),
        (
            "b.toml",
            "[ports.First]\nbind = '*'\n",
            "ports.First: a service with `listen` has this name, and so its port",
        ),
    ],
)
def test_what_is_wrong_in_one_is_said_with_its_own_line(place: Path, name: str, text: str, said: str) -> None:
    (place / "dualstack.d/a.toml").write_text(SERVICE.format("first", 1))
    (place / "dualstack.d" / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(place / "gateway.toml")
    assert f"{place}/dualstack.d/{name}: {said}" in str(caught.value)


def test_no_file_is_no_fault_and_no_service_is_one(place: Path) -> None:
    with pytest.raises(ConfigError, match="services: is missing; write a"):
        load(place / "gateway.toml")
    (place / "dualstack.d/x.toml").mkdir()
    with pytest.raises(ConfigError, match=r"x\.toml: cannot be read: Is a directory"):
        load(place / "gateway.toml")


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"f: include: '': unacceptable pattern.*; write dualstack\.d/\*\.toml \(at line 1"
    ):
        parse("include = ['']", "f")


def test_more_files_than_anybody_has_services_for_are_refused(place: Path) -> None:
    for number in range(1001):
        (place / "dualstack.d" / f"{number}.toml").touch()
    with pytest.raises(ConfigError, match="is 1001 files, and 1000 are the most"):
        load(place / "gateway.toml")
