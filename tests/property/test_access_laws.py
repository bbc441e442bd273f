"""Laws of access lists: they answer as if the rules were read one by one from the top, by the book."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.access.access_list import AccessList
from dualstack.core.address.address import Address
from dualstack.core.address.embedded import Nat64, embedded_ipv4
from dualstack.core.address.registry import is_public

NAT64 = ("2a00:64::/96", "2001:db8:64::/48")
FEW = [0, 1, 2, 10, 127, 169, 254, 255]
IPV4_NUMBERS = st.lists(st.sampled_from(FEW), min_size=4, max_size=4).map(
    lambda octets: int.from_bytes(bytes(octets), "big")
)
WRAPPERS = ["::ffff:", "::", "::ffff:0:", "64:ff9b::", "64:ff9b:1::", "2a00:64::", "fe80::5efe:", "2600::200:5efe:"]


def wrapped(number: int, wrapper: str) -> Address:
    return Address(f"{wrapper}{Address.from_int(number, 4)}")


IPV4 = st.builds(Address.from_int, IPV4_NUMBERS, st.just(4))
IPV6 = (
    st.builds(wrapped, IPV4_NUMBERS, st.sampled_from(WRAPPERS))
    | st.builds(lambda number: Address.from_int(0x2002 << 112 | number << 80, 6), IPV4_NUMBERS)
    | st.builds(lambda number: Address.from_int(0x20010000 << 96 | number << 64 | 1, 6), IPV4_NUMBERS)
    | st.sampled_from(["2600::1", "2600::1%eth0", "fe80::1%eth0", "fe80::1%2", "::1", "::1%lo", "::"]).map(Address)
)
ADDRESSES = IPV4 | IPV6
TENS = IPV4_NUMBERS.map(lambda number: 10 << 24 | number & 0xFFFFFF)
INSIDE = st.builds(wrapped, TENS, st.sampled_from([each for each in WRAPPERS if each != "::ffff:"])) | st.builds(
    lambda number: Address.from_int(0x2002 << 112 | number << 80, 6), TENS
)


@st.composite
def rules(draw: st.DrawFn) -> str:
    verb = draw(st.sampled_from(["allow", "deny"]))
    kind = draw(st.sampled_from(["any", "public", "prefix", "prefix", "prefix", "prefix"]))
    if kind != "prefix":
        return f"{verb} {kind}"
    address = draw(ADDRESSES)
    bits = 32 if address.version == 4 else 128
    shortest = 96 if address.is_mapped else 0
    length = draw(st.integers(shortest, bits) | st.just(bits))
    network = Address.from_int(address.value >> bits - length << bits - length, address.version, address.scope)
    return f"{verb} {network}/{length}"


def naive(texts: list[str], address: Address) -> tuple[str, str | None]:
    """The rules of the book, in the words of the standard library."""
    nat64 = Nat64(NAT64)
    peer = address.canonical
    inside = [found.ipv4 for found in embedded_ipv4(peer, nat64)]
    for text in texts:
        verb, subject = text.split()
        candidates = [peer, *inside] if verb == "deny" else [peer]
        if any(_holds(verb, subject, candidate, nat64) for candidate in candidates):
            return verb, text
    return "deny", None


def _holds(verb: str, subject: str, address: Address, nat64: Nat64) -> bool:
    if subject == "any":
        return True
    if subject == "public":
        return is_public(address.without_scope if verb == "deny" else address, nat64)
    written, _, length = subject.partition("/")
    network = ipaddress.ip_network(f"{Address(written).without_scope}/{length}")
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped and network.prefixlen >= 96:
        network = ipaddress.IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - 96))
    zone = Address(written).scope
    plain = ipaddress.ip_address(str(address.without_scope))
    return plain in network and zone in {None, address.scope}


@given(st.lists(rules(), max_size=12), st.lists(ADDRESSES, min_size=1, max_size=12))
def test_a_list_answers_as_if_its_rules_were_read_from_the_top(texts: list[str], addresses: list[Address]) -> None:
    access = AccessList(texts, NAT64)
    for address in addresses:
        decision = access.check(address)
        assert (decision.verdict.value, decision.rule) == naive(texts, address), address


@given(st.lists(rules(), max_size=8), IPV4)
def test_a_mapped_address_is_judged_as_its_ipv4(texts: list[str], address: Address) -> None:
    access = AccessList(texts)
    assert access.check(address) == access.check(address.as_ipv6)


@given(st.lists(rules(), max_size=8), INSIDE)
def test_whatever_is_denied_first_is_denied_inside_too(texts: list[str], address: Address) -> None:
    assert any(found.ipv4.value >> 24 == 10 for found in embedded_ipv4(address, Nat64(NAT64)))
    access = AccessList(["deny 10.0.0.0/8", *texts], NAT64)
    assert access.check(address).rule == "deny 10.0.0.0/8"
