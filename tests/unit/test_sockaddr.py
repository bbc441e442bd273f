"""Whole socket addresses: the bytes of each system, Python's tuples, and scopes that are never lost."""

import socket
import sys

import pytest

from dualstack.core.address.address import Address, SocketTuple
from dualstack.core.address.sockaddr import Layout, SocketAddress
from dualstack.errors import AddressError

INTERFACES = {"eth0": 2, "gone": 0}.__getitem__
SO_PEERNAME = 28  # include/uapi/asm-generic/socket.h
FE80 = "fe80000000000000 0000000000000001"


def no_such_interface(name: str) -> int:
    raise OSError(19, "No such device", name)


@pytest.mark.parametrize(
    ("layout", "address", "expected", "why"),
    [
        (
            Layout.LINUX,
            "192.0.2.1",
            "0200 0050 c0000201 0000000000000000",
            "two bytes of family, in the machine's order",
        ),
        (Layout.BSD, "192.0.2.1", "10 02 0050 c0000201 0000000000000000", "length 16, family 2"),
        (Layout.LINUX, "fe80::1%2", f"0a00 0050 00000000 {FE80} 02000000", "AF_INET6 is 10"),
        (
            Layout.BSD,
            "fe80::1%2",
            f"1c 18 0050 00000000 {FE80} 02000000",
            "inet6(4): length 28, AF_INET6 is 24 on NetBSD",
        ),
        (Layout.FREEBSD, "fe80::1%2", f"1c 1c 0050 00000000 {FE80} 02000000", "28 on FreeBSD"),
        (Layout.MACOS, "fe80::1%2", f"1c 1e 0050 00000000 {FE80} 02000000", "30 on macOS"),
        (Layout.WINDOWS, "fe80::1%2", f"1700 0050 00000000 {FE80} 02000000", "23 on Windows"),
    ],
)
def test_each_system_has_its_layout(layout: Layout, address: str, expected: str, why: str) -> None:
    whole = SocketAddress(Address(address), 80)
    packed = bytes.fromhex(expected)
    assert whole.pack(layout, byteorder="little") == packed, why
    assert SocketAddress.unpack(packed, layout, byteorder="little") == whole


def test_a_big_endian_machine_turns_family_and_scope_and_nothing_else() -> None:
    whole = SocketAddress(Address("fe80::1%2"), 80, flowinfo=0x12345)
    packed = bytes.fromhex(f"000a 0050 00012345 {FE80} 00000002")
    assert whole.pack(Layout.LINUX, byteorder="big") == packed
    assert SocketAddress.unpack(packed, Layout.LINUX, byteorder="big") == whole


@pytest.mark.skipif(sys.platform != "linux", reason="the layout of Linux is asked of Linux")
def test_linux_writes_the_layout_of_linux() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::1", 0))
        sock.connect(sock.getsockname())
        kernels_own_bytes = sock.getsockopt(socket.SOL_SOCKET, SO_PEERNAME, 28)
        assert SocketAddress.from_tuple(sock.getpeername()).pack(Layout.LINUX) == kernels_own_bytes


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        bytes.fromhex("0a00") + bytes(14),
        bytes.fromhex("0200") + bytes(26),
        bytes.fromhex("0100") + bytes(14),
    ],
    ids=["nothing", "a short sockaddr_in6", "a long sockaddr_in", "AF_UNIX"],
)
def test_other_bytes_are_refused(packed: bytes) -> None:
    with pytest.raises(AddressError, match="neither a sockaddr_in"):
        SocketAddress.unpack(packed, Layout.LINUX, byteorder="little")


def test_a_wrong_length_byte_is_refused() -> None:
    with pytest.raises(AddressError, match="of netbsd"):
        SocketAddress.unpack(bytes.fromhex("1b18") + bytes(26), Layout.BSD)


@pytest.mark.parametrize(
    "sockaddr",
    [("192.0.2.1", 80), ("::1", 80, 0, 0), ("fe80::1", 80, 0x12345, 2), ("::ffff:192.0.2.1", 80, 0, 0)],
)
def test_python_tuples_go_in_and_come_out(sockaddr: SocketTuple) -> None:
    assert SocketAddress.from_tuple(sockaddr).to_tuple() == sockaddr


def test_a_numeric_scope_is_in_the_address_and_in_scope_id() -> None:
    by_number = SocketAddress(Address("fe80::1"), 80, scope_id=2)
    by_text = SocketAddress(Address("fe80::1%2"), 80)
    assert by_number == by_text
    assert hash(by_number) == hash(by_text)
    assert by_number.address.scope == "2"
    assert by_text.scope_id == 2


def test_a_named_scope_becomes_a_number_by_the_function_given() -> None:
    named = SocketAddress(Address("fe80::1%eth0"), 80, flowinfo=5)
    assert named.to_tuple(INTERFACES) == ("fe80::1", 80, 5, 2)
    assert named.pack(Layout.LINUX, INTERFACES, byteorder="little")[-4:] == b"\2\0\0\0"
    known = named.with_scope_id(INTERFACES)
    assert (known.address.scope, known.scope_id, known.flowinfo) == ("eth0", 2, 5)
    assert known.to_tuple() == ("fe80::1", 80, 5, 2)


def test_a_named_scope_is_never_dropped_in_silence() -> None:
    with pytest.raises(AddressError, match="number of interface eth0 is needed"):
        SocketAddress(Address("fe80::1%eth0"), 80).to_tuple()
    with pytest.raises(AddressError, match="no interface eth1"):
        SocketAddress(Address("fe80::1%eth1"), 80).to_tuple(no_such_interface)
    with pytest.raises(AddressError, match="no interface gone"):
        SocketAddress(Address("fe80::1%gone"), 80).pack(scope_id_of=INTERFACES)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("::1", 65536, 0, 0), "port is 0 to 65535"),
        (("::1", -1, 0, 0), "port is 0 to 65535"),
        (("::1", 1, 1 << 32, 0), "flowinfo is 0 to"),
        (("::1", 1, 0, 1 << 32), "scope_id is 0 to"),
        (("127.0.0.1", 1, 1, 0), "IPv4 has neither"),
        (("127.0.0.1", 1, 0, 1), "IPv4 has neither"),
        (("fe80::1%2", 1, 0, 3), "the two must be the same"),
    ],
)
def test_numbers_out_of_range_and_two_scopes_are_refused(arguments: tuple[str, int, int, int], reason: str) -> None:
    address, *numbers = arguments
    with pytest.raises(AddressError, match=reason):
        SocketAddress(Address(address), *numbers)


def test_the_flow_label_is_the_low_twenty_bits() -> None:
    assert SocketAddress(Address("::1"), 80, flowinfo=0x0AB12345).flow_label == 0x12345


def test_canonical_and_as_ipv6_turn_mapped_addresses_both_ways() -> None:
    mapped = SocketAddress.from_tuple(("::ffff:192.0.2.1", 80, 0, 0))
    plain = SocketAddress.from_tuple(("192.0.2.1", 80))
    assert mapped.canonical == plain
    assert plain.canonical is plain
    assert plain.as_ipv6 == mapped
    assert str(mapped) == "[::ffff:192.0.2.1]:80"
    assert str(plain) == "192.0.2.1:80"
