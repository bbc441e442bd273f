"""What a word may have meant."""

import pytest

from dualstack.core.suggestion import closest, suggestion, those_known


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("gatewy", "gateway"),
        ("GATEWAY", "gateway"),
        ("tcpip6", "TCPIP6"),
        ("frobnicate", None),
        ("", None),
    ],
)
def test_the_word_that_looks_most_like_it_is_meant_whatever_its_case(word: str, expected: str | None) -> None:
    assert closest(word, ["gateway", "relay", "TCPIP", "TCPIP6"]) == expected


def test_a_suggestion_is_one_word_or_all_that_are_known() -> None:
    assert suggestion("rely", ["relay", "proxy"]) == "did you mean relay?"
    assert suggestion("x", ["relay", "proxy"], otherwise="known keys are") == "known keys are relay, proxy"
    assert suggestion("x", []) == "there are none"


def test_a_list_has_all_and_then_what_may_be_meant() -> None:
    assert those_known("srver", iter(["client", "server"])) == "client, server; did you mean server?"
    assert those_known("x", ["client", "server"]) == "client, server"
    assert those_known("x", []) == "none"
