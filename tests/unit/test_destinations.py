"""Where datagrams to a name go: the connector's lookup and its order, without a race."""

import asyncio
import errno
import socket

import pytest

from dualstack import Dialer, DialError, LookupFailed
from dualstack.net.dial.datagram_targets import destinations
from support.dialling import Resolver


def found(resolver: Resolver, name: str = "dns.example", *, limit_s: float = 10.0, **options: object) -> list[str]:
    dialer = Dialer(history=None, resolver=resolver, nat64=(), **options)  # type: ignore[arg-type]

    async def ask() -> list[str]:
        return [
            str(each.address) for each in await destinations(name, 53, dialer, timeout=limit_s, other_family_s=0.01)
        ]

    return asyncio.run(ask())


def test_both_families_of_a_name_are_there_the_preferred_first() -> None:
    assert found(Resolver({"dns.example": {4: ["127.0.0.1"], 6: ["::1"]}})) == ["::1", "127.0.0.1"]


def test_a_family_whose_lookup_does_not_end_is_not_waited_for_once_the_other_is_there() -> None:
    with Resolver({"dns.example": {4: ["127.0.0.1"], 6: None}}) as resolver:
        assert found(resolver) == ["127.0.0.1"]


def test_where_nobody_says_anything_in_time_that_is_said() -> None:
    with Resolver({"dns.example": {4: None, 6: None}}) as resolver:
        with pytest.raises(LookupFailed, match=r"no answer within 0\.01 s") as caught:
            found(resolver, limit_s=0.01)
        assert caught.value.timed_out


@pytest.mark.parametrize("silent", [4, 6])
def test_a_family_that_nobody_answers_for_says_more_than_one_that_has_no_address(silent: int) -> None:
    with (
        Resolver({"dns.example": {silent: None}}) as resolver,
        pytest.raises(LookupFailed, match=r"no answer within 0\.05 s") as caught,
    ):
        found(resolver, limit_s=0.05)
    assert caught.value.timed_out


@pytest.mark.parametrize("failing", [4, 6])
def test_so_does_one_whose_servers_fail(failing: int) -> None:
    names = {"dns.example": {failing: socket.gaierror(socket.EAI_AGAIN, "try again")}}
    with pytest.raises(LookupFailed, match="try again") as caught:
        found(Resolver(names))
    assert caught.value.errno == socket.EAI_AGAIN


def test_what_no_resolver_should_raise_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        found(Resolver({"dns.example": {4: ZeroDivisionError(), 6: ["::1"]}}))


def test_a_name_that_nobody_has_says_so() -> None:
    with pytest.raises(LookupFailed, match=r"dns\.example"):
        found(Resolver({}))


def test_a_name_whose_addresses_may_not_be_dialled_says_which_rule() -> None:
    with pytest.raises(DialError, match=r"127\.0\.0\.1.*deny") as caught:
        found(Resolver({"dns.example": {4: ["127.0.0.1"]}}), access=["deny 127.0.0.0/8", "allow any"])
    assert caught.value.errno == errno.EACCES


def test_a_resolver_that_gives_nothing_and_no_reason_gives_no_address() -> None:
    with pytest.raises(LookupFailed, match="it has no address"):
        found(Resolver({"dns.example": {4: [], 6: []}}))


def test_localhost_needs_no_lookup() -> None:
    resolver = Resolver({})
    assert found(resolver, "localhost") == ["::1", "127.0.0.1"]
    assert resolver.asked == []
