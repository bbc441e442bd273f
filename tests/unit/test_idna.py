"""International names: encoded as curl and browsers do, refused where they could pass for another."""

import sys
from contextlib import suppress

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack import LookupFailed
from dualstack.core.address.describe import describe
from dualstack.core.address.idna import ascii_name
from dualstack.errors import AddressError
from dualstack.net.dial.target import read_target
from dualstack.net.names.getaddrinfo import resolve
from support.dialling import Resolver

WITH, WITHOUT = True, False
BOTH = [WITH, WITHOUT]


@pytest.fixture(params=[WITH, WITHOUT], ids=["with the package", "without it"])
def is_installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if not request.param:
        monkeypatch.setitem(sys.modules, "idna", None)
    return bool(request.param)


@pytest.mark.usefixtures("is_installed")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mail.example", "mail.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("www.例え.テスト", "www.xn--r8jz45g.xn--zckzah"),
        ("☃.example", "xn--n3h.example"),
        ("_dmarc.bücher.example", "_dmarc.xn--bcher-kva.example"),
        ("ü_x-.example", "xn--_x--goa.example"),
        ("::1", "::1"),
    ],
)
def test_a_name_becomes_what_a_resolver_takes(name: str, expected: str) -> None:
    assert ascii_name(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("straße.example", "xn--strae-oqa.example"),
        ("STRAẞE.example", "xn--strae-oqa.example"),
        ("faß.de", "xn--fa-hia.de"),
        ("βόλος.example", "xn--nxasmm1c.example"),
        ("क्\u200dष.example", "xn--11b2ezcw70k.example"),
        ("\u0645\u062b\u0627\u06441.example", "xn--1-ymcl5hc.example"),
    ],
)
def test_letters_that_are_read_in_two_ways_are_letters_with_the_package(
    name: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ascii_name(name) == expected
    monkeypatch.setitem(sys.modules, "idna", None)
    with pytest.raises(AddressError, match=r"read in two ways|no part of an international name"):
        ascii_name(name)


@pytest.mark.usefixtures("is_installed")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("\uff11\uff12\uff17.0.0.1", "only looks international: if 127 is meant"),
        ("\u212aelvin.example", "only looks international: if kelvin is meant"),
        ("127\u30020\u30020\u30021", "a dot of another script"),
        ("a\uff61b", "a dot of another script"),
        ("\u2460.example", "only looks international: if 1 is meant"),
        ("\u00fc" * 64 + ".example", "no part of an international name"),
        ("\u00fc\u202e.example", "no part of an international name"),
    ],
)
def test_a_name_that_could_pass_for_another_is_refused(name: str, why: str) -> None:
    with pytest.raises(AddressError, match=why):
        ascii_name(name)


@pytest.mark.parametrize(
    "label",
    [
        "a\u200db",
        "\u0301a",
        "\u05d0a",
        "-\u00fc",
        "xn--\u00fc",
        "\u00fc=x",
        "\u00fc@x",
        "\u00fc%",
        "\u2024\u00fc",
        "\u00fc x",
    ],
    ids=ascii,
)
def test_what_no_version_of_idna_allows_is_refused(label: str) -> None:
    with pytest.raises(AddressError, match="no part of an international name"):
        ascii_name(f"{label}.example")


@pytest.mark.usefixtures("is_installed")
@given(st.text(max_size=20))
def test_any_text_is_ascii_in_the_end_or_refused(text: str) -> None:
    with suppress(AddressError):
        assert ascii_name(text).isascii()


@given(st.text(alphabet=st.characters(categories=["L", "N", "M"]), min_size=1, max_size=12))
def test_what_the_package_itself_encodes_is_encoded_alike_or_refused(label: str) -> None:
    try:
        expected = idna.encode(label, uts46=True).decode()
    except (idna.IDNAError, ValueError):
        return
    with suppress(AddressError):
        assert ascii_name(label) == expected or label.isascii()


@pytest.mark.parametrize("name", ["straße.example", "βόλος.example", "bücher.example"])
def test_all_who_read_names_agree(name: str) -> None:
    asked = ascii_name(name)
    assert read_target(name, 80).host == asked
    described = describe(name).as_json()
    assert [described[key] for key in ("family", "canonical", "error")] == ["name", asked, None]
    assert describe(f"{name}:80").canonical == f"{asked}:80"
    resolver = Resolver({})
    with pytest.raises(LookupFailed):
        resolve(name, family=4, resolver=resolver)
    assert resolver.asked == [(asked, 4)]


@pytest.mark.parametrize("name", ["\uff11\uff12\uff17.0.0.1", "a\uff61b", "\u2460.example"])
def test_all_who_read_names_refuse_alike(name: str) -> None:
    for read in (lambda: read_target(name, 80), lambda: resolve(name, family=4)):
        with pytest.raises(AddressError):
            read()
    assert describe(name).error
