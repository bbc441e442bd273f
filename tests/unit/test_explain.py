"""What a system does with sockets, for people: texts of sockets, statements, remedies that were tried (D7, D8, U3)."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.explain.explain import Explanation, Settings, explain
from dualstack.core.explain.socket_text import sockets_on
from dualstack.core.oracle.case import UNKNOWN, Sock
from dualstack.core.oracle.systems import STACKS
from dualstack.errors import CaseError

LINUX = STACKS["linux"]


def explained(*texts: str, os: str = "linux", **settings: bool) -> Explanation:
    (only,) = explain(lambda stack: sockets_on(stack, texts), Settings(STACKS[os], **settings))
    return only


def elsewhere(made: Explanation, title: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    (found,) = (each for each in made.elsewhere if each.title == title)
    return found.differences, found.unknown


@pytest.mark.parametrize(
    ("text", "proto", "port", "sock"),
    [
        ("[::]:80", "tcp", 80, Sock(6, Address("::"))),
        ("udp 0.0.0.0:53", "udp", 53, Sock(4, Address("0.0.0.0"))),
        ("tcp [::]:80 v6only=0 reuseaddr", "tcp", 80, Sock(6, Address("::"), v6only=False, reuseaddr=True)),
        ("[::1]:1 v6only=1 reuseport uid=7", "tcp", 1, Sock(6, Address("::1"), True, reuseport=True, uid=7)),
        ("10.0.0.1:1 exclusive", "tcp", 1, Sock(4, Address("10.0.0.1"), exclusive=True)),
        ("[::ffff:10.0.0.1]:1", "tcp", 1, Sock(6, Address("::ffff:10.0.0.1"))),
        ("[fe80::1%eth0]:http", "tcp", 80, Sock(6, Address("fe80::1%eth0"))),
    ],
)
def test_a_text_is_a_socket(text: str, proto: str, port: int, sock: Sock) -> None:
    (made,) = sockets_on(LINUX, [text], {"http": 80}.get)
    assert (made.proto, made.port, made.sock) == (proto, port, sock)
    assert sockets_on(LINUX, [made.written]) == (made,)


def test_a_wildcard_of_both_families_is_what_this_project_opens() -> None:
    assert [made.written for made in sockets_on(LINUX, ["*:80"])] == ["[::]:80 v6only=0 reuseaddr"]
    both = ["[::]:80 v6only=1 reuseaddr", "0.0.0.0:80 reuseaddr"]
    assert [made.written for made in sockets_on(STACKS["openbsd"], ["*:80"])] == both
    assert [made.written for made in sockets_on(STACKS["windows"], ["80"])] == ["[::]:80 v6only=0 exclusive"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no address"),
        ("udp", "no address"),
        ("[::]", "write [::]:PORT"),
        ("web.example:80", "a name is no address"),
        ("[::]:80 v6only=2", "'v6only=2' is no option; there are: "),
        ("[::]:80 nodelay", "'nodelay' is no option"),
        ("[::]:80 reuseaddr=1", "'reuseaddr=1' is no option"),
        ("[::]:80 uid=me", "'uid=me' is no option"),
        ("0.0.0.0:80 v6only=1", "v6only is an option of AF_INET6 sockets"),
        ("0x7f.1:80", "an old"),
    ],
)
def test_a_text_that_is_no_socket_says_why(text: str, why: str) -> None:
    with pytest.raises(CaseError) as refused:
        sockets_on(LINUX, [text])
    assert why in refused.value.why


def test_u3_the_three_rules_of_listening_sockets() -> None:
    """An IPv4 socket takes IPv4 alone, a dual `::` both with IPv4 mapped, `::` with IPV6_V6ONLY IPv6 alone."""
    for text, families in (("0.0.0.0:80", "IPv4"), ("[::]:80", "IPv6 and IPv4"), ("[::]:80 v6only=1", "IPv6")):
        made = explained(text)
        assert made.families == (families,)
        ipv4, ipv6 = made.prediction.deliveries
        assert bool(ipv4.receivers) == ("IPv4" in families)
        assert bool(ipv6.receivers) == ("IPv6" in families)
    peers = [str(d.receivers[0].peer) for d in explained("[::]:80").prediction.deliveries]
    assert peers == ["::ffff:198.51.100.7", "2001:db8::7"]


def test_d8_any_and_a_specific_address_is_foreseen_with_a_remedy_that_works() -> None:
    made = explained("[::]:80", "10.0.0.1:80")
    assert [outcome.errno for outcome in made.outcomes] == [None, "EADDRINUSE"]
    assert made.instead[0] == (
        "IPV6_V6ONLY on the IPv6 wildcard, so that each family has its own socket: "
        "dualstack explain '[::]:80 v6only=1' '10.0.0.1:80' --os linux"
    )
    made = explained("0.0.0.0:80", "10.0.0.1:80")
    remedy, ours = made.instead
    assert ours == "in one program: dualstack listen '0.0.0.0, 10.0.0.1' --port 80"
    shared = "dualstack explain '0.0.0.0:80 reuseport' '10.0.0.1:80 reuseport' --os linux"
    assert remedy == f"SO_REUSEPORT on each, by one user: {shared}"


def test_what_fails_by_itself_needs_another_address() -> None:
    assert explained("[fd00::1]:80", ipv6=False).instead == ("another address: IPv6 is off",)
    assert explained("[::]:80 v6only=1", "[::]:80 v6only=1", ipv6=False).instead[1:] == ()
    both = explained("[fe80::1]:80", "[::]:80 v6only=0", "0.0.0.0:80")
    assert both.instead[1].startswith("IPV6_V6ONLY on the IPv6 wildcard")
    assert len(both.instead) == 2
    link = explained("[fe80::1]:80", "0.0.0.0:80")
    assert link.instead == ("another address: a link-local address says nothing without its interface",)


def test_what_this_project_cannot_open_either_is_not_named() -> None:
    made = explained("[ff0e::1]:80", "0.0.0.0:80", "10.0.0.1:80")
    assert [line.partition(":")[0] for line in made.instead] == [
        "another address",
        "SO_REUSEPORT on each, by one user",
    ]


def test_where_no_option_helps_it_says_so() -> None:
    made = explained("0.0.0.0:80", "0.0.0.0:80 uid=7")
    assert made.instead == ("another port number or other addresses: no option lets these stand side by side",)
    assert [each.label for each in made.sockets] == ["0.0.0.0:80 (1)", "0.0.0.0:80 (2)"]


def test_other_systems_say_what_they_do_otherwise() -> None:
    made = explained("[::]:80", "0.0.0.0:80")
    assert elsewhere(made, "FreeBSD") == (
        ("0.0.0.0:80 opens", "IPv4 to any other address reaches 0.0.0.0:80 as 198.51.100.7"),
        (),
    )
    assert elsewhere(made, "macOS") == ((), ())
    assert elsewhere(made, "AIX") == ((), ("0.0.0.0:80", "IPv4 to any other address"))
    assert any("set IPV6_V6ONLY, whose default differs" in line for line in made.instead)


def test_what_is_only_there_elsewhere_is_told() -> None:
    made = explained("*:80", os="openbsd")
    assert elsewhere(made, "Linux") == (("IPv4 to any other address reaches [::]:80 as ::ffff:198.51.100.7",), ())
    assert elsewhere(made, "Windows XP and Server 2003") == ((), ())


def test_a_port_that_is_not_opened_elsewhere_is_told() -> None:
    def on(stack: object) -> tuple[object, ...]:
        return sockets_on(LINUX, ["[::]:80"] if stack is LINUX else ["[::]:81"])

    (made,) = explain(on, Settings(LINUX))
    assert elsewhere(made, "NetBSD") == (("opens nothing on this port",), ())


def test_clients_of_a_near_address_are_near() -> None:
    made = explained("[::1]:80", "[fe80::1%eth0]:80", "224.0.0.1:80", "10.0.0.1:80")
    assert [(str(c), str(c.source)) for c in made.clients] == [
        ("IPv6 to ::1", "::1"),
        ("IPv6 to fe80::1%eth0", "fe80::1%eth0"),
        ("IPv4 to 10.0.0.1", "198.51.100.7"),
        ("IPv4 to any other address", "198.51.100.7"),
        ("IPv6 to any other address", "2001:db8::7"),
    ]


def test_a_mapped_address_has_a_better_name() -> None:
    assert explained("[::ffff:0.0.0.0]:80").instead == (
        "[::ffff:0.0.0.0]:80: write 0.0.0.0:80, which is an AF_INET socket on every system",
    )


def test_what_a_system_may_receive_is_perhaps() -> None:
    assert explained("[::]:80", os="aix").families == ("IPv6, perhaps IPv4",)


def test_each_port_and_protocol_is_explained_by_itself() -> None:
    texts = ("[::]:80", "udp [::]:80", "[::]:81", "10.0.0.1:80")
    made = explain(lambda stack: sockets_on(stack, texts), Settings(LINUX, bindv6only=True))
    assert [[each.label for each in one.sockets] for one in made] == [
        ["[::]:80", "10.0.0.1:80"],
        ["[::]:80"],
        ["[::]:81"],
    ]
    assert [outcome.errno for outcome in made[0].outcomes] == [None, None]


def test_a_remedy_is_sought_where_nobody_knows_whether_they_conflict() -> None:
    made = explained("[::]:80 v6only=0", "0.0.0.0:80", os="windows")
    assert made.outcomes[1].errno is UNKNOWN
    assert any("IPV6_V6ONLY on the IPv6 wildcard" in remedy for remedy in made.instead)
