"""Every kind of step has its line, which names the step of the exercise: lookup or connect (U8)."""

import pytest

from dualstack.cli.timeline import line_of
from dualstack.core.address.address import Address
from dualstack.core.dial.steps import DialStep, Kind

SIX, FOUR = Address("2001:db8::1"), Address("192.0.2.1")

LINES = [
    (Kind.LOOKUP, {"name": "h", "family": 6}, "lookup   asking for IPv6 addresses of h"),
    (Kind.LOOKUP, {"name": "h", "family": 0}, "lookup   asking for addresses of h"),
    (
        Kind.ANSWER,
        {"name": "h", "family": 4, "addresses": [FOUR], "error": None},
        "lookup   IPv4 addresses of h: 192.0.2.1",
    ),
    (Kind.ANSWER, {"name": "h", "family": 6, "addresses": [], "error": None}, "lookup   IPv6 addresses of h: none"),
    (Kind.ANSWER, {"name": "h", "family": 6, "addresses": [], "error": "no"}, "lookup   no IPv6 addresses: no"),
    (
        Kind.LOOKUP,
        {"name": "h", "family": 0, "record": "HTTPS"},
        "lookup   asking for service records of h",
    ),
    (
        Kind.ANSWER,
        {"name": "h", "family": 0, "record": "HTTPS", "addresses": [], "error": None},
        "lookup   service records of h are answered",
    ),
    (
        Kind.ANSWER,
        {"name": "h", "family": 0, "record": "HTTPS", "addresses": [], "error": "no"},
        "lookup   no service records: no",
    ),
    (
        Kind.SERVICE,
        {"priority": 1, "name": "h", "port": 8443, "hints": [SIX], "alpn": ("h2",), "ech": True, "why_not": None},
        "lookup   service 1 at h port 8443, hints 2001:db8::1, speaks h2, ECH",
    ),
    (
        Kind.SERVICE,
        {"priority": 2, "name": "svc", "port": None, "hints": [], "alpn": (), "ech": False, "why_not": "odd"},
        "lookup   service 2 at svc: not used, odd",
    ),
    (Kind.FILTERED, {"address": FOUR, "why": "denied"}, "filter   192.0.2.1 is left out: denied"),
    (Kind.SYNTHESISED, {"address": SIX, "ipv4": FOUR}, "filter   2001:db8::1 stands for 192.0.2.1 behind a translator"),
    (Kind.SORT, {"addresses": [SIX, FOUR]}, "sort     order: 2001:db8::1, 192.0.2.1"),
    (
        Kind.WAIT,
        {"what": "resolution delay", "until_s": 0.05},
        "wait     waiting until 0.050 s for what may be better",
    ),
    (Kind.WAIT, {"what": "handshake", "address": SIX}, "wait     2001:db8::1 is connected; its handshake begins"),
    (Kind.ATTEMPT, {"number": 0, "address": SIX, "source": None}, "connect  trying 2001:db8::1"),
    (
        Kind.ATTEMPT,
        {"number": 0, "address": SIX, "source": None, "port": 8443},
        "connect  trying 2001:db8::1 port 8443",
    ),
    (Kind.ATTEMPT, {"number": 0, "address": FOUR, "source": FOUR}, "connect  trying 192.0.2.1 from 192.0.2.1"),
    (
        Kind.FAILED,
        {"address": SIX, "error": "refused", "elapsed_s": 0.1},
        "connect  2001:db8::1: refused after 0.100 s",
    ),
    (Kind.CONNECTED, {"address": SIX, "elapsed_s": 0.1}, "connect  2001:db8::1 answered after 0.100 s"),
    (Kind.CANCELLED, {"number": 1, "address": SIX}, "connect  2001:db8::1 is given up"),
]


@pytest.mark.parametrize(("kind", "facts", "line"), LINES)
def test_a_step_is_a_line(kind: Kind, facts: dict[str, object], line: str) -> None:
    assert line_of(DialStep(1.25, kind, facts)) == f"   1.250 s  {line}"


def test_no_kind_is_left_out() -> None:
    assert {kind for kind, _, _ in LINES} == set(Kind)
