"""International names: encoded where they mean one thing, refused where they could pass for another."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.idna import ascii_name
from dualstack.errors import AddressError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mail.example", "mail.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("www.例え.テスト", "www.xn--r8jz45g.xn--zckzah"),
        ("::1", "::1"),
    ],
)
def test_a_name_becomes_what_a_resolver_takes(name: str, expected: str) -> None:
    assert ascii_name(name) == expected


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("\uff11\uff12\uff17.0.0.1", "only looks international: if 127 is meant"),
        ("\u212aelvin.example", "only looks international: if kelvin is meant"),
        ("127\u30020\u30020\u30021", "a dot of another script"),
        ("a\uff61b", "a dot of another script"),
        ("fa\u00df.example", "read in two ways"),
        ("\u03b1\u03c2.example", "read in two ways"),
        ("a\u200db.example", "read in two ways"),
        ("\u2460.example", "only looks international: if 1 is meant"),
        ("\u00fc" * 64 + ".example", "no part of an international name"),
        ("\u00fc\u202e.example", "no part of an international name"),
    ],
)
def test_a_name_that_could_pass_for_another_is_refused(name: str, why: str) -> None:
    with pytest.raises(AddressError, match=why):
        ascii_name(name)


@given(st.text(max_size=20))
def test_any_text_is_ascii_in_the_end_or_refused(text: str) -> None:
    with suppress(AddressError):
        assert ascii_name(text).isascii()
