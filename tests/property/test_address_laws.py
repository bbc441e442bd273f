"""Laws of addresses: round trips, and agreement with `ipaddress`, with inet_pton and with each other."""

import ipaddress
import itertools
import pickle
import socket

from hypothesis import assume, example, given
from hypothesis import strategies as st

from dualstack.core.address.address import Address
from dualstack.core.address.embedded import NAT64_LENGTHS, Nat64, embedded_ipv4
from dualstack.core.address.in6 import IN6_TESTS
from dualstack.core.address.prefix import Prefix
from dualstack.core.address.sockaddr import Layout, SocketAddress
from dualstack.errors import AddressError

SCOPES = st.from_regex(r"[a-z][a-z0-9_.@-]{0,14}", fullmatch=True) | st.integers(1, 2**32 - 1).map(str)
IPV4 = st.integers(0, 2**32 - 1).map(lambda value: Address.from_int(value, 4))
# Zeros and ones in long runs are what mechanisms and texts are made of.
GROUPS = st.sampled_from([0, 1, 0xFFFF, 0x64, 0xFF9B, 0x2002, 0x2001, 0xFE80, 0xFF02, 0x5EFE, 0xDB8]) | st.integers(
    0, 0xFFFF
)
IPV6_NUMBERS = st.lists(GROUPS, min_size=8, max_size=8).map(
    lambda groups: sum(group << 16 * place for place, group in enumerate(reversed(groups)))
)
IPV6 = IPV6_NUMBERS.map(lambda value: Address.from_int(value, 6))
SCOPED = st.builds(Address, IPV6.filter(lambda a: not a.is_mapped), SCOPES)
ADDRESSES = IPV4 | IPV6 | SCOPED
TEXT_LIKE = st.text("0123456789abcdefABCDEF:.%/x[] ", max_size=45)


@given(ADDRESSES)
def test_text_bytes_numbers_and_pickles_give_the_address_back(address: Address) -> None:
    assert Address(str(address)) == address
    assert Address(address.packed, address.scope) == address
    assert Address.from_int(address.value, address.version, address.scope) == address
    assert pickle.loads(pickle.dumps(address)) == address  # noqa: S301 - our own bytes
    assert Address(address) == address
    assert address.canonical.as_ipv6 == address.as_ipv6


@given(IPV6)
def test_the_text_is_that_of_rfc_5952(address: Address) -> None:
    text = str(address)
    assert text == text.lower()
    assert socket.inet_pton(socket.AF_INET6, text) == address.packed
    if not address.is_mapped:
        assert "." not in text
        assert text == str(ipaddress.IPv6Address(address.value))


@given(TEXT_LIKE | ADDRESSES.map(str))
@example("::1%")
@example("1.2.3.4%x")
def test_whatever_ipaddress_refuses_is_refused_and_the_rest_agrees(text: str) -> None:
    try:
        ours = Address(text)
    except AddressError:
        return
    theirs = ipaddress.ip_address(text)
    assert int(theirs) == ours.value
    assert theirs.version == ours.version


@given(TEXT_LIKE)
def test_text_without_a_zone_is_read_exactly_as_inet_pton_does(text: str) -> None:
    assume("%" not in text)
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        expected: bytes | None = socket.inet_pton(family, text)
    except OSError:
        expected = None
    try:
        got: bytes | None = Address(text).packed
    except AddressError:
        got = None
    assert got == expected


@given(st.text() | st.binary() | st.integers() | st.tuples(st.text(), st.integers()) | st.none() | st.floats())
def test_anything_is_an_address_or_an_address_error(anything: object) -> None:
    try:
        Address(anything)  # type: ignore[arg-type]
    except AddressError as error:
        assert error.why  # noqa: PT017 - accepted or AddressError, never anything else


@given(st.lists(ADDRESSES))
def test_equal_addresses_are_one_in_a_set_and_order_is_total(addresses: list[Address]) -> None:
    assert len(set(addresses)) == len({str(address) for address in addresses})
    ordered = sorted(addresses)
    assert all(a <= b for a, b in itertools.pairwise(ordered))


# RFC 3493 section 6.4 in the words of glibc's netinet/in.h, on the groups of the address.
def _glibc(address: Address) -> dict[str, bool]:
    b = address.packed
    scope = b[1] & 0xF if b[0] == 0xFF else None
    zeros = b[:10] == bytes(10)
    return {
        "UNSPECIFIED": b == bytes(16),
        "LOOPBACK": b == bytes(15) + b"\1",
        "MULTICAST": b[0] == 0xFF,
        "LINKLOCAL": b[0] == 0xFE and b[1] & 0xC0 == 0x80,
        "SITELOCAL": b[0] == 0xFE and b[1] & 0xC0 == 0xC0,
        "V4MAPPED": zeros and b[10:12] == b"\xff\xff",
        "V4COMPAT": zeros and b[10:12] == bytes(2) and int.from_bytes(b[12:], "big") > 1,
        "MC_NODELOCAL": scope == 1,
        "MC_LINKLOCAL": scope == 2,
        "MC_SITELOCAL": scope == 5,
        "MC_ORGLOCAL": scope == 8,
        "MC_GLOBAL": scope == 14,
    }


@given(IPV6 | st.integers(0, 2**128 - 1).map(lambda value: Address.from_int(value, 6)))
def test_the_twelve_tests_are_those_of_the_header(address: Address) -> None:
    expected = {f"IN6_IS_ADDR_{name}": holds for name, holds in _glibc(address).items()}
    assert {name: test(address) for name, test in IN6_TESTS.items()} == expected


@given(SCOPED)
def test_a_scope_is_never_lost_on_the_way_through_socket_addresses(address: Address) -> None:
    numbers = {address.scope: 7}
    assert address.scope is not None
    whole = SocketAddress(address, 80, 3)
    expected = int(address.scope) if address.scope.isdecimal() else 7
    sockaddr = whole.to_tuple(numbers.__getitem__)
    assert sockaddr[2:] == (3, expected)
    assert SocketAddress.from_tuple(sockaddr).address == Address(address.without_scope, str(expected))


@given(ADDRESSES, st.integers(0, 65535), st.sampled_from(Layout), st.sampled_from(["little", "big"]))
def test_packed_socket_addresses_come_back(address: Address, port: int, layout: Layout, byteorder: str) -> None:
    whole = SocketAddress(address, port)
    packed = whole.pack(layout, lambda _: 7, byteorder=byteorder)  # type: ignore[arg-type]
    back = SocketAddress.unpack(packed, layout, byteorder=byteorder)  # type: ignore[arg-type]
    assert back.address.without_scope == address.without_scope
    assert back.port == port
    assert (back.address.scope is None) == (address.scope is None)


@given(IPV6, st.integers(0, 128))
def test_prefixes_are_those_of_ipaddress(address: Address, length: int) -> None:
    theirs = ipaddress.IPv6Network((address.value, length), strict=False)
    ours = Prefix.parse(f"{Address.from_int(int(theirs.network_address), 6)}/{length}")
    assert (ours.first, ours.last) == (int(theirs.network_address), int(theirs.broadcast_address))
    assert address in ours
    assert ours == Prefix.parse(f"{ours.network}/{Address.from_int(int(theirs.netmask), 6)}")


@given(IPV4, st.sampled_from(NAT64_LENGTHS), IPV6_NUMBERS)
def test_what_a_translator_would_write_is_read(ipv4: Address, length: int, number: int) -> None:
    network = Address.from_int(number >> 128 - length << 128 - length & ~(0xFF << 56), 6)
    assume(not network.is_mapped or length < 96)
    nat64 = Nat64([f"{network}/{length}"])
    assume(nat64.prefixes)
    inside = embedded_ipv4(_translated(network.value, length, ipv4.value), nat64)
    assert ipv4 in [found.ipv4 for found in inside if found.mechanism == f"nat64-nsp/{length}"]


def _translated(prefix: int, length: int, ipv4: int) -> Address:
    """RFC 6052 section 2.3, byte by byte."""
    octets = list(prefix.to_bytes(16, "big")[: length // 8])
    for octet in ipv4.to_bytes(4, "big"):
        if len(octets) == 8:
            octets.append(0)
        octets.append(octet)
    return Address(bytes(octets + [0] * (16 - len(octets))))
