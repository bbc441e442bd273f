"""The lookup of one family: what the resolver says, sources, the translator's prefix, this host's policy table."""

import errno
import os
import socket
from pathlib import Path

import pytest

from dualstack import Dialer
from dualstack.core.address.address import Address
from dualstack.core.dial.egress import ANYWHERE, EgressPolicy, Source
from dualstack.core.dial.policy_table import DEFAULT_TABLE
from dualstack.kernel import attempts
from dualstack.net.dial.address_lookup import families_to_ask, look_up
from dualstack.net.dial.candidates import RememberedSources, answer_of
from dualstack.net.names.host_looks import Ipv6Here, SystemTable, system_table
from support.dialling import Resolver

NOWHERE = Address("198.51.100.1")


def test_an_answer_has_its_sources() -> None:
    answer = look_up("mail.example", 4, ANYWHERE, Resolver({"mail.example": {4: ["127.0.0.1"]}}), discover=True)
    assert [(found.address, found.source) for found in answer.candidates] == [(Address("127.0.0.1"),) * 2]


def test_a_name_that_does_not_exist_is_an_answer_too() -> None:
    answer = look_up("mail.example", 6, ANYWHERE, Resolver({}), discover=True)
    assert answer.error is not None
    assert answer.error.errno == socket.EAI_NONAME


class Here:
    """A host with IPv6 alone, or with nothing."""

    def __init__(self, *families: int) -> None:
        self._families = families

    def __call__(self, address: Address, _source: Source) -> Address | None:
        return Address("2001:db8::9") if address.version in self._families else None


def test_where_ipv4_has_no_way_the_translators_prefix_is_looked_for() -> None:
    resolver = Resolver({"ipv4only.arpa": {6: ["64:ff9b::c000:aa"]}})
    answer = answer_of([NOWHERE], ANYWHERE, resolver, discover=True, source_of=Here(6))
    assert [str(found.address) for found in answer.candidates] == ["64:ff9b::c633:6401"]
    assert resolver.asked == [("ipv4only.arpa", 6)]


@pytest.mark.parametrize(
    ("answers", "here", "asked"),
    [
        ({6: ["2001:db8::1"]}, Here(6), 1),
        ({}, Here(6), 1),
        ({6: ["64:ff9b::c000:aa"]}, Here(), 0),
    ],
    ids=["no translator's address", "no such name", "no IPv6 either"],
)
def test_without_a_translator_the_address_stays_what_it_is(
    answers: dict[int, list[str]], here: Here, asked: int
) -> None:
    resolver = Resolver({"ipv4only.arpa": answers})
    answer = answer_of([NOWHERE], ANYWHERE, resolver, discover=True, source_of=here)
    assert [found.address for found in answer.candidates] == [NOWHERE]
    assert len(resolver.asked) == asked


def test_nobody_is_asked_where_a_prefix_is_given_or_none_is_wanted_or_ipv6_is_not_dialled() -> None:
    resolver = Resolver({})
    given = Dialer(nat64=["64:ff9b::/96"])
    assert not given.discovers
    answer = answer_of([NOWHERE], given.outlet, resolver, discover=given.discovers, source_of=Here(6))
    assert [str(found.address) for found in answer.candidates] == ["64:ff9b::c633:6401"]
    assert not Dialer(nat64=()).discovers
    answer_of([NOWHERE], EgressPolicy(sources={4: Source()}), resolver, discover=True, source_of=Here(6))
    assert resolver.asked == []


def test_the_kernel_is_asked_for_a_source_once_a_second() -> None:
    asked, clock = [], iter([0.0, 0.5, 0.9, 1.0, 1.1])

    def ask(address: Address, source: Source) -> Address:
        asked.append((str(address), source.interface))
        return Address("192.0.2.9")

    source_of = RememberedSources(ask, lambda: next(clock))
    for interface in (None, None, "eth0", None):
        assert source_of(NOWHERE, Source(interface=interface)) == Address("192.0.2.9")
    assert asked == [("198.51.100.1", None), ("198.51.100.1", "eth0"), ("198.51.100.1", None)]
    assert source_of(Address("::1"), Source()) == Address("::1")


def test_no_more_sources_are_kept_than_there_is_room_for() -> None:
    asked = []

    def ask(address: Address, _source: Source) -> None:
        asked.append(address)

    source_of = RememberedSources(ask, lambda: 0.0)
    for _ in range(2):
        for number in range(300):
            source_of(Address.from_int(0xC0000200 + number, 4), Source())
    assert len(asked) > 300
    assert len(source_of._kept) <= 256


def test_both_families_are_asked_where_there_is_ipv6_and_ipv4_alone_where_there_is_none() -> None:
    is_on, is_off = Ipv6Here(lambda: True), Ipv6Here(lambda: False)
    assert families_to_ask(ANYWHERE, 0.0, ipv6_here=is_on) == (6, 4)
    assert families_to_ask(ANYWHERE, 0.0, ipv6_here=is_off) == (4,)
    assert families_to_ask(Dialer(family=6).outlet, 0.0, ipv6_here=is_off) == (6,)


def test_whether_there_is_ipv6_is_looked_at_once_a_second() -> None:
    looks = []

    def look() -> bool:
        looks.append(1)
        return True

    here = Ipv6Here(look)
    for now in (0.0, 0.5, 0.9, 1.0, 1.5):
        here(now)
    assert len(looks) == 2


def test_where_that_cannot_be_found_out_both_are_asked() -> None:
    def look() -> bool:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    assert Ipv6Here(look)(0.0)


def test_this_hosts_table_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "gai.conf"
    path.write_text("precedence ::ffff:0:0/96 100\n")
    table = SystemTable(path)
    assert table().preferred_family == 4
    path.unlink()
    assert table().preferred_family == 4
    assert SystemTable(path)() is DEFAULT_TABLE


def test_a_socket_says_where_it_would_connect_from() -> None:
    assert attempts.source_of(Address("::1"), Source()) == Address("::1")
    assert attempts.source_of(Address("127.0.0.1"), Source(Address("127.0.0.9"))) == Address("127.0.0.1")
    assert attempts.source_of(Address("198.51.100.1"), Source(Address("192.0.2.77"))) is None
    assert attempts.source_of(Address("fe80::1%no-such"), Source()) is None


def test_the_words_for_a_failure() -> None:
    assert attempts.failure_of(errno.ECONNREFUSED) == (errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    assert attempts.failure_of(OSError(errno.EIO, "broken")) == (errno.EIO, "broken")
    assert attempts.failure_of(OSError("what")) == (errno.EINVAL, "what")


def test_interfaces_that_cannot_be_listed_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "if_nameindex")
    assert attempts.interface_names() == []


def test_the_modules_own_look_is_at_this_host() -> None:
    assert system_table().preferred_family in {4, 6}
