"""`-4`, `-6`, `--v6only`: one family of a listen list."""

import pytest

from dualstack.core.address.endpoint import parse_listen
from dualstack.core.address.narrowing import narrowed
from dualstack.errors import AddressError


@pytest.mark.parametrize(
    ("text", "family", "expected"),
    [
        ("*:1", 4, "0.0.0.0:1"),
        ("*:1", 6, "[::]:1"),
        ("[::]:1", 4, "0.0.0.0:1"),
        ("[::]:1", 6, "[::]:1"),
        ("0.0.0.0:1, [::]:1", 6, "[::]:1"),
        ("::ffff:0.0.0.0, *", 6, "[::]:1"),
        ("localhost:1", 4, "127.0.0.1:1"),
        ("LOCALHOST:1", 6, "[::1]:1"),
        ("name.test:1", 6, "name.test:1"),
        ("10.0.0.1:1", 4, "10.0.0.1:1"),
        ("[fe80::1%eth0]:1", 6, "[fe80::1%eth0]:1"),
    ],
)
def test_a_list_in_one_family(text: str, family: int, expected: str) -> None:
    assert ", ".join(map(str, narrowed(parse_listen(text, port=1), family))) == expected


@pytest.mark.parametrize(
    ("text", "family"), [("[::1]:1", 4), ("10.0.0.1:1", 6), ("0.0.0.0:1", 6), ("[::ffff:10.0.0.1]:1", 6)]
)
def test_an_address_of_the_other_family_is_refused(text: str, family: int) -> None:
    with pytest.raises(AddressError, match=f"IPv{family} alone is asked for"):
        narrowed(parse_listen(text), family)
