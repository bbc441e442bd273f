"""What depends on the order of earlier calls on Linux: the memory of a TCP port, the chain of a UDP port (N6, X3).

Each expected outcome was seen on Linux 6.18; `tests/kernel/test_oracle_live.py` holds the rules against the kernel.
"""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.oracle.oracle import SKIPPED, Case, Prediction, Sock, Step, predict
from dualstack.core.oracle.systems import STACKS

IN_USE = "EADDRINUSE"


def sock(text: str) -> Sock:
    """`4 10.0.0.1 ra rp`, `6 :: v6only`, `6 :: rp uid=7`."""
    family, address, *options = text.split()
    uid = next((int(option[4:]) for option in options if option.startswith("uid=")), 0)
    v6only = {"v6only": True, "dual": False}.get(next((o for o in options if o in {"v6only", "dual"}), ""))
    return Sock(int(family), Address(address), v6only, "ra" in options, "rp" in options, uid)


def asked(proto: str, texts: list[str], steps: str, to: str = "") -> Prediction:
    words = steps.split()
    calls = tuple(Step({"b": "bind", "l": "listen"}[word[0]], int(word[1:])) for word in words)
    return predict(Case(STACKS["linux"], proto, tuple(map(sock, texts)), calls, tuple(map(Address, to.split()))))


def errnos(made: Prediction) -> list[object]:
    return [outcome.errno for outcome in made.steps]


@pytest.mark.parametrize(
    ("sockets", "steps", "expected", "why"),
    [
        (["4 0.0.0.0 ra", "4 0.0.0.0 ra"], "b0 b1", [None, None], "all have REUSEADDR and none listens"),
        (["4 0.0.0.0 ra", "4 0.0.0.0 ra"], "b0 l0 b1", [None, None, IN_USE], "the memory ends with a listener"),
        (["4 0.0.0.0 rp", "6 :: rp"], "b0 b1", [None, None], "the first had REUSEPORT: any socket with it fits"),
        (["4 0.0.0.0 rp", "6 :: rp uid=7"], "b0 b1", [None, IN_USE], "U11: of one user alone"),
        (["4 0.0.0.0 rp", "6 ::"], "b0 b1", [None, IN_USE], "and none without it"),
        (["4 10.0.0.1", "4 10.0.0.2 rp", "6 :: rp"], "b0 b1 b2", [None, None, IN_USE], "10.0.0.2 covers no ::"),
        (
            ["6 fd00::1", "4 0.0.0.0 rp", "6 :: dual rp"],
            "b0 b1 b2",
            [None, None, None],
            "0.0.0.0 is remembered, covers the IPv4 part of ::, and fd00::1 goes unseen",
        ),
        (
            ["6 fd00::1", "4 0.0.0.0 rp", "6 :: v6only rp"],
            "b0 b1 b2",
            [None, None, IN_USE],
            "0.0.0.0 covers no socket of IPv6 alone",
        ),
        (
            ["6 fd00::1", "6 ::ffff:0.0.0.0 rp", "6 :: dual rp"],
            "b0 b1 b2",
            [None, None, IN_USE],
            "a mapped wildcard is compared with ::, not with its IPv4 part",
        ),
        (
            ["6 fd00::1", "6 ::ffff:0.0.0.0 rp", "4 10.0.0.1 rp"],
            "b0 b1 b2",
            [None, None, None],
            "and covers an AF_INET address",
        ),
        (
            ["4 10.0.0.1", "6 :: v6only rp", "6 :: dual rp"],
            "b0 b1 b2",
            [None, None, None],
            ":: is :: whatever its IPV6_V6ONLY, and 10.0.0.1 goes unseen",
        ),
        (
            ["4 10.0.0.1", "6 :: v6only rp", "4 0.0.0.0 rp"],
            "b0 b1 b2",
            [None, None, IN_USE],
            "a :: of IPv6 alone covers no IPv4",
        ),
        (
            ["4 10.0.0.1", "6 :: v6only rp", "6 fd00::1 rp"],
            "b0 b1 b2",
            [None, None, None],
            "it covers an IPv6 address",
        ),
        (
            ["4 10.0.0.9", "6 fd00::1 rp", "6 fd00::1 rp", "6 fd00::2 rp"],
            "b0 b1 b2 b3",
            [None, None, None, None],
            "an address covers itself; another is looked at, and is free",
        ),
        (
            ["4 10.0.0.1 rp", "4 10.0.0.2", "4 0.0.0.0 rp"],
            "b0 b1 b2",
            [None, None, IN_USE],
            "a socket without REUSEPORT ends the memory",
        ),
        (
            ["4 10.0.0.1 ra", "4 0.0.0.0 ra"],
            "b0 b1 l0 l1",
            [None, None, None, IN_USE],
            "the second listen finds a listener",
        ),
        (["4 10.0.0.1", "4 0.0.0.0"], "b0 b1 l1", [None, IN_USE, SKIPPED], "what was not bound does not listen"),
    ],
)
def test_a_tcp_port_remembers_how_it_was_got(sockets: list[str], steps: str, expected: list[object], why: str) -> None:
    assert errnos(asked("tcp", sockets, steps)) == expected, why


def test_a_listen_that_fails_leaves_the_socket_bound() -> None:
    made = asked("tcp", ["4 0.0.0.0 ra", "4 0.0.0.0 ra", "4 10.0.0.1"], "b0 b1 l0 l1 b2", to="10.0.0.1")
    assert errnos(made) == [None, None, None, IN_USE, IN_USE]
    assert made.steps[3].against == 0
    assert [each.socket for each in made.receivers[Address("10.0.0.1")]] == [0]


@pytest.mark.parametrize(
    ("sockets", "expected", "why"),
    [
        (["4 0.0.0.0 ra rp", "4 10.0.0.1 ra", "4 10.0.0.1 rp"], [None, None, IN_USE], "the newest stands first"),
        (
            ["4 10.0.0.1 ra", "4 0.0.0.0 ra rp", "4 10.0.0.1 rp"],
            [None, None, None],
            "0.0.0.0 shares and decides, 10.0.0.1 behind it is not looked at",
        ),
        (
            ["6 :: dual ra rp", "4 10.0.0.1 ra", "4 10.0.0.1 rp"],
            [None, None, IN_USE],
            "AF_INET6 with REUSEPORT stands last",
        ),
        (["4 0.0.0.0 rp", "4 0.0.0.0 rp uid=7"], [None, IN_USE], "U11"),
        (["4 0.0.0.0 ra rp", "4 0.0.0.0 ra rp uid=7"], [None, None], "REUSEADDR shares with anybody"),
    ],
)
def test_the_first_of_a_udp_chain_decides(sockets: list[str], expected: list[object], why: str) -> None:
    steps = " ".join(f"b{n}" for n in range(len(sockets)))
    assert errnos(asked("udp", sockets, steps)) == expected, why


def test_more_than_ten_sockets_are_looked_up_by_address() -> None:
    """The wildcards come last then, so that a socket of one's own address decides first and they once more."""
    crowd = [f"4 127.0.0.{n} ra rp" for n in range(1, 11)]
    steps = " ".join(f"b{n}" for n in range(13))
    few = asked("udp", ["4 0.0.0.0 ra", *crowd[:5], "4 127.0.0.1 rp"], "b0 b1 b2 b3 b4 b5 b6")
    assert few.steps[6].errno is None, "127.0.0.1 decides, and 0.0.0.0 is not looked at"
    many = asked("udp", ["4 0.0.0.0 ra", *crowd, "4 127.0.0.1 rp", "4 0.0.0.0 rp"], steps)
    assert (many.steps[11].errno, many.steps[11].against) == (IN_USE, 0), "now 0.0.0.0 is"
    assert many.steps[12].errno is None, "a wildcard walks the whole chain as ever"


@pytest.mark.parametrize(
    ("proto", "sockets", "to", "receivers", "why"),
    [
        ("udp", ["4 0.0.0.0 ra", "4 0.0.0.0 ra"], "10.0.0.1", [1], "the newest"),
        ("udp", ["6 :: dual ra rp", "6 :: dual ra"], "fd00::1", [1], "before those with REUSEPORT"),
        ("udp", ["6 :: dual ra", "6 :: v6only ra rp"], "fd00::1", [0], "which stand last"),
        (
            "udp",
            ["6 :: dual ra rp", "6 :: v6only ra rp"],
            "fd00::1",
            [0],
            "the oldest of them; v6only makes two groups",
        ),
        ("udp", ["4 10.0.0.1 ra rp", "4 10.0.0.1 ra rp uid=7"], "10.0.0.1", [1], "users make two groups"),
        ("udp", ["6 ::ffff:10.0.0.1 ra", "4 10.0.0.1 ra"], "10.0.0.1", [1], "AF_INET first"),
        ("udp", ["4 10.0.0.1 ra", "6 ::ffff:10.0.0.1 ra"], "10.0.0.1", [0], "even when it is older"),
        ("tcp", ["4 10.0.0.1 rp", "4 0.0.0.0 rp", "4 10.0.0.1 rp"], "10.0.0.1", [0, 2], "a group never spills over"),
        ("tcp", ["6 fe80::1%2 rp", "6 fe80::1%3 rp"], "fe80::1%2", [0], "an interface is part of the address"),
        ("tcp", ["6 fd00::1%2 rp", "6 fd00::1 rp"], "fd00::1", [0, 1], "a scope means nothing on it"),
        ("tcp", ["6 :: v6only"], "10.0.0.1", [], "U3 rule 3"),
    ],
)
def test_who_receives_where_several_could(
    proto: str, sockets: list[str], to: str, receivers: list[int], why: str
) -> None:
    calls = ["b", "l"] if proto == "tcp" else ["b"]
    made = asked(proto, sockets, " ".join(f"{call}{n}" for n in range(len(sockets)) for call in calls), to=to)
    assert set(errnos(made)) == {None}
    assert [each.socket for each in made.receivers[Address(to)]] == receivers, why
