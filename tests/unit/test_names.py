"""`net.names.getaddrinfo`: the lookups' answers, limits and refusals, with resolvers that say what the test wants."""

import asyncio
import errno
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from dualstack.core.address.address import Address
from dualstack.errors import AddressError, LookupFailed
from dualstack.net.names.getaddrinfo import (
    addresses_in,
    getaddrinfo,
    getaddrinfo_async,
    getnameinfo,
    getnameinfo_async,
    getnameinfo_timeo,
    resolve,
    resolve_async,
)

NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
LO = socket.if_indextoname(1) if hasattr(socket, "if_indextoname") else "lo"


class Silent:
    """A resolver that does not answer before the test is over."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def getaddrinfo(self, *_question: object) -> object:
        self.over.wait()
        return []

    def getnameinfo(self, *_question: object) -> object:
        self.over.wait()
        return "too", "late"


class Says:
    """A resolver that answers at once, be it with an error, and keeps what it was asked."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[tuple[object, ...]] = []

    def getaddrinfo(self, *question: object) -> object:
        self.asked.append(question)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    getnameinfo = getaddrinfo


@pytest.fixture
def silent() -> Iterator[Silent]:
    resolver = Silent()
    yield resolver
    resolver.over.set()


def info(*sockaddr: object) -> tuple[object, ...]:
    return socket.AF_UNSPEC, socket.SOCK_STREAM, 6, "", sockaddr


def test_a_name_without_an_answer_in_time_fails_as_try_again(silent: Silent) -> None:
    with pytest.raises(LookupFailed, match=r"'mail\.example': no answer within 0\.01 s") as caught:
        getaddrinfo("mail.example", 143, timeout=0.01, resolver=silent)
    assert (caught.value.errno, caught.value.timed_out) == (socket.EAI_AGAIN, True)


def test_an_address_without_an_answer_in_time_fails_as_try_again(silent: Silent) -> None:
    with pytest.raises(LookupFailed) as caught:
        getnameinfo(("192.0.2.1", 80), 0, timeout=0.01, resolver=silent)
    assert (caught.value.errno, caught.value.timed_out) == (socket.EAI_AGAIN, True)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_no_time_is_no_lookup(timeout: float) -> None:
    resolver = Says([])
    with pytest.raises(LookupFailed) as caught:
        getaddrinfo("mail.example", 143, timeout=timeout, resolver=resolver)
    assert caught.value.timed_out
    assert resolver.asked == []


@pytest.mark.parametrize("timeout", [None, float("inf"), 5])
def test_an_answer_within_any_limit_is_given(timeout: float | None) -> None:
    assert getnameinfo(("192.0.2.1", 80), timeout=timeout, resolver=Says(("a", "b"))) == ("a", "b")
    assert asyncio.run(getnameinfo_async(("192.0.2.1", 80), timeout=timeout, resolver=Says(("a", "b")))) == ("a", "b")


def test_the_limit_holds_in_asyncio(silent: Silent) -> None:
    async def ask() -> None:
        forward = getaddrinfo_async("mail.example", 143, timeout=0.01, resolver=silent)
        reverse = getnameinfo_async(("192.0.2.1", 80), timeout=0.01, resolver=silent)
        by_name = resolve_async("mail.example", timeout=0.01, resolver=silent)
        for failed in await asyncio.gather(forward, reverse, by_name, return_exceptions=True):
            assert isinstance(failed, LookupFailed)
            assert failed.timed_out

    asyncio.run(ask())


def test_the_answer_is_that_of_socket() -> None:
    ours = getaddrinfo("127.0.0.1", "80", type=socket.SOCK_STREAM, timeout=5)
    assert ours == socket.getaddrinfo("127.0.0.1", "80", type=socket.SOCK_STREAM)
    assert getaddrinfo(None, 80, flags=socket.AI_PASSIVE, timeout=5) == socket.getaddrinfo(
        None, 80, flags=socket.AI_PASSIVE
    )


def test_a_numeric_host_waits_for_nobody(silent: Silent) -> None:
    assert getnameinfo_timeo(("192.0.2.1", 80), NUMERIC, 0) == ("192.0.2.1", "80")
    assert getaddrinfo("::1", 80, type=socket.SOCK_STREAM, timeout=0)[0][4] == ("::1", 80, 0, 0)
    assert resolve("192.0.2.1", timeout=0, resolver=silent) == (Address("192.0.2.1"),)
    assert asyncio.run(getaddrinfo_async(b"::1", 80, timeout=0))


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), socket.EAI_NONAME),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), socket.EAI_AGAIN),
        (OSError(errno.EMFILE, "Too many open files"), socket.EAI_SYSTEM),
    ],
)
def test_an_error_of_the_resolver_keeps_its_number_and_is_not_ours(raised: OSError, code: int) -> None:
    with pytest.raises(LookupFailed, match=raised.strerror) as caught:
        getaddrinfo("mail.example", 143, timeout=5, resolver=Says(raised))
    assert (caught.value.errno, caught.value.timed_out) == (code, False)


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("127.0.0.1\0.example.com", "NUL"),
        (b"a\0b", "NUL"),
        ("\uff11\uff12\uff17.0.0.1", "not ASCII"),
        (b"\xff.example", "not ASCII"),
        ("bücher.example", "xn--"),
        ("a b", "blank"),
        ("127.0.0.1\n", "control"),
        ("", "empty"),
        (".", "empty"),
        ("a..example", "between its dots is empty"),
        (f"{'a' * 64}.example", "over 63"),
        (f"{'abc.' * 64}a", "at most 253"),
    ],
)
def test_a_host_that_no_resolver_should_see_is_refused(host: str | bytes, why: str) -> None:
    resolver = Says([])
    with pytest.raises(LookupFailed, match=why) as caught:
        getaddrinfo(host, 80, resolver=resolver)
    assert caught.value.errno == socket.EAI_NONAME
    assert resolver.asked == []


@pytest.mark.parametrize("host", ["a" * 63 + ".example", "abc." * 63 + "a", "abc." * 63 + "a.", "_imap._tcp.example"])
def test_the_longest_host_is_asked_for(host: str) -> None:
    resolver = Says([])
    assert getaddrinfo(host, 80, resolver=resolver) == []
    assert resolver.asked[0][0] == host.encode()


@pytest.mark.parametrize("port", [70000, -1, "70000", "9" * 50, "ht\0tp", "\uff48ttp", b"\xff"])
def test_a_port_that_is_none_is_refused(port: int | str | bytes) -> None:
    resolver = Says([])
    with pytest.raises(LookupFailed) as caught:
        getaddrinfo("::1", port, resolver=resolver)
    assert caught.value.errno == socket.EAI_SERVICE
    assert resolver.asked == []


def test_timeo_gives_numeric_text_when_its_time_is_up(silent: Silent) -> None:
    assert getnameinfo_timeo(("192.0.2.1", 80), 0, 0.01, resolver=silent) == ("192.0.2.1", "80")


@pytest.mark.parametrize("sockaddr", [(f"fe80::1%{LO}", 80), ("fe80::1", 80, 0, 1), ("fe80::1%1", 80, 0, 0)])
def test_timeo_keeps_the_zone(silent: Silent, sockaddr: tuple[str, int] | tuple[str, int, int, int]) -> None:
    assert getnameinfo_timeo(sockaddr, 0, 0.01, resolver=silent) == (f"fe80::1%{LO}", "80")


def test_timeo_raises_where_a_name_is_required(silent: Silent) -> None:
    with pytest.raises(LookupFailed) as caught:
        getnameinfo_timeo(("192.0.2.1", 80), socket.NI_NAMEREQD, 0.01, resolver=silent)
    assert caught.value.timed_out


def test_timeo_gives_numeric_text_where_the_resolver_gives_up_first() -> None:
    resolver = Says(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))
    assert getnameinfo_timeo(("192.0.2.1", 80), 0, 60, resolver=resolver) == ("192.0.2.1", "80")


def test_timeo_gives_the_name_that_comes_in_time() -> None:
    assert getnameinfo_timeo(("192.0.2.1", 80), 0, 60, resolver=Says(("www", "http"))) == ("www", "http")


@pytest.mark.parametrize(
    ("sockaddr", "asked"),
    [
        (("192.0.2.1", 80), ("192.0.2.1", 80)),
        (("2001:DB8::1", 80), ("2001:db8::1", 80, 0, 0)),
        (("2001:db8::1", 80, 7, 0), ("2001:db8::1", 80, 7, 0)),
        ((f"fe80::1%{LO}", 80), ("fe80::1", 80, 0, 1)),
        (("fe80::1%4000000000", 80), ("fe80::1", 80, 0, 4000000000)),
        (("::ffff:192.0.2.1", 80, 0, 0), ("::ffff:192.0.2.1", 80, 0, 0)),
    ],
)
def test_a_zone_reaches_the_resolver_as_its_number(
    sockaddr: tuple[str, int] | tuple[str, int, int, int], asked: tuple[object, ...]
) -> None:
    resolver = Says(("a", "b"))
    getnameinfo(sockaddr, 0, resolver=resolver)
    assert resolver.asked == [(asked, 0)]


@pytest.mark.parametrize("sockaddr", [("mail.example", 80), ("fe80::1%nonesuch", 80), ("::1", 70000), ("::1%", 80)])
def test_what_is_no_socket_address_has_no_name(sockaddr: tuple[str, int]) -> None:
    with pytest.raises(LookupFailed):
        getnameinfo(sockaddr, resolver=Says(("a", "b")))


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "localhost."])
def test_localhost_is_both_loopbacks_and_nobody_is_asked(name: str) -> None:
    resolver = Says([])
    assert resolve(name, resolver=resolver) == (Address("::1"), Address("127.0.0.1"))
    assert resolve(name, family=4, resolver=resolver) == (Address("127.0.0.1"),)
    assert asyncio.run(resolve_async(name, family=6, resolver=resolver)) == (Address("::1"),)
    assert resolver.asked == []


@pytest.mark.parametrize("name", ["localhost.example", "notlocalhost"])
def test_other_names_with_localhost_in_them_are_asked_for(name: str) -> None:
    resolver = Says([info("192.0.2.1", 0)])
    assert resolve(name, resolver=resolver) == (Address("192.0.2.1"),)
    assert len(resolver.asked) == 1


def test_addresses_keep_their_order_come_once_and_unmapped() -> None:
    answer = [
        info("2001:db8::2", 0, 0, 0),
        info("::ffff:192.0.2.1", 0, 0, 0),
        info("2001:db8::1", 0, 0, 0),
        info("192.0.2.1", 0),
        info("2001:db8::2", 0, 0, 0),
        info("fe80::1", 0, 0, 1),
        info("fe80::1", 0, 0, 4000000000),
    ]
    expected = ("2001:db8::2", "192.0.2.1", "2001:db8::1", f"fe80::1%{LO}", "fe80::1%4000000000")
    assert tuple(map(str, resolve("mail.example", resolver=Says(answer)))) == expected
    assert tuple(map(str, asyncio.run(resolve_async("mail.example", resolver=Says(answer))))) == expected
    assert addresses_in([]) == ()


@pytest.mark.parametrize(("family", "asked"), [(0, socket.AF_UNSPEC), (4, socket.AF_INET), (6, socket.AF_INET6)])
def test_one_family_is_asked_for_where_one_is_wanted(family: int, asked: int) -> None:
    resolver = Says([info("192.0.2.1", 0)])
    resolve("mail.example", family=family, resolver=resolver)
    assert resolver.asked == [(b"mail.example", None, asked, socket.SOCK_STREAM, 0, 0)]


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth9", "fe80::1%eth9"),
    ],
)
def test_an_address_is_its_own_answer(name: str, address: str) -> None:
    assert resolve(name, resolver=Says([])) == (Address(address),)


@pytest.mark.parametrize(("name", "family"), [("192.0.2.1", 6), ("::ffff:192.0.2.1", 6), ("2001:db8::1", 4)])
def test_an_address_of_the_other_family_is_no_answer(name: str, family: int) -> None:
    with pytest.raises(LookupFailed, match=f"IPv{family} is asked for"):
        resolve(name, family=family)


@pytest.mark.parametrize("name", ["0x7f.1", "010.0.0.1", "2130706433", "", "*", "a b", "127.0.0.1\0", "::1%", "a:80"])
def test_what_is_no_host_is_not_looked_up(name: str) -> None:
    resolver = Says([])
    with pytest.raises(AddressError):
        resolve(name, resolver=resolver)
    assert resolver.asked == []


def test_a_family_that_is_none_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="4, 6, or 0"):
        resolve("mail.example", family=10)


def test_who_only_blocks_does_not_import_asyncio() -> None:
    code = (
        "import sys, dualstack.net.names.getaddrinfo as n; n.resolve('localhost'); sys.exit('asyncio' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)
