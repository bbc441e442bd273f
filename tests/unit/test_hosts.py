"""The hosts file: a name that it has is not looked up, and no server is asked for the family that it lacks."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.address.address import Address
from dualstack.core.dial.hosts_file import comes_first, parse_hosts
from dualstack.errors import AddressError
from dualstack.net.names.hosts_file import HostsFile

HOSTS = """\
127.0.0.1 localhost
127.0.1.1   Here.example here  # both
192.0.2.1 dual
2001:db8::1 dual
192.0.2.2 dual
192.0.2.1 dual
fe80::1%eth0 router
::ffff:192.0.2.9 mapped
nonsense name
0x7f.1 legacy
# 192.0.2.3 commented
192.0.2.4
"""


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("here.example", ["127.0.1.1"]),
        ("here", ["127.0.1.1"]),
        ("dual", ["2001:db8::1", "192.0.2.1", "192.0.2.2"]),
        ("router", ["fe80::1%eth0"]),
        ("mapped", ["192.0.2.9"]),
    ],
)
def test_a_name_and_its_addresses(name: str, addresses: list[str]) -> None:
    assert list(map(str, parse_hosts(HOSTS)[name])) == addresses


@pytest.mark.parametrize("name", ["name", "legacy", "commented", "192.0.2.4", ""])
def test_what_is_no_entry(name: str) -> None:
    assert name not in parse_hosts(HOSTS)


LINES = st.text(alphabet="0123456789abcdef:.% \t\n#-", max_size=40) | st.builds(
    "{} {}".format, st.sampled_from(["::1", "192.0.2.1", "127.1", "fe80::1%eth0"]), st.text("ab #\t", max_size=9)
)


@given(st.lists(LINES, max_size=8).map("\n".join))
def test_any_text_is_a_hosts_file(text: str) -> None:
    """Each name stands behind each of its addresses, on a line of the text, and nothing else is a name."""
    lines = [line.partition("#")[0].split() for line in text.splitlines()]
    pairs = {(name, words[0]) for words in lines for name in words[1:] if is_address(words[0])}
    found = parse_hosts(text)
    assert {(name, address) for name, addresses in found.items() for address in addresses} == {
        (name.lower(), Address(address).canonical) for name, address in pairs
    }


def is_address(text: str) -> bool:
    try:
        Address(text)
    except AddressError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hosts: files dns", True),
        ("passwd: files\nhosts:\tfiles\n", True),
        ("  hosts:   files mdns4_minimal [NOTFOUND=return] dns", True),
        ("hosts: dns files", False),
        ("hosts: files [SUCCESS=continue] dns", False),
        ("hosts: files[success=merge] dns", False),
        ("hosts: filesystem dns", False),
        ("# hosts: files", False),
        ("", False),
    ],
)
def test_whether_the_hosts_file_has_the_first_and_last_word(text: str, expected: bool) -> None:  # noqa: FBT001
    assert comes_first(text) is expected


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    hosts, nsswitch = tmp_path / "hosts", tmp_path / "nsswitch.conf"
    look = HostsFile(hosts, nsswitch)
    assert look("here") == ()
    nsswitch.write_text("hosts: files dns\n")
    assert look("here") == ()
    hosts.write_text("192.0.2.1 here\n")
    assert look("here") == look("HERE.") == (Address("192.0.2.1"),)
    hosts.write_text("192.0.2.11 here\n")
    assert look("here") == (Address("192.0.2.11"),)
    nsswitch.write_text("hosts: dns files\n")
    assert look("here") == ()


def test_what_has_an_address_is_counted_and_nothing_else() -> None:
    names = parse_hosts(HOSTS)
    assert len(names) == len(list(names)) == 6
    assert "router" in set(names)


def test_each_line_of_a_big_file_is_a_name_and_no_address_is_read_before_somebody_asks() -> None:
    lines = "".join(f"0.0.0.0 ads{number}.example\n" for number in range(20_000))
    names = parse_hosts(f"{lines}nonsense bad.example\n2001:db8::1 ads7.example\n")
    assert names._texts["bad.example"] == "nonsense"
    assert [str(address) for address in names["ads7.example"]] == ["2001:db8::1", "0.0.0.0"]
    assert "bad.example" not in names
