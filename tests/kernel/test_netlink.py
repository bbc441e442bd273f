"""`kernel.netlink` and `kernel.zones`: what the kernel refuses, and what it says oddly."""

import socket
import struct
import sys

import pytest

from dualstack.core.address.address import Address
from dualstack.kernel import netlink
from dualstack.kernel.zones import scoped_address

GLOBAL, LINK_LOCAL = Address("2001:db8::1").packed, Address("fe80::1").packed


@pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux'")
@pytest.mark.parametrize(("protocol", "kind", "question"), [(0, 0x7FFE, b"\0" * 8), (4, 20, b"\0" * 56)])
def test_a_question_the_kernel_does_not_know_is_an_error(protocol: int, kind: int, question: bytes) -> None:
    with pytest.raises(OSError, match=r"\[Errno \d+\]"):
        netlink.dump(protocol, kind, question)


@pytest.mark.parametrize(
    ("packed", "found"),
    [
        (b"", {}),
        (struct.pack("=HHBxxxHH2s", 5, 1, 7, 6, 0x8002, b"ab"), {1: b"\x07", 2: b"ab"}),
        (struct.pack("=HH", 0, 1), {}),
        (struct.pack("=HHB", 200, 1, 7), {1: b"\x07"}),
    ],
)
def test_attributes_end_where_they_make_no_sense(packed: bytes, found: dict[int, bytes]) -> None:
    assert netlink.attributes(b"head" + packed, 4) == found


@pytest.mark.parametrize(
    ("packed", "scope_id", "text"),
    [
        (GLOBAL, 1, "2001:db8::1"),
        (LINK_LOCAL, 0, "fe80::1"),
        (LINK_LOCAL, 1, f"fe80::1%{socket.if_indextoname(1)}"),
        (LINK_LOCAL, 4000000000, "fe80::1%4000000000"),
        (b"\xa9\xfe\0\x01", 1, "169.254.0.1"),
    ],
)
def test_an_address_has_a_zone_where_it_needs_one(packed: bytes, scope_id: int, text: str) -> None:
    assert str(scoped_address(packed, scope_id)) == text
