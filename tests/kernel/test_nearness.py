"""What the kernel's answer about a route says of an address: this host's, a neighbour's, or far away."""

import errno
import socket
import struct

import pytest

from dualstack.core.access.forward_rules import Near
from dualstack.core.address.address import Address
from dualstack.kernel import nearness, netlink
from dualstack.kernel.nearness import why_near

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="netlink is Linux'")

UNICAST, LOCAL, BROADCAST, ANYCAST, MULTICAST, BLACKHOLE = 1, 2, 3, 4, 5, 6
LOOPBACK = 1
LO = socket.if_indextoname(LOOPBACK)


def answers(monkeypatch: pytest.MonkeyPatch, *routes: bytes | OSError) -> list[bytes]:
    """The kernel, which gives these answers; the questions that it was asked."""
    left, asked = list(routes), []

    def ask(protocol: int, kind: int, question: bytes) -> bytes:
        assert (protocol, kind) == (0, 26)
        asked.append(question)
        answer = left.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(netlink, "ask", ask)
    return asked


def route(kind: int, length: int = 0, **attributes: int) -> bytes:
    numbers = {"oif": 4, "gateway": 5, "multipath": 9, "via": 18}
    answer = struct.pack("=BBBBBBBBI", 2, length, 0, 0, 0, 0, 0, kind, 0)
    return answer + b"".join(struct.pack("=HHI", 8, numbers[name], value) for name, value in attributes.items())


@pytest.mark.parametrize("kind", [LOCAL, BROADCAST, ANYCAST, MULTICAST])
def test_what_this_host_answers_to_is_its_own(monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    asked = answers(monkeypatch, route(kind))
    assert why_near(Address("192.0.2.1")) == Near(is_own=True)
    attribute = struct.pack("=HH", 8, 1) + bytes([192, 0, 2, 1])
    assert asked == [struct.pack("=BBBBBBBBI", socket.AF_INET, 32, 0, 0, 0, 0, 0, 0, 0) + attribute]


@pytest.mark.parametrize(
    "answer",
    [route(UNICAST, gateway=1), route(UNICAST, via=1), route(UNICAST, multipath=1), route(BLACKHOLE), route(0)],
    ids=["gateway", "via", "multipath", "blackhole", "unspecified"],
)
def test_what_is_behind_a_router_or_nowhere_is_far(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    assert answers(monkeypatch, answer) == []
    assert why_near(Address("192.0.2.1")) is None


@pytest.mark.parametrize(
    ("address", "length", "where"),
    [
        ("192.0.2.130", 25, f"192.0.2.128/25 on {LO}"),
        ("10.1.2.3", 8, f"10.0.0.0/8 on {LO}"),
        ("10.1.2.3", 7, None),
        ("2001:db8::1", 64, f"2001:db8::/64 on {LO}"),
        ("2001:db8::1", 16, f"2001::/16 on {LO}"),
        ("2001:db8::1", 15, None),
    ],
)
def test_a_neighbour_is_told_with_its_network(
    monkeypatch: pytest.MonkeyPatch, address: str, length: int, where: str | None
) -> None:
    asked = answers(monkeypatch, route(UNICAST, oif=LOOPBACK), route(UNICAST, length, oif=LOOPBACK))
    assert why_near(Address(address)) == (None if where is None else Near(is_own=False, where=where))
    assert [struct.unpack_from("=I", question, 8)[0] for question in asked] == [0, 0x2000]


@pytest.mark.parametrize("oif", [{}, {"oif": 0x7FFFFFFF}], ids=["none", "gone"])
def test_an_interface_that_is_not_told_or_is_gone_is_left_out(
    monkeypatch: pytest.MonkeyPatch, oif: dict[str, int]
) -> None:
    answers(monkeypatch, route(UNICAST), route(UNICAST, 24, **oif))
    assert why_near(Address("192.0.2.1")) == Near(is_own=False, where="192.0.2.0/24")


@pytest.mark.parametrize(("address", "found"), [("127.0.0.1", Near(is_own=True)), ("192.0.2.1", None)])
def test_where_no_route_is_told_a_bind_tells(monkeypatch: pytest.MonkeyPatch, address: str, found: Near | None) -> None:
    answers(monkeypatch, OSError(errno.ENETUNREACH, "unreachable"))
    assert why_near(Address(address)) == found


def test_a_lack_of_descriptors_says_nothing_of_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, OSError(errno.EMFILE, "too many"))
    with pytest.raises(OSError, match="too many"):
        why_near(Address("192.0.2.1"))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_nor_does_it_where_a_bind_would_tell(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def none(*_arguments: object) -> None:
        raise OSError(number, "none left")

    answers(monkeypatch, OSError(errno.EPERM, "forbidden"))
    monkeypatch.setattr(nearness.socket, "socket", none)
    with pytest.raises(OSError, match="none left"):
        why_near(Address("192.0.2.1"))
