"""Every reason that a table gives is one plain sentence: all of them are drawn out by a sweep over all systems."""

import re
from collections.abc import Iterator
from itertools import product

import pytest

from dualstack.core.address.address import Address
from dualstack.core.host.facts import Interface
from dualstack.core.oracle.bind_alone import why_not_there
from dualstack.core.oracle.case import Call, Case, Sock, Step
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.reuse import _SENTENCES, RELATIONS
from dualstack.core.oracle.reuse_windows import MATRIX
from dualstack.core.oracle.systems import STACKS, Stack, stack_named
from dualstack.core.planning.opening import APART
from dualstack.core.planning.planner import RULES

VERB = re.compile(
    r"\b(is|are|has|have|says?|shares?|allows?|refuses?|wants|makes|takes?|sends|leaves|listens|knows|decides?|keeps|tells|stands?"
    r"|connects|comes|goes|disagree|receives|receive|failed|forbids|lets|cannot|covers)\b"
)
OPTION = re.compile(r"\b(?:SO|IPV6)_[A-Z0-9_]+\b")
SYSTEMS = (*STACKS.values(), stack_named("plan9"))
LOCAL = frozenset(map(Address, ("127.0.0.1", "::1", "10.0.0.1", "fd00::1", "fe80::1%eth0")))
TO = tuple(map(Address, ("10.0.0.1", "10.0.0.9", "255.255.255.255", "fd00::1", "fe80::1", "ff02::1%eth0")))
HOSTS = tuple(
    map(Address, ("0.0.0.0", "10.0.0.1", "::", "fd00::1", "::ffff:0.0.0.0", "::ffff:10.0.0.1", "fe80::1%eth0"))
)
ODD = tuple(
    Sock(family, Address(text), v6only)
    for family, text, v6only in (
        (4, "10.0.0.9", None),
        (4, "224.0.0.1", None),
        (4, "::1", None),
        (6, "127.0.0.1", None),
        (6, "fd00::9", None),
        (6, "ff0e::5", None),
        (6, "fe80::1", None),
        (6, "fe80::1%eth9", None),
        (6, "::ffff:10.0.0.1", True),
    )
)
OPTIONS = ({}, {"reuseaddr": True}, {"reuseport": True}, {"exclusive": True}, {"reuseport": True, "uid": 1})


def sockets() -> list[Sock]:
    """On every kind of address with every option, dual where it can be."""
    return [
        Sock(4 if host.version == 4 else 6, host, False if host.version == 6 else None, **options)  # type: ignore[arg-type]
        for host, options in product(HOSTS, OPTIONS)
    ]


def cases(stack: Stack, proto: str) -> Iterator[Case]:
    calls = ("bind", "listen") if proto == "tcp" else ("bind",)

    def case(*made: Sock, **more: object) -> Case:
        steps = tuple(Step(call, index) for index in range(len(made)) for call in calls)
        return Case(stack, proto, made, steps, TO, local=LOCAL, interfaces={"eth0": 2}, **more)  # type: ignore[arg-type]

    for first, second in product(sockets(), repeat=2):
        yield case(first, second)
    for odd in (*ODD, *sockets()):
        for ipv6 in (True, False):
            asked = [
                Call(0, op, to.version, to) for op in ("connect", "sendto") for to in (*TO, Address("::ffff:10.0.0.9"))
            ]
            yield case(odd, ipv6=ipv6, calls=tuple(asked))
        yield case(odd, odd)
    yield Case(stack, proto, (ODD[0],), (Step("listen", 0), Step("listen", 0), Step("bind", 0), Step("bind", 0)))
    yield Case(stack, proto, (Sock(6, Address("::")),), (Step("bind", 0), Step("bind", 0)), calls=twice())
    yield case(
        Sock(6, Address("::1"), reuseport=True), Sock(6, Address("::"), reuseport=True), Sock(4, Address("0.0.0.0"))
    )


def twice() -> tuple[Call, ...]:
    return (Call(0, "connect", 6, Address("::1")), Call(0, "connect", 6, Address("::1")), Call(0, "sendto", 6, TO[3]))


@pytest.fixture(scope="module")
def reasons() -> frozenset[str]:
    found: set[str] = set()
    for stack, proto in product(SYSTEMS, ("tcp", "udp")):
        for case in cases(stack, proto):
            made = predict(case)
            found.update(each.why for each in (*made.steps, *made.deliveries, *made.calls))
    return frozenset(found - {""})


def test_every_reason_of_the_oracle_is_one_plain_sentence(reasons: frozenset[str]) -> None:
    assert {reason: wrong for reason in reasons if (wrong := what_is_wrong(reason))} == {}


def test_the_sweep_draws_out_the_reasons_of_every_table(reasons: frozenset[str]) -> None:
    relations = {relation for relation in RELATIONS.values() if any(relation in reason for reason in reasons)}
    assert relations == {*RELATIONS.values()}
    heads = {text.partition("{relation}")[0].format(system="").strip() for text in _SENTENCES.values()}
    assert {head for head in heads if any(f" {head} " in reason for reason in reasons)} == heads
    windows = [reason for reason in reasons if reason.startswith("the new socket ")]
    assert len(windows) == len(
        {(first[0], second[0], errno) for first, row in MATRIX.items() for second, errno in row.items()}
    )
    for stack in SYSTEMS:
        assert any(stack.title in reason for reason in reasons) or stack.name == "linux"
    for part in (
        "the kernel looks at no other",
        "share by a hash",
        "is bound already",
        "an exact address",
        "is connected",
    ):
        assert any(part in reason for reason in reasons), part


@pytest.mark.parametrize(
    "sentence",
    [
        *RULES.values(),
        *(
            why_not_there(Address(text), errno, (Interface("eth0", 2, tentative=(TO[3],), duplicate=(TO[0],)),)).split(
                ";"
            )[0]
            for text, errno in (
                ("fd00::1", "EADDRNOTAVAIL"),
                ("10.0.0.1", "EADDRNOTAVAIL"),
                ("10.0.0.9", "EADDRNOTAVAIL"),
            )
        ),
        *(
            why_not_there(Address("10.0.0.9"), errno, ()).split(";")[0]
            for errno in ("EACCES", "EAFNOSUPPORT", "EINVAL", "ENODEV", "EPERM", "EIO")
        ),
    ],
)
def test_what_the_plan_says_is_one_plain_sentence(sentence: str) -> None:
    assert what_is_wrong(sentence) == ""


def test_the_words_for_one_family_alone_fit_behind_on() -> None:
    assert {how.split()[0] for how in APART.values()} == {"IPv6", "IPv4"}


def what_is_wrong(reason: str) -> str:
    """With the form of a sentence that stands after a colon or in a table; empty where nothing is."""
    first = reason.split(maxsplit=1)[0]
    names = {word for stack in SYSTEMS for word in re.findall(r"\w+", stack.title)} | {"TCP", "UDP", "IPv4", "IPv6"}
    # "SO_REUSEADDR or SO_REUSEPORT" is as much as one can take in beside another.
    checks = {
        "it begins with a capital": first[0].isupper() and first not in names,
        "it ends in a mark": reason[-1] in ".;:,!" and not reason.endswith("::"),
        "it has no verb": VERB.search(reason) is None,
        "it is too long": len(reason) > 140,
        "it names too many options": len(OPTION.findall(reason)) > 2,
        "it has two sentences": ". " in reason,
        "it has an empty place": "  " in reason or "{" in reason or "None" in reason,
    }
    return ", ".join(what for what, is_so in checks.items() if is_so)
