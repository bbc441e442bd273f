"""What becomes of rows on a host that is assumed."""

from dataclasses import replace

import pytest

from dualstack.doctor.assumed_host import assumed_host
from dualstack.doctor.habits import ASYNCIO, GO, LENIENT, STRICT, SYSCTL
from dualstack.doctor.listening import Ends, Habits, Listen, NotUnderstood
from dualstack.doctor.opening import open_all
from dualstack.doctor.reach import reach

ADDRESSES = "addresses=192.0.2.1%eth0,2001:db8::1%eth0"
NAMES = "names=both.example:192.0.2.1+2001:db8::1"


def shown(rows: list[Listen], *assumed: str) -> str:
    opened = open_all(rows, assumed_host([ADDRESSES, NAMES, *assumed]))
    if not opened.starts:
        return f"does not start: {opened.why}"
    return " ".join(f"{each.address}{'' if each.v6only is None else f'/{each.v6only:d}'}" for each in opened.sockets)


ROWS = [
    (STRICT, "::", (), "::/1", "IPV6_V6ONLY is set whatever the system says"),
    (SYSCTL, "::", (), "::/0", "left to the system it is off"),
    (SYSCTL, "::", ("bindv6only=1",), "::/1", "left to the system it is what the sysctl says"),
    (GO, "::", ("ipv6=absent",), "0.0.0.0", "Go falls back where there is no AF_INET6"),
    (
        STRICT,
        "::1",
        ("ipv6=off",),
        "does not start: [::1]:80: Cannot assign requested address",
        "no ::1",
    ),
    (STRICT, "::", ("ipv6=off",), "::/1", "the wildcard can be bound without an address"),
    (ASYNCIO, "::", ("ipv6=absent",), "", "asyncio runs without a socket"),
    (LENIENT, "::", ("ipv6=absent",), "does not start: [::]:80: Address family not supported by protocol", "sshd"),
    (STRICT, "both.example", (), "2001:db8::1/1 192.0.2.1", "every address of a name, IPv6 first"),
]


@pytest.mark.parametrize(("habits", "host", "assumed", "expected"), [row[:4] for row in ROWS], ids=[r[4] for r in ROWS])
def test_one_row(habits: Habits, host: str, assumed: tuple[str, ...], expected: str) -> None:
    assert shown([Listen(host, 80, habits)], *assumed) == expected


def test_both_wildcards_stand_beside_each_other_only_with_the_option_set() -> None:
    assert shown([Listen("0.0.0.0", 80, STRICT), Listen("::", 80, STRICT)]) == "0.0.0.0 ::/1"
    dual = [Listen("0.0.0.0", 80, SYSCTL), Listen("::", 80, SYSCTL)]
    assert "Address already in use, by 0.0.0.0:80" in shown(dual)
    assert shown(dual, "bindv6only=1") == "0.0.0.0 ::/1"


def test_what_is_skipped_is_told() -> None:
    rows = [Listen(host, 80, replace(LENIENT, in_use=Ends.SKIPPED, v6only=False)) for host in ("0.0.0.0", "::")]
    opened = open_all(rows, assumed_host([ADDRESSES]))
    assert [str(each.address) for each in opened.sockets] == ["0.0.0.0"]
    assert "Address already in use" in opened.skipped[0][0]


def test_a_name_that_nobody_told_is_not_understood() -> None:
    with pytest.raises(NotUnderstood, match=r"other\.example"):
        shown([Listen("other.example", 80, STRICT)])


def test_reach_is_partly_on_the_loopback_alone() -> None:
    host = assumed_host([ADDRESSES])
    found = open_all([Listen("127.0.0.1", 80, STRICT), Listen("::", 80, replace(STRICT, v6only=True))], host)
    assert reach(found.sockets, host) == {"ipv4": "partly", "ipv6": "yes"}
