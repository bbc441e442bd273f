"""A name of another script before a port, wherever a target is read: as it is asked for, or one line of why not."""

import pytest

from dualstack import AddressError
from dualstack.core.address.endpoint import parse_target
from dualstack.core.address.idna import ascii_target
from dualstack.gateway.config.target_text import parse_target_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bücher.example:80", "xn--bcher-kva.example:80"),
        ("straße.localhost:1", "xn--strae-oqa.localhost:1"),
        ("\u03b2\u03cc\u03bb\u03bf\u03c2.example:80", "xn--nxasmm1c.example:80"),
        ("bücher.example.:80", "xn--bcher-kva.example.:80"),
    ],
)
def test_it_is_written_in_ascii(text: str, expected: str) -> None:
    assert str(parse_target(ascii_target(text))) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\uff11\uff12\uff17.0.0.1:80", "only looks international"),
        ("a。b:80", "a dot of another script"),
        ("bücher.example:\uff18\uff10", "only ASCII"),
        ("[bücher]:80", "is in no name"),
        ("bü cher:80", "is in no name"),
    ],
)
def test_what_passes_for_another_is_refused_with_the_whole_text(text: str, why: str) -> None:
    with pytest.raises(AddressError, match=why) as caught:
        parse_target(ascii_target(text))
    assert caught.value.value == text


def test_a_services_target_is_one() -> None:
    assert str(parse_target_text("stra\u00dfe.example:80")) == "xn--strae-oqa.example:80"
