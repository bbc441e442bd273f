"""Which of a plan's sockets a service manager's sockets stand for."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.planning.inherited import Inherited, settle_inherited
from dualstack.core.planning.socket_spec import SocketSpec


def spec(
    address: str, port: int = 143, *, name: str = "imap", v6only: bool | None = None, **more: object
) -> SocketSpec:
    value = Address(address)
    if value.version == 6 and v6only is None:
        v6only = True
    return SocketSpec(name, name, value.version, value, port, v6only, **more)  # type: ignore[arg-type]


def handed(
    address: str, port: int = 143, *, name: str = "", v6only: bool | None = None, proto: str = "tcp"
) -> Inherited:
    made = spec(address, port, v6only=v6only)
    return Inherited(3, name, proto, made.family, made.address, port, made.v6only)


def announced(sock: Inherited) -> tuple[int, Address, int, bool | None]:
    """As the plan has it: a mapped address is IPv4."""
    if sock.address.is_mapped:
        return 4, sock.address.canonical, sock.port, None
    return sock.family, sock.address, sock.port, sock.v6only


DUAL = spec("::", v6only=False)


@pytest.mark.parametrize(
    ("planned", "sockets", "opened", "why"),
    [
        ([DUAL], [handed("::", v6only=False)], [], "the same"),
        ([DUAL], [handed("::"), handed("0.0.0.0")], [], "a pair for what would have been one"),
        ([spec("::"), spec("0.0.0.0")], [handed("::", v6only=False)], [], "one for what would have been a pair"),
        ([DUAL], [handed("0.0.0.0")], ["[::]:143 True"], "IPv6 is left to open"),
        ([DUAL], [handed("::")], ["0.0.0.0:143 None"], "IPv4 is left to open"),
        ([spec("0.0.0.0")], [handed("::ffff:0.0.0.0", v6only=False)], [], "a mapped bind is IPv4"),
        ([spec("fd00::1")], [handed("fd00::1", v6only=False)], [], "V6ONLY says nothing of one address"),
        ([DUAL, spec("::", 25, name="smtp")], [handed("::", 25)], ["[::]:143 False"], "another port is left alone"),
        ([DUAL], [handed("::", 1143, name="IMAP")], [], "of the port's name: the manager has the last word"),
        ([DUAL], [handed("127.0.0.1", name="imap")], [], "on another address too"),
        ([DUAL], [handed("::", name="imap")], ["0.0.0.0:143 None"], "but the other family is still wanted"),
        ([DUAL], [handed("::", 1, name="imap"), handed("0.0.0.0", 1, name="imap")], [], "two of the name"),
        (
            [DUAL, spec("::", 993, v6only=False)],
            [handed("::", 993, name="imap", v6only=False)],
            ["[::]:143 False"],
            "of several numbers its own",
        ),
    ],
)
def test_an_inherited_socket_takes_the_place_of_what_it_receives(
    planned: list[SocketSpec], sockets: list[Inherited], opened: list[str], why: str
) -> None:
    settled = settle_inherited(planned, sockets)
    assert settled.unmatched == (), why
    assert [f"{s} {s.v6only}" for s in settled.specs if not s.inherited] == opened, why
    inherited = [s for s in settled.specs if s.inherited]
    assert [(s.family, s.address, s.port, s.v6only) for s in inherited] == [announced(s) for s in sockets]
    assert [settled.taken[s.identity] for s in inherited] == sockets


@pytest.mark.parametrize(
    ("planned", "sockets", "why"),
    [
        ([DUAL], [handed("::", 144)], "another number"),
        ([DUAL], [handed("::", proto="udp")], "another transport"),
        ([spec("127.0.0.1")], [handed("0.0.0.0")], "wider than anybody wants"),
        ([spec("0.0.0.0", name="a"), spec("::", name="b")], [handed("::", v6only=False)], "of two ports"),
        ([DUAL, spec("::", 993)], [handed("::", 7, name="imap")], "a name with several numbers, none its own"),
    ],
)
def test_what_no_port_wants_is_told(planned: list[SocketSpec], sockets: list[Inherited], why: str) -> None:
    settled = settle_inherited(planned, sockets)
    assert settled.unmatched == tuple(sockets), why
    assert settled.specs == tuple(planned)


def test_the_same_address_twice_has_one_place() -> None:
    twice = [handed("0.0.0.0"), handed("0.0.0.0")]
    assert settle_inherited([DUAL], twice).unmatched == (twice[1],)


def test_people_see_which_socket_is_meant() -> None:
    assert str(handed("::", name="imap")) == "tcp [::]:143 (descriptor 3, imap)"
    assert str(handed("0.0.0.0", proto="udp")) == "udp 0.0.0.0:143 (descriptor 3)"


def test_a_socket_beside_others_of_ours_stays_shared() -> None:
    settled = settle_inherited([spec("::", v6only=False, shared=True)], [handed("0.0.0.0")])
    assert [s.shared for s in settled.specs] == [True, True]


@pytest.mark.parametrize(
    ("sock", "why"),
    [
        (handed("0.0.0.0"), "inherited"),
        (handed("::"), "inherited, with IPV6_V6ONLY as it was"),
        (
            handed("::ffff:127.0.0.1", v6only=False),
            "inherited, as an AF_INET6 socket on ::ffff:127.0.0.1, which receives IPv4 alone",
        ),
    ],
)
def test_it_is_said_how_it_was_inherited(sock: Inherited, why: str) -> None:
    wanted = [DUAL] if sock.address.is_unspecified else [spec("127.0.0.1")]
    assert [s.why for s in settle_inherited(wanted, [sock]).specs if s.inherited] == [why]
