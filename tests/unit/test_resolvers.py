"""Resolvers by what people write."""

import sys

import pytest

from dualstack import AddressError
from dualstack.net.names.resolver_choice import resolver_named


def test_the_system_is_nobody_else() -> None:
    assert resolver_named(["system"]) is None


def test_the_same_texts_give_the_same_resolver() -> None:
    assert resolver_named(["dns"]) is resolver_named(("dns",))
    assert resolver_named(["192.0.2.53"]) is resolver_named(["192.0.2.53"]) is not resolver_named(["192.0.2.54"])


@pytest.mark.parametrize("texts", [[], ["", "192.0.2.1"], ["sistem"], ["system", "dns"]])
def test_what_is_none_of_them_is_refused(texts: list[str]) -> None:
    with pytest.raises(AddressError):
        resolver_named(texts)


def test_without_dnspython_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dualstack.net.names.dns_resolver", None)
    with pytest.raises(AddressError, match=r"dualstack\[dns\]"):
        resolver_named(["192.0.2.99"])
