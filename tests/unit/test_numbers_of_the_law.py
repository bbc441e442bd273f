"""Numbers that others have laid down, or that our pages promise: each with where it stands."""

import importlib

import pytest

from dualstack.core.dial.timing import Timing
from dualstack.core.ping.plan import PingWishes
from dualstack.core.ping.probes import Schedule
from dualstack.errors import ConfigError

NUMBERS = [
    ("core.dial.timing", "RESOLUTION_DELAY_S", 0.050, "RFC 8305 section 8"),
    ("core.dial.timing", "ATTEMPT_DELAY_S", 0.250, "RFC 8305 section 8"),
    ("core.dial.timing", "LEAST_ATTEMPT_DELAY_S", 0.010, "RFC 8305 section 8"),
    ("core.dial.history", "DELAY_MIN_S", 0.100, "RFC 8305 section 8"),
    ("core.dial.history", "DELAY_MAX_S", 2.0, "RFC 8305 section 8"),
    ("core.dial.history", "_ALPHA", 0.125, "RFC 6298 section 2"),
    ("core.dial.history", "_BETA", 0.25, "RFC 6298 section 2"),
    ("core.dial.history", "_K", 4, "RFC 6298 section 2"),
    ("core.dial.history", "_SHIFT", {4: 8, 6: 64}, "24 bits of IPv4, 64 of IPv6"),
    ("core.dial.history", "PENALTY_S", 600.0, "docs/design/race.md: at most ten minutes"),
    ("core.dial.history", "PROBE_EVERY_S", 60.0, "docs/design/race.md: once a minute"),
    ("core.dial.race", "PATIENCE_S", 3.0, "RFC 6298: 1 s, then 2 s"),
    ("core.dial.resolution", "SERVICES", 65, "RFC 9460: the type of HTTPS records"),
    ("core.simulation.host", "_FIRST_EPHEMERAL", 49152, "RFC 6335 section 6"),
    ("core.simulation.socket", "ETHERTYPES", {4: 0x0800, 6: 0x86DD}, "IEEE 802 numbers"),
    ("core.ping.plan", "_SIZE_MAX", 65507, "RFC 791"),
    ("core.ping.probes", "_SEQUENCES", 65536, "RFC 792: 16 bits"),
    ("core.ping.echo", "_UINT16_MAX", 65535, "RFC 792: 16 bits"),
    ("core.address.sockaddr", "_AF_INET", 2, "every system's"),
    ("core.address.sockaddr", "_SIZES", {4: 16, 6: 28}, "RFC 3493: sockaddr_in and sockaddr_in6"),
    ("core.address.sockaddr", "_FLOW_LABEL", 0xFFFFF, "RFC 8200 section 3: 20 bits"),
    ("core.address.embedded", "NAT64_LENGTHS", (32, 40, 48, 56, 64, 96), "RFC 6052 section 2.2"),
    ("core.address.embedded", "ISATAP_MASK", 0xFDFFFFFF00000000, "RFC 5214 section 6.1: the u bit is either"),
    ("core.address.embedded", "ISATAP_BITS", 0x00005EFE00000000, "RFC 5214 section 6.1"),
    ("core.address.endpoint", "PORT_MAX", 65535, "16 bits"),
    ("core.flow_table", "QUESTION_IDLE_S", 30.0, "docs/how-to/udp-server.md"),
    ("core.flow_table", "CONVERSATION_IDLE_S", 120.0, "RFC 4787 REQ-5: two minutes"),
    ("core.address.prefix", "_MAPPED_LENGTH", 96, "RFC 4291 section 2.5.5.2"),
    ("core.dial.service_records", "_KNOWN_KEYS", frozenset({0, 1, 2, 3, 4, 6}), "RFC 9460 section 14.3.2, without ech"),
    ("core.dial.service_records", "ALIAS_STEPS", 8, "RFC 9460 section 2.4.2: a limit"),
    ("wire.dns", "FORMERR", 1, "RFC 1035 section 4.1.1"),
    ("wire.dns", "SERVFAIL", 2, "RFC 1035 section 4.1.1"),
    ("wire.dns", "NXDOMAIN", 3, "RFC 1035 section 4.1.1"),
    ("wire.dns", "NOTIMP", 4, "RFC 1035 section 4.1.1"),
    ("wire.http1", "HEAD_MAX", 16384, "docs/how-to/proxy.md"),
    ("wire.http1", "_LINE_MAX", 1024, "a chunk's line has a size and extensions, which nobody uses"),
    ("net.names.dns_resolver", "_PORT", 53, "RFC 1035"),
    ("net.names.dns_resolver", "_RECORD_TYPES", {"SVCB": 64, "HTTPS": 65}, "RFC 9460 section 14.1"),
    ("net.dial.service_lookup", "_HTTPS_PORT", 443, "RFC 9110 section 4.2.2"),
    ("net.dial.target", "_PORT_MAX", 65535, "16 bits"),
    ("kernel.socket_options", "BACKLOG", 4096, "net.core.somaxconn since Linux 5.4"),
    ("kernel.descriptor_passing", "DESCRIPTORS_MAX", 128, "below the kernel's SCM_MAX_FD, 253"),
]


@pytest.mark.parametrize(("module", "name", "value", "law"), NUMBERS, ids=str)
def test_a_number_is_the_laws(module: str, name: str, value: object, law: str) -> None:
    found = getattr(importlib.import_module(f"dualstack.{module}"), name)
    assert (dict(found) if isinstance(value, dict) else found) == value, law


def wishes(**wished: object) -> PingWishes:
    schedule = {name: wished.pop(name) for name in list(wished) if name not in {"family", "hop_limit"}}
    return PingWishes(Schedule(**schedule), **wished)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "values", "beyond"),
    [
        ("hop_limit", (1, 255), (0, 256, 1.0, True)),
        ("size_bytes", (0, 65507), (-1, 65508, 1.0)),
        ("count", (1, 10**9), (0, -1, 1.5)),
        ("interval_s", (0.01, 86400.0, 1), (0.0099, 0.0, -1.0, float("inf"), float("nan"), True)),
        ("timeout_s", (0.001, 86400.0, 1), (0.0009, 0.0, -1.0, float("inf"), float("nan"), True)),
        ("family", (0, 4, 6), (1, 3, 5, 7, -4)),
    ],
)
def test_a_wish_of_ping_may_be_as_little_and_as_much_as_this(
    key: str, values: tuple[object, ...], beyond: tuple[object, ...]
) -> None:
    for value in values:
        made = wishes(**{key: value})
        assert getattr(made.schedule if hasattr(made.schedule, key) else made, key) == value
    for value in beyond:
        with pytest.raises(ConfigError) as refused:
            wishes(**{key: value})
        assert refused.value.key == key


@pytest.mark.parametrize(
    ("key", "values", "beyond"),
    [
        ("resolution_delay_s", (0, 0.05, 60.0), (-0.001, float("nan"))),
        ("attempt_delay_s", (None, 0.010, 2.0), (0.009, 0.0, -1.0, float("nan"))),
        ("first_family_count", (1, 9), (0, -1)),
        ("in_flight", (1, 99), (0, -1)),
    ],
)
def test_a_timing_may_be_as_little_and_as_much_as_this(
    key: str, values: tuple[object, ...], beyond: tuple[object, ...]
) -> None:
    for value in values:
        assert getattr(Timing(**{key: value}), key) == value  # type: ignore[arg-type]
    for value in beyond:
        with pytest.raises(ValueError, match=r"at least|0 or more"):
            Timing(**{key: value})  # type: ignore[arg-type]
