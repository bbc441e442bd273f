"""Names as people have them: under `localhost`, with odd labels, or numbers that some read as addresses."""

import asyncio
import socket

import pytest

from dualstack import Address, AddressError, Dialer, LookupFailed, getaddrinfo, getaddrinfo_async
from dualstack.core.address.endpoint import parse_host
from dualstack.net.dial.target import read_target
from dualstack.net.names.getaddrinfo import resolve, resolve_async
from support.dialling import WAYS, Dial, Resolver, Servers

LOOPBACKS = [Address("::1"), Address("127.0.0.1")]


class Nobody(Resolver):
    """A resolver that must not be asked."""

    def __init__(self) -> None:
        super().__init__({})


@pytest.mark.parametrize("name", ["localhost", "LocalHost.", "shop.localhost", "a.b.LOCALHOST", "shop.localhost."])
def test_a_name_under_localhost_is_both_loopbacks_and_nobody_is_asked(name: str) -> None:
    nobody = Nobody()
    assert list(resolve(name, resolver=nobody)) == LOOPBACKS
    assert list(asyncio.run(resolve_async(name, resolver=nobody))) == LOOPBACKS
    for infos in (
        getaddrinfo(name, 80, type=socket.SOCK_STREAM, resolver=nobody),
        asyncio.run(getaddrinfo_async(name, 80, type=socket.SOCK_STREAM, resolver=nobody)),
    ):
        assert [Address(info[4]) for info in infos] == LOOPBACKS
        assert {info[4][1] for info in infos} == {80}
    assert nobody.asked == []


def test_of_one_family_mapped_and_with_a_canonical_name_too() -> None:
    def hosts(family: int, flags: int = 0) -> list[str]:
        return [info[4][0] for info in getaddrinfo("x.localhost", None, family, socket.SOCK_STREAM, flags=flags)]

    assert hosts(socket.AF_INET) == ["127.0.0.1"]
    assert hosts(socket.AF_INET6) == ["::1"]
    assert hosts(socket.AF_INET6, socket.AI_V4MAPPED | socket.AI_ALL) == ["::1", "::ffff:127.0.0.1"]
    named = getaddrinfo("x.localhost", None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    assert [info[3] for info in named] == ["x.localhost", ""]
    for family, flags in ((socket.AF_INET, socket.AI_NUMERICHOST), (socket.AF_UNIX, 0)):
        with pytest.raises(LookupFailed):
            hosts(family, flags)


@pytest.mark.parametrize("name", ["localhost.example", "notlocalhost", "local.host"])
def test_what_only_looks_like_localhost_is_asked_for(name: str) -> None:
    nobody = Nobody()
    with pytest.raises(LookupFailed):
        getaddrinfo(name, 80, socket.AF_INET, resolver=nobody)
    assert nobody.asked == [(name, 4)]


@pytest.mark.parametrize("dial", WAYS)
def test_a_connection_to_a_name_under_localhost_asks_nobody(dial: Dial) -> None:
    nobody = Nobody()
    with Servers() as servers:
        servers.accept("127.0.0.1")
        with dial("shop.localhost", servers.port, dialer=Dialer(resolver=nobody, history=None), timeout=20) as sock:
            assert sock.getpeername()[0] == "127.0.0.1"
    assert nobody.asked == []


@pytest.mark.parametrize("name", ["a-.example", "a--.example", "my_host.example", "_dmarc.example", "a_-"])
def test_odd_labels_pass_as_they_do_in_the_c_library(name: str) -> None:
    assert parse_host(name) == name
    assert read_target(name, 80).host == name


@pytest.mark.parametrize("name", ["-a.example", "a.-b.example", "--help", "a b", "a!.example", "a/b"])
def test_what_could_be_an_option_or_is_no_label_does_not(name: str) -> None:
    with pytest.raises(AddressError):
        read_target(name, 80)


@pytest.mark.parametrize(
    "text", ["0", "00", "0.0", "0x0", "127.1", "0x7f.1", "2130706433", "017700000001", "0177.0.0.1", "80"]
)
def test_a_number_that_some_read_as_an_address_is_refused_with_texts_that_work(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        read_target(text, 80)
    why = caught.value.why
    remedies = [word.strip(",;") for word in why.split() if word.count(".") == 3]
    assert remedies
    assert str(Address.from_int(int.from_bytes(socket.inet_aton(text), "big"), 4)) in remedies
    for remedy in remedies:
        assert read_target(remedy, 80).host == Address(remedy)
    if text.strip("0x.") == "":
        assert "127.0.0.1" in remedies


def test_a_number_that_is_no_address_either_says_what_stands_for_all() -> None:
    with pytest.raises(AddressError, match=r"write \* for every address$"):
        parse_host("99999999999")


@pytest.mark.parametrize("number", [socket.EAI_AGAIN])
def test_that_nobody_says_is_never_that_there_is_no_such_name(number: int) -> None:
    again = socket.gaierror(number, "Temporary failure in name resolution")
    resolver = Resolver({"x.example": {4: again}})
    with pytest.raises(LookupFailed, match="no answer: Temporary failure") as caught:
        getaddrinfo("x.example", 80, socket.AF_INET, resolver=resolver)
    assert caught.value.exit_code == 75
