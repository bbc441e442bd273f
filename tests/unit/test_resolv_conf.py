"""`core.dial.resolv_conf`: the file as the C library reads it, and the full names that a name may mean."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.dial.resolv_conf import ResolvConf, candidates, parse_resolv_conf

SEARCH = "search corp.test other.test\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ResolvConf()),
        ("nameserver 192.0.2.1\nnameserver 2001:db8::1\n", ResolvConf((Address("192.0.2.1"), Address("2001:db8::1")))),
        ("nameserver fe80::1%eth0\n", ResolvConf((Address("fe80::1%eth0"),))),
        ("nameserver https://dns.example/\nnameserver\n nameserver 192.0.2.1\n", ResolvConf()),
        ("# nameserver 192.0.2.1\n; nameserver 192.0.2.1\n", ResolvConf()),
        (
            "".join(f"nameserver 192.0.2.{n}\n" for n in range(5)),
            ResolvConf(tuple(Address(f"192.0.2.{n}") for n in range(3))),
        ),
        (SEARCH, ResolvConf(search=("corp.test", "other.test"))),
        (f"domain one.test two.test\n{SEARCH}", ResolvConf(search=("corp.test", "other.test"))),
        (f"{SEARCH}domain one.test two.test\n", ResolvConf(search=("one.test",))),
        ("domain\nsearch .\n", ResolvConf(search=("",))),
        (
            "options ndots:3 timeout:2 attempts:1 rotate use-vc\n",
            ResolvConf((), (), 3, 2, 1, rotates=True, uses_tcp=True),
        ),
        ("options ndots:99 timeout:99 attempts:99\n", ResolvConf((), (), 15, 30, 5)),
        ("options ndots:0 timeout:0 attempts:0\n", ResolvConf((), (), 0, 1, 1)),
        ("options ndots: ndots:x edns0 nonsense\noptions ndots:2\n", ResolvConf(ndots=2)),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_the_file_is_read_as_the_c_library_reads_it(text: str, expected: ResolvConf) -> None:
    assert parse_resolv_conf(text) == expected


def test_without_a_domain_it_is_that_of_the_hosts_name() -> None:
    assert parse_resolv_conf("", hostname="www.corp.test").search == ("corp.test",)
    assert parse_resolv_conf("", hostname="www").search == ()
    assert parse_resolv_conf("search\n", hostname="www.corp.test").search == ()


def test_the_environment_has_the_last_word() -> None:
    environ = {"LOCALDOMAIN": "a.test b.test", "RES_OPTIONS": "ndots:4"}
    read = parse_resolv_conf(f"{SEARCH}options ndots:2\n", environ=environ, hostname="www.corp.test")
    assert (read.search, read.ndots) == (("a.test", "b.test"), 4)


@pytest.mark.parametrize(
    ("name", "ndots", "expected"),
    [
        ("www", 1, ["www.corp.test.", "www.other.test.", "www."]),
        ("www", 0, ["www.", "www.corp.test.", "www.other.test."]),
        ("www.", 1, ["www."]),
        ("www.example", 1, ["www.example.", "www.example.corp.test.", "www.example.other.test."]),
        ("www.example", 2, ["www.example.corp.test.", "www.example.other.test.", "www.example."]),
        ("www.example.", 5, ["www.example."]),
        ("a" * 245, 1, ["a" * 245 + "."]),
    ],
)
def test_the_names_that_a_name_may_mean_in_the_order_they_are_asked(name: str, ndots: int, expected: list[str]) -> None:
    assert list(candidates(name, ResolvConf(search=("corp.test", "other.test"), ndots=ndots))) == expected


def test_the_root_among_the_domains_is_the_name_as_it_is() -> None:
    conf = ResolvConf(search=("corp.test", "", "other.test"), ndots=1)
    assert candidates("www", conf) == ("www.corp.test.", "www.", "www.other.test.")
