"""What is no argument of the library is said before anything is looked up or opened."""

import asyncio

import pytest

import dualstack
from dualstack import AccessList, Dialer
from dualstack.errors import RuleError


@pytest.mark.parametrize(
    ("argument", "value", "what"),
    [
        ("interface", 5, "an interface's name"),
        ("access", 5, "a list of rules"),
        ("nat64", 5, "a list of prefixes"),
        ("attempt_delay", "soon", "a number of seconds"),
        ("resolution_delay", "soon", "a number of seconds"),
        ("history", {}, "a SharedHistory"),
        ("policy", "gai.conf", "a PolicyTable"),
        ("resolver", 5, "whoever has getaddrinfo"),
        ("outlet", 5, "an EgressPolicy"),
    ],
)
def test_what_is_nothing_for_a_dialler_is_told_as_it_is_made(argument: str, value: object, what: str) -> None:
    with pytest.raises(TypeError, match=f"{argument} {value!r}: {what}"):
        Dialer(**{argument: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("rules", [None, 5])
def test_rules_are_a_list(rules: object) -> None:
    with pytest.raises(RuleError, match="a list of texts"):
        AccessList(rules)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "error", "what"),
    [
        ({"ssl": 1}, TypeError, "an SSLContext, True or None"),
        ({"ssl": "yes"}, TypeError, "an SSLContext, True or None"),
        ({"limit": 0}, ValueError, "more than 0"),
        ({"limit": -1}, ValueError, "more than 0"),
    ],
)
def test_streams_that_cannot_be_are_told_before_a_connection(
    arguments: dict[str, object], error: type[Exception], what: str
) -> None:
    # Nobody listens on port 1: a connection would be refused.
    with pytest.raises(error, match=what):
        asyncio.run(dualstack.open_connection("127.0.0.1", 1, **arguments))  # type: ignore[arg-type]
