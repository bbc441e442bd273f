"""What the doctor makes of what came back: answers are made up, nothing is sent."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from errno import EACCES, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EMFILE, EMSGSIZE

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.core.host.facts import Listener
from dualstack.core.host.network import AddressState, Link, Route
from dualstack.doctor.host import asking, probing
from dualstack.doctor.host.asking import Target, ask_all, behind_routers, translators
from dualstack.doctor.host.sockets_here import assumed_here, ports_here
from dualstack.doctor.host.state import HostState, Role, Server
from dualstack.kernel.probes import Heard, Probe, Way, probe_all

OWN, ROUTER, THERE = Address("2001:db8::7"), Address("fe80::1"), Address("2001:db8:1::1")
BY_ROUTER = Route("eth0", ROUTER, OWN)
TARGET = Target(THERE, "far", Role.HOSTS_FILE, BY_ROUTER, 1500)
RESOLVER = replace(TARGET, role=Role.RESOLVER)
SERVER = Server(THERE, 1)

Answer = Callable[[Probe], Heard | None]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], list[Probe]]:
    """Has every probe answered by a function; the probes that were sent."""

    def answered_by(function: Answer) -> list[Probe]:
        sent: list[Probe] = []

        def all_of_them(probes: Sequence[Probe]) -> list[Heard | None]:
            sent.extend(probes)
            return [function(probe) for probe in probes]

        for module in (asking, probing):
            monkeypatch.setattr(module, "probe_all", all_of_them)
        return sent

    return answered_by


def sizes_up_to(largest: int, *, stream: Heard | None = None, beyond: Heard | None = None) -> Answer:
    def heard(probe: Probe) -> Heard | None:
        if probe.way is Way.TCP:
            return stream if probe.content else Heard()
        if probe.way is Way.UDP:
            return Heard(errno=ECONNREFUSED, sender=probe.address) if probe.size <= largest else beyond
        return Heard(b"reply") if probe.size <= largest else beyond

    return heard


@pytest.mark.parametrize(
    ("heard", "largest", "is_lost"),
    [
        (sizes_up_to(1500), 1500, False),
        (sizes_up_to(1400), 1400, True),
        (sizes_up_to(1280), 1280, True),
        (sizes_up_to(100), 100, False),
        (sizes_up_to(1280, stream=Heard()), 1280, False),
        (sizes_up_to(1280, stream=Heard(errno=ECONNREFUSED)), 1280, True),
        (sizes_up_to(1280, stream=Heard(errno=ECONNRESET)), 1280, True),
        (sizes_up_to(1280, beyond=Heard(errno=EMSGSIZE, sender=ROUTER)), 1280, False),
        (sizes_up_to(1280, beyond=Heard(errno=EHOSTUNREACH, sender=ROUTER)), 1280, True),
    ],
)
def test_large_packets_are_lost_where_nobody_says_so_and_nothing_else_gets_them_through(
    answer: Callable[[Answer], list[Probe]], heard: Answer, largest: int, *, is_lost: bool
) -> None:
    answer(heard)
    (state,) = ask_all((), (), [RESOLVER]).targets
    assert (state.is_heard, state.largest, state.is_large_lost) == (True, largest, is_lost)


@pytest.mark.parametrize(
    ("sender", "is_heard", "router_heard", "why"),
    [
        (THERE, True, None, ""),
        (ROUTER, False, True, f"No route to host, says {ROUTER}"),
        (OWN, False, None, f"No route to host, says {OWN}"),
        (None, False, None, "No route to host"),
    ],
)
def test_an_error_is_its_senders(
    answer: Callable[[Answer], list[Probe]], sender: Address | None, *, is_heard: bool, router_heard: bool, why: str
) -> None:
    answer(lambda _: Heard(errno=EHOSTUNREACH, sender=sender))
    (state,) = ask_all((), (), [TARGET]).targets
    assert (state.is_heard, state.router_heard, state.why) == (is_heard, router_heard, why)


@pytest.mark.parametrize(
    ("heard", "is_there"),
    [
        (Heard(b"reply"), True),
        (Heard(errno=ECONNREFUSED, sender=ROUTER), True),
        (Heard(errno=EHOSTUNREACH, sender=OWN), False),
        (Heard(errno=EHOSTUNREACH), False),
        (None, False),
    ],
)
def test_a_router_that_is_not_there_is_not_heard(
    answer: Callable[[Answer], list[Probe]], heard: Heard | None, *, is_there: bool
) -> None:
    answer(lambda probe: heard if probe.address == ROUTER else None)
    states = ask_all((), (), [TARGET]).targets
    (state,) = behind_routers([TARGET], states)
    assert state.router_heard is is_there


@pytest.mark.parametrize("number", [EACCES, EMFILE])
def test_of_whom_could_not_be_asked_nothing_is_concluded(answer: Callable[[Answer], list[Probe]], number: int) -> None:
    answer(lambda probe: Heard(errno=number, is_unasked=True) if probe.way is Way.ECHO or number == EMFILE else None)
    first = ask_all([SERVER] if number == EMFILE else [], ["localhost"], [TARGET])
    assert (first.resolvers, first.targets) == ((), ())
    (said,) = first.unasked
    assert said.startswith(f"whether {THERE} is there: no socket to ask with (")


@pytest.mark.parametrize("mtu", [1280, 1500, 9000, 65520, 1 << 20])
def test_a_long_question_fits_a_stream_whatever_the_link_takes(
    answer: Callable[[Answer], list[Probe]], mtu: int
) -> None:
    sent = answer(lambda _: None)
    ask_all((), (), [replace(RESOLVER, mtu=mtu)])
    (content,) = {probe.content for probe in sent if probe.way is Way.TCP and probe.content}
    assert int.from_bytes(content[:2], "big") == len(content) - 2
    assert len(content) > min(mtu, 1 << 16)


def test_a_translator_answers_from_its_prefix(answer: Callable[[Answer], list[Probe]]) -> None:
    prefix = Prefix.parse("64:ff9b::/96")
    for sender, is_there in ((Address("64:ff9b::c000:201"), True), (Address("2001:db8::1"), False)):
        answer(lambda _, sender=sender: Heard(errno=EHOSTUNREACH, sender=sender))
        (found,) = translators([(THERE, prefix)], [])
        assert (found.prefix, found.is_translated) == (str(prefix), is_there)


@pytest.mark.parametrize(
    ("sockets", "expected"),
    [
        ([("0.0.0.0", None), ("::1", True)], {4: "192.0.2.7", 6: "::1"}),
        ([("::", False)], {4: "192.0.2.7", 6: "2001:db8::7"}),
        ([("::", True)], {6: "2001:db8::7"}),
        ([("::", True), ("127.0.0.1", None)], {4: "127.0.0.1", 6: "2001:db8::7"}),
        ([("192.0.2.7", None)], {4: "192.0.2.7"}),
    ],
)
def test_a_port_is_connected_to_where_a_client_would(
    answer: Callable[[Answer], list[Probe]], sockets: list[tuple[str, bool | None]], expected: dict[int, str]
) -> None:
    state = HostState(
        links=(Link("lo", 1, is_up=True, is_loopback=True, mtu=65536), Link("eth0", 2, True, False, 1500)),
        addresses=tuple(
            AddressState("lo" if "1" in text[-2:] else "eth0", Address(text), 64)
            for text in ("127.0.0.1", "::1", "192.0.2.7", "2001:db8::7")
        ),
        listeners=tuple(Listener("tcp", Address(text).version, Address(text), 80, only) for text, only in sockets),
    )
    sent = answer(lambda _: Heard())
    probing.probe_ports(state, ports_here(state, assumed_here(state)))
    assert {probe.address.version: str(probe.address) for probe in sent} == expected


def test_an_address_whose_interface_has_gone_is_no_failure() -> None:
    (heard,) = probe_all([Probe(Way.UDP, Address("fe80::1", "gone0"), 53, b"?")])
    assert heard is not None
    assert heard.errno
