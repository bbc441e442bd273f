"""`dualstack address`: the vectors, the JSON of the contract, exit codes, and what people read."""

import io
import json
import sys
from pathlib import Path

import pytest

from dualstack.core.address.describe import describe
from dualstack.core.address.embedded import Nat64
from dualstack.core.address.in6 import IN6_TESTS
from support.command import Run

VECTORS = json.loads((Path(__file__).parent.parent / "data" / "addresses.json").read_text())
NAT64 = (
    "2001:db8::/32",
    "2001:db8:100::/40",
    "2001:db8:122::/48",
    "2001:db8:122:300::/56",
    "2001:db8:122:344::/64",
    "2001:db8:122:344::/96",
    "2a00:1450:64::/96",
)
FIELDS = ["input", "family", "canonical", "classes", "embedded", "public", "in6", "scope", "error"]


@pytest.mark.parametrize("vector", VECTORS, ids=[ascii(vector["input"]) for vector in VECTORS])
def test_the_vectors_of_spellings_that_went_wrong_elsewhere(vector: dict[str, object]) -> None:
    described = describe(str(vector["input"]), Nat64(NAT64)).as_json()
    expected = {
        "input": vector["input"],
        "family": vector["family"],
        "canonical": vector["expected_canonical"],
        "classes": vector["classes"],
        "embedded": vector.get("embedded", []),
        "public": vector["public_only"],
    }
    assert {name: described[name] for name in expected} == expected
    assert (described["error"] is None) == (vector["expected_canonical"] is not None or vector["family"] == "name")


def test_json_is_a_bare_list_with_every_field(run: Run) -> None:
    code, out, _ = run("address", "--json", "fe80::1%eth0", "127.0.0.1")
    linked, loopback = json.loads(out)
    assert code == 0
    assert list(linked) == list(loopback) == FIELDS
    assert linked["scope"] == "eth0"
    assert list(linked["in6"]) == list(IN6_TESTS)
    assert [name for name, holds in linked["in6"].items() if holds] == ["IN6_IS_ADDR_LINKLOCAL"]
    assert (loopback["in6"], loopback["scope"], loopback["error"]) == ({}, None, None)


def test_the_twelve_are_of_the_form_as_given(run: Run) -> None:
    _, out, _ = run("address", "--json", "::ffff:127.0.0.1")
    (mapped,) = json.loads(out)
    assert mapped["canonical"] == "127.0.0.1"
    assert [name for name, holds in mapped["in6"].items() if holds] == ["IN6_IS_ADDR_V4MAPPED"]


def test_a_zone_on_a_mapped_address_has_classes_and_an_error(run: Run) -> None:
    code, out, _ = run("address", "--json", "::ffff:10.0.0.1%eth0")
    (refused,) = json.loads(out)
    assert code == 1
    assert refused["classes"] == ["ipv6", "ipv4-mapped", "private", "zone-on-mapped"]
    assert refused["embedded"] == [{"mechanism": "ipv4-mapped", "ipv4": "10.0.0.1"}]
    assert (refused["canonical"], refused["scope"], refused["public"]) == (None, "eth0", "deny")
    assert "mapped address is IPv4" in refused["error"]


@pytest.mark.parametrize(
    ("text", "family", "canonical", "classes", "public"),
    [
        ("[fe80::1%eth0]:80", "endpoint", "[fe80::1%eth0]:80", ["endpoint", "link-local", "zone"], "deny"),
        ("[2606:4700::1]", "endpoint", "[2606:4700::1]", ["endpoint", "global"], "allow"),
        ("8.8.8.8:domain", "endpoint", "8.8.8.8:53", ["endpoint", "global"], "allow"),
        ("mail.example:25", "endpoint", "mail.example:25", ["endpoint", "name"], "resolve"),
        (":80", "endpoint", "*:80", ["endpoint", "wildcard"], "n/a"),
        ("*", "endpoint", "*", ["endpoint", "wildcard"], "n/a"),
        ("mail.example:", "endpoint-invalid", None, ["invalid"], "deny"),
        ("[::ffff:1.2.3.4%eth0]:80", "endpoint-invalid", None, ["invalid"], "deny"),
        ("127.0.0.1:80:80", "endpoint-invalid", None, ["invalid"], "deny"),
        ("::1:99999", None, None, ["invalid"], "deny"),
        ("80", None, None, ["legacy-decimal"], "deny"),
        ("10.0.0.0/8", None, None, ["invalid"], "deny"),
        ("a..b", None, None, ["invalid"], "deny"),
        ("::ffff:1.2.3.4%", None, None, ["invalid"], "deny"),
    ],
)
def test_other_texts(text: str, family: str | None, canonical: str | None, classes: list[str], public: str) -> None:
    described = describe(text, service={"domain": 53}.get).as_json()
    assert [described[name] for name in ("family", "canonical", "classes", "public")] == [
        family,
        canonical,
        classes,
        public,
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("4294967296", "no IPv4 address: the number is over 4294967295"),
        ("99999999999999999999", "no IPv4 address: the number is over 4294967295"),
        ("09", "no IPv4 address: four decimal numbers up to 255"),
    ],
)
def test_a_number_that_is_no_address_is_told_as_ipv4(text: str, why: str) -> None:
    assert str(describe(text).error).startswith(why)


def test_a_nat64_prefix_that_is_given_is_decoded(run: Run) -> None:
    _, out, _ = run("address", "--json", "--nat64", "2001:db8:64::/96", "2001:db8:64::c000:221")
    assert json.loads(out)[0]["embedded"] == [{"mechanism": "nat64-nsp/96", "ipv4": "192.0.2.33"}]
    code, _, err = run("address", "--nat64", "2001:db8::/33", "::1")
    assert code == 78
    assert "NAT64" in err


def test_texts_come_as_a_json_array_on_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('["127.0.0.1\\u0000.example.com", "\\ud800", "::1"]'))
    code, out, _ = run("address", "--stdin", "--json", "first.example")
    assert code == 1
    assert [described["input"] for described in json.loads(out)] == [
        "first.example",
        "127.0.0.1\0.example.com",
        "\\ud800",
        "::1",
    ]


@pytest.mark.parametrize("document", ["", "{", '{"a": 1}', "[1]", '"::1"'])
def test_other_documents_on_standard_input_are_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, document: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(document))
    code, out, err = run("address", "--stdin")
    assert (code, out) == (78, "")
    assert err.startswith("dualstack: standard input: ")


def test_nothing_to_say_anything_of_is_a_usage_error(run: Run) -> None:
    code, _, err = run("address")
    assert code == 2
    assert "--stdin" in err


def test_people_read_what_an_address_is_and_by_which_law(run: Run) -> None:
    code, out, _ = run("address", "::ffff:10.0.0.1", "fe80:2::1", "0x7f.1", "[::1]:80")
    assert code == 1
    for expected in (
        "10.0.0.0/8 Private-Use: RFC 1918",
        "10.0.0.1 (ipv4-mapped)",
        "IN6_IS_ADDR_V4MAPPED",
        "scope 2 seems embedded as KAME does; fe80::1%2 may be meant",
        "an old hex form of IPv4, which some read as 127.0.0.1",
        "endpoint, loopback",
    ):
        assert expected in out


def test_help_has_examples(run: Run) -> None:
    code, out, _ = run("address", "--help")
    assert code == 0
    assert "dualstack address fe80::1%eth0" in out
