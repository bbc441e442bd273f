"""The text of a notes.ini: lines, keys in whatever case, what counts where a key stands twice."""

import pytest

from dualstack.core.domino.notes_ini import NotesIni, Setting, is_notes_ini


def test_settings_keep_their_order_and_their_lines() -> None:
    ini = NotesIni.parse("[Notes]\r\n; ours\r\n\r\n Ports = TCPIP , TCPIP6 \r\nTCPIP=TCP, 0, 15, 0,,12288\r\n")
    assert ini.settings == (Setting(4, "Ports", "TCPIP , TCPIP6"), Setting(5, "TCPIP", "TCP, 0, 15, 0,,12288"))
    assert ini.settings[0].items == ("TCPIP", "TCPIP6")
    assert str(ini.settings[0]) == "line 4: Ports=TCPIP , TCPIP6"


def test_a_key_does_not_mind_case_and_the_later_line_counts() -> None:
    ini = NotesIni.parse("[Notes]\nports=A\nPORTS=B\nx=1\nX=1\n")
    assert ini.get("Ports") == Setting(3, "PORTS", "B")
    assert ini.get("nothing") is None
    # The same value twice is worth no word.
    assert list(ini.replaced()) == [(Setting(2, "ports", "A"), Setting(3, "PORTS", "B"))]


def test_what_is_no_setting_of_notes_is_strange_and_no_error() -> None:
    ini = NotesIni.parse("[Notes]\nnothing here\n=x\n[Other]\nPorts=A\n[notes]\nPorts=B\n")
    assert ini.strange == (2, 3, 5)
    assert ini.settings == (Setting(7, "Ports", "B"),)


def test_a_value_may_have_an_equals_sign_and_a_file_a_byte_order_mark() -> None:
    assert NotesIni.parse("\ufeff[Notes]\na=b=c").settings == (Setting(2, "a", "b=c"),)


@pytest.mark.parametrize(
    ("name", "text", "is_dominos"),
    [
        ("notes.ini", "", True),
        ("NOTES.INI", "anything", True),
        ("server.conf", "[Notes]\nPorts=A", True),
        ("server.conf", "\ufeff; comment\n\n [NOTES] \r\n", True),
        ("gateway.toml", "[ports.tcpip]\nbind = '*'", False),
        ("gateway.toml", "# [Notes]\n", False),
    ],
)
def test_a_notes_ini_is_known_by_its_name_or_its_first_line(name: str, text: str, *, is_dominos: bool) -> None:
    assert is_notes_ini(name, text) is is_dominos
