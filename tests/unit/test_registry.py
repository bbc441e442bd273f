"""The registries: every row's edges, what they leave open, and what "public only" lets pass."""

import ipaddress
from pathlib import Path

import pytest

from dualstack.core.address.address import BITS, Address
from dualstack.core.address.embedded import Nat64
from dualstack.core.address.registry import (
    CLOUD_METADATA,
    DATED,
    SPECIAL,
    Special,
    classes_of,
    is_public,
    public_prefixes,
    special,
)

ROWS = [pytest.param(row, id=f"{row.prefix} {row.name}") for row in SPECIAL]


@pytest.mark.parametrize("row", ROWS)
def test_every_row_holds_at_both_its_edges_and_names_its_law(row: Special) -> None:
    version = row.prefix.network.version
    for value in (row.prefix.first, row.prefix.last):
        held = special(Address.from_int(value, version))
        assert held is not None
        assert held == row or held.prefix.length > row.prefix.length
    assert "RFC " in row.law
    assert row.name
    assert row.classes


@pytest.mark.parametrize("row", ROWS)
def test_no_special_address_is_public_but_translated_ones(row: Special) -> None:
    if row.classes in {("nat64-wkp",), ("ipv4-mapped",)}:
        return
    for value in (row.prefix.first, row.prefix.last):
        assert not is_public(Address.from_int(value, row.prefix.network.version))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0", "this-network unspecified"),
        ("0.255.255.255", "this-network"),
        ("1.0.0.0", "global"),
        ("9.255.255.255", "global"),
        ("10.0.0.0", "private"),
        ("11.0.0.0", "global"),
        ("100.63.255.255", "global"),
        ("100.64.0.0", "shared-cgn"),
        ("100.127.255.255", "shared-cgn"),
        ("100.128.0.0", "global"),
        ("100.100.100.200", "shared-cgn cloud-metadata"),
        ("126.255.255.255", "global"),
        ("128.0.0.0", "global"),
        ("168.63.129.16", "cloud-metadata"),
        ("169.253.255.255", "global"),
        ("169.254.170.2", "link-local cloud-metadata"),
        ("172.15.255.255", "global"),
        ("172.31.255.255", "private"),
        ("192.0.0.9", "ietf-protocol"),
        ("192.0.0.171", "ietf-protocol"),
        ("192.0.0.192", "ietf-protocol cloud-metadata"),
        ("192.0.1.0", "global"),
        ("192.0.2.255", "documentation"),
        ("192.31.196.1", "as112"),
        ("192.52.193.1", "amt"),
        ("192.88.99.1", "6to4-relay"),
        ("192.88.99.2", "6to4-relay"),
        ("192.175.48.1", "as112"),
        ("198.17.255.255", "global"),
        ("198.18.0.0", "benchmarking"),
        ("203.0.113.0", "documentation"),
        ("223.255.255.255", "global"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.0", "reserved"),
        ("255.255.255.254", "reserved"),
        ("255.255.255.255", "reserved broadcast"),
        ("::", "unspecified"),
        ("100::1", "discard-only"),
        ("100:0:0:1::1", "dummy"),
        ("100:0:0:2::1", "reserved"),
        ("1fff:ffff::", "reserved"),
        ("2000::", "global"),
        ("2001:1::1", "ietf-protocol"),
        ("2001:1::3", "ietf-protocol"),
        ("2001:1ff:ffff::", "ietf-protocol"),
        ("2001:200::", "global"),
        ("2001:2::1", "benchmarking"),
        ("2001:2:1::1", "ietf-protocol"),
        ("2001:3::1", "amt"),
        ("2001:4:112::1", "as112"),
        ("2001:1f:ffff::", "orchid-v1"),
        ("2001:20::1", "orchid-v2"),
        ("2001:30::1", "drone-remote-id"),
        ("2001:db7:ffff::", "global"),
        ("2001:db9::", "global"),
        ("2620:4f:8000::1", "as112"),
        ("3ffe::1", "6bone"),
        ("3fff:fff::1", "documentation"),
        ("3fff:1000::1", "global"),
        ("4000::1", "reserved"),
        ("5f00::1", "srv6-sid"),
        ("5f01::1", "reserved"),
        ("fbff::1", "reserved"),
        ("fd00:ec2::254", "unique-local cloud-metadata"),
        ("fe00::1", "reserved"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
        ("ff02::1%eth0", "multicast zone"),
        ("ff05::1%eth0", "multicast zone zone-on-nonlinklocal"),
        ("fd20:ce::254%eth0", "unique-local cloud-metadata zone zone-on-nonlinklocal"),
        ("::ffff:168.63.129.16", "ipv4-mapped cloud-metadata"),
    ],
)
def test_an_address_is_what_its_longest_block_says(text: str, expected: str) -> None:
    family, *classes = classes_of(Address(text))
    assert family == ("ipv6" if ":" in text else "ipv4")
    assert " ".join(classes) == expected


def test_every_class_is_in_the_reference() -> None:
    reference = (Path(__file__).parents[2] / "docs" / "reference" / "addresses.md").read_text()
    names = {name for row in SPECIAL for name in row.classes} | {"cloud-metadata", "global", "isatap", "nat64-nsp"}
    assert {name for name in names if f"`{name}`" not in reference} == set()
    assert DATED in reference


def test_no_metadata_address_is_public() -> None:
    assert {address.version for address in CLOUD_METADATA} == {4, 6}
    for address in CLOUD_METADATA:
        assert not is_public(address)
        assert "cloud-metadata" in classes_of(address)
        if address.version == 4:
            assert not is_public(address.as_ipv6)
            assert not is_public(Address(f"64:ff9b::{address}"))


@pytest.mark.parametrize(
    ("text", "nat64", "public", "why"),
    [
        ("8.8.8.8", [], True, "global"),
        ("::ffff:8.8.8.8", [], True, "mapped, and global"),
        ("2606:4700::1111", [], True, "global"),
        ("2606:4700::1111%eth0", [], False, "RFC 4007 section 6: a global address has no zone"),
        ("64:ff9b::8.8.8.8", [], True, "translated, and global"),
        ("64:ff9b::8.8.8.8%eth0", [], False, "the same with a zone"),
        ("64:ff9b:1::8.8.8.8", [], False, "RFC 8215: whose translator?"),
        ("64:ff9b:1::8.8.8.8", ["64:ff9b:1::/96"], True, "the operator's"),
        ("64:ff9b:1::10.0.0.1", ["64:ff9b:1::/96"], False, "the operator's, private"),
        ("2a00:1450:64::8.8.8.8", ["2a00:1450:64::/96"], True, "network-specific, global"),
        ("2a00:1450:64::10.0.0.1", ["2a00:1450:64::/96"], False, "network-specific, private"),
        ("2a00:1450:64::10.0.0.1", [], True, "not known to be a translator's"),
        ("2001:db8:64::8.8.8.8", ["2001:db8:64::/96"], False, "documentation all the same"),
        ("2a00:1450::200:5efe:8.8.8.8", [], False, "ISATAP"),
        ("2002:808:808::1", [], False, "6to4"),
        ("2001:20::1", [], False, "ORCHIDv2, which IANA calls globally reachable"),
    ],
)
def test_public_only(text: str, nat64: list[str], public: bool, why: str) -> None:  # noqa: FBT001
    assert is_public(Address(text), Nat64(nat64)) is public, why


def test_whatever_is_public_is_global_to_the_standard_library_too() -> None:
    for version in (4, 6):
        assert public_prefixes(version)
        for prefix in public_prefixes(version):
            for value in (prefix.first, prefix.last):
                assert is_public(Address.from_int(value, version))
                theirs = ipaddress.IPv4Address(value) if version == 4 else ipaddress.IPv6Address(value)
                assert theirs.is_global, theirs


@pytest.mark.parametrize("version", [4, 6])
def test_public_and_special_blocks_cover_every_address_once(version: int) -> None:
    special_rows = [row.prefix for row in SPECIAL if row.prefix.network.version == version]
    metadata = [address for address in CLOUD_METADATA if address.version == version and special(address) is None]
    outermost = [
        p for p in special_rows if not any(o != p and o.first <= p.first and p.last <= o.last for o in special_rows)
    ]
    covered = sum(p.last - p.first + 1 for p in (*outermost, *public_prefixes(version))) + len(metadata)
    assert covered == 1 << BITS[version]
