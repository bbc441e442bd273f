"""Connections over real sockets of the loopback, by each driver (B2, D4, U5, X2)."""

import errno
import socket
import threading
from collections.abc import Iterator

import pytest

import dualstack
from dualstack import AddressError, Dialer, DialError, DialRefused, DialTimedOut, LookupFailed
from dualstack.core.address.address import Address
from dualstack.core.dial.egress import EgressPolicy
from dualstack.errors import ExitCode
from dualstack.kernel import attempts
from support.dialling import WAYS, Dial, Resolver, Servers, dial_blocking, nothing_left_open
from support.free_port import free_port

FAST = 0.010
pytestmark = pytest.mark.parametrize("dial", WAYS, ids=["blocking", "asyncio", "uvloop", "trio"])


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Servers() as made:
        yield made


def named(addresses: dict[int, object], **options: object) -> Dialer:
    """A dialler whose resolver knows `mail.example`."""
    return Dialer(resolver=Resolver({"mail.example": addresses}), attempt_delay=FAST, history=None, **options)


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("localhost", "::1"),
        ("LocalHost.", "::1"),
        (b"::1", "::1"),
        (Address("::1"), "::1"),
        (["127.0.0.1", "::1"], "::1"),
    ],
)
def test_a_host_is_reached_however_it_is_written(dial: Dial, servers: Servers, host: object, peer: str) -> None:
    servers.accept("::1", "127.0.0.1")
    with dial(host, servers.port, timeout=20) as sock:
        assert sock.getpeername()[0] == peer
        sock.sendall(b"x")
        assert servers.peer(peer).recv(1) == b"x"


def test_localhost_is_reached_over_the_family_that_listens(dial: Dial, servers: Servers) -> None:
    servers.accept("127.0.0.1")
    with dial("localhost", servers.port, timeout=20) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"


class Together(Resolver):
    """Answers once both families are asked for."""

    def __init__(self, names: dict[str, dict[int, list[str]]]) -> None:
        super().__init__(names)
        self._both = threading.Barrier(2)

    def getaddrinfo(self, *arguments: object) -> list[object]:
        self._both.wait(20)
        return super().getaddrinfo(*arguments)


def test_both_families_of_a_name_are_looked_up_and_ipv6_is_tried_first(dial: Dial, servers: Servers) -> None:
    servers.accept("::1", "127.0.0.1")
    dialer = Dialer(resolver=Together({"mail.example": {4: ["127.0.0.1"], 6: ["::1"]}}), history=None)
    with dial("mail.example", servers.port, timeout=20, dialer=dialer) as sock:
        assert sock.getpeername()[0] == "::1"
    assert sorted(dialer.resolver.asked) == [("mail.example", 4), ("mail.example", 6)]


def test_a_silent_first_address_is_left_behind(dial: Dial, servers: Servers) -> None:
    servers.silent("::1")
    servers.accept("127.0.0.1")
    steps: list[dualstack.DialStep] = []
    with nothing_left_open():
        dialer = named({4: ["127.0.0.1"], 6: ["::1"]})
        dial("mail.example", servers.port, timeout=20, dialer=dialer, on_step=steps.append).close()
    kinds = [step.kind.value for step in steps if step.kind in {"attempt", "connected", "cancelled"}]
    assert kinds == ["attempt", "attempt", "connected", "cancelled"]
    begun = [step.t_s for step in steps if step.kind == "attempt"]
    assert begun[1] - begun[0] >= FAST


def test_a_refused_first_address_is_left_behind_at_once(dial: Dial, servers: Servers) -> None:
    servers.accept("127.0.0.1")
    steps: list[dualstack.DialStep] = []
    dialer = Dialer(resolver=Resolver({"mail.example": {4: ["127.0.0.1"], 6: ["::1"]}}), attempt_delay=60, history=None)
    dial("mail.example", servers.port, timeout=20, dialer=dialer, on_step=steps.append).close()
    assert [step.facts.get("errno") for step in steps if step.kind == "failed"] == [errno.ECONNREFUSED]


def test_every_address_is_tried_and_the_error_tells_of_each(dial: Dial, servers: Servers) -> None:
    servers.accept("127.0.0.9")
    dialer = named({4: ["127.0.0.1", "127.0.0.2"], 6: ["::1"]})
    with nothing_left_open(), pytest.raises(DialRefused) as caught:
        dial("mail.example", servers.port, timeout=20, dialer=dialer)
    assert [address for address, _ in caught.value.attempts] == ["::1", "127.0.0.1", "127.0.0.2"]
    assert caught.value.errno == errno.ECONNREFUSED
    assert isinstance(caught.value, ConnectionRefusedError)
    assert isinstance(caught.value.__cause__, ExceptionGroup)
    assert caught.value.steps[-1].kind == "failed"


def test_a_refused_literal_is_the_same_error(dial: Dial, servers: Servers) -> None:
    servers.accept("127.0.0.9")
    with nothing_left_open(), pytest.raises(DialRefused, match=r"cannot connect to \[::1\]:\d+: ::1: ") as caught:
        dial("::1", servers.port, timeout=20)
    assert [step.kind.value for step in caught.value.steps] == ["attempt", "failed"]


@pytest.mark.parametrize("lost", [4, 6])
def test_a_lookup_that_never_answers_is_not_waited_for(dial: Dial, servers: Servers, lost: int) -> None:
    servers.accept("::1", "127.0.0.1")
    answers: dict[int, object] = {4: ["127.0.0.1"], 6: ["::1"], lost: None}
    dialer = named(answers)
    with dialer.resolver, dial("mail.example", servers.port, dialer=dialer) as sock:
        assert sock.family == (socket.AF_INET if lost == 6 else socket.AF_INET6)


def test_an_answer_that_comes_while_an_attempt_is_under_way_joins(dial: Dial, servers: Servers) -> None:
    servers.silent("::1")
    servers.accept("127.0.0.1")
    may_answer = threading.Event()

    class Late(Resolver):
        def getaddrinfo(self, host: bytes, port: object, family: int, *hints: int) -> list[object]:
            if family == socket.AF_INET:
                assert may_answer.wait(20)
            return super().getaddrinfo(host, port, family, *hints)

    def on_step(step: dualstack.DialStep) -> None:
        if step.kind == "attempt":
            may_answer.set()

    dialer = Dialer(resolver=Late({"mail.example": {4: ["127.0.0.1"], 6: ["::1"]}}), attempt_delay=FAST, history=None)
    with dial("mail.example", servers.port, timeout=20, dialer=dialer, on_step=on_step) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"


def test_lookups_that_never_answer_end_at_the_deadline(dial: Dial) -> None:
    dialer = named({4: None, 6: None})
    with dialer.resolver, nothing_left_open(), pytest.raises(DialTimedOut, match="no answer to the lookup") as caught:
        # Long enough for a thread to ask it, on a machine that others are busy on: else it waits for its turn.
        dial("mail.example", 80, timeout=0.5, dialer=dialer)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.exit_code == ExitCode.TIMEOUT


def test_silent_addresses_end_at_the_deadline(dial: Dial, servers: Servers) -> None:
    servers.silent("::1", "127.0.0.1")
    dialer = named({4: ["127.0.0.1"], 6: ["::1"]})
    with nothing_left_open(), pytest.raises(DialTimedOut, match="no connection within") as caught:
        dial("mail.example", servers.port, timeout=0.3, dialer=dialer)
    assert [address for address, _ in caught.value.attempts] == ["::1", "127.0.0.1"]


def test_a_silent_literal_ends_at_the_deadline(dial: Dial, servers: Servers) -> None:
    servers.silent("::1")
    with nothing_left_open(), pytest.raises(DialTimedOut) as caught:
        dial("::1", servers.port, timeout=0.02)
    assert caught.value.errno == errno.ETIMEDOUT


def test_a_deadline_already_past_opens_nothing(dial: Dial, servers: Servers) -> None:
    servers.accept("::1")
    with nothing_left_open(), pytest.raises(DialTimedOut):
        dial("::1", servers.port, timeout=0)


def test_a_name_that_does_not_exist(dial: Dial) -> None:
    with nothing_left_open(), pytest.raises(LookupFailed) as caught:
        dial("nowhere.example", 80, timeout=20, dialer=named({}))
    assert caught.value.errno == socket.EAI_NONAME
    assert caught.value.exit_code == ExitCode.UNAVAILABLE


def test_servers_that_do_not_answer(dial: Dial) -> None:
    again = socket.gaierror(socket.EAI_AGAIN, "no answer")
    with nothing_left_open(), pytest.raises(LookupFailed) as caught:
        dial("mail.example", 80, timeout=20, dialer=named({4: again}))
    assert caught.value.exit_code == ExitCode.TIMEOUT


def test_a_resolver_that_breaks_is_seen(dial: Dial) -> None:
    with nothing_left_open(), pytest.raises(ZeroDivisionError):
        dial("mail.example", 80, timeout=20, dialer=named({4: ZeroDivisionError(), 6: ZeroDivisionError()}))


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("*", 80, "a target is one host"),
        (7, 80, "a host is a name or an address"),
        ("::1", 0, "1 to 65535"),
        ("::1", 65536, "1 to 65535"),
        ("::1", -1, "1 to 65535"),
        ("::1", "0", "1 to 65535"),
        ("::1", "nonsense-service", "no service is called"),
        ("::1", 8.0, "a number or a service"),
        ("::1\0.example", 80, "NUL"),
        ("0x7f.1", 80, "hex form"),
        ("a..b", 80, "two dots"),
        ("x" * 64 + ".example", 80, "63 characters"),
        ("\uff11\uff12\uff17.0.0.1", 80, "only looks international"),
        ("fe80::1", 80, "fe80::1%"),
        ("fe80:2::1%2", 80, "a scope inside"),
        ("fe80::1%no-such", 80, "there is no interface no-such here"),
        ("fe80::1%999999", 80, "there is no interface 999999 here"),
        (["::1", "mail.example"], 80, "each is an address"),
    ],
)
def test_what_cannot_be_dialled_is_refused_before_anything_is_asked(
    dial: Dial, host: object, port: object, why: str
) -> None:
    with nothing_left_open(), pytest.raises(AddressError, match=why) as caught:
        dial(host, port, timeout=20)
    assert caught.value.exit_code == ExitCode.WRONG_VALUE
    assert isinstance(caught.value, socket.gaierror), "what callers of socket.create_connection catch"
    assert caught.value.args == (socket.EAI_NONAME, str(caught.value)), "what other libraries make their message of"


def test_no_address_at_all(dial: Dial) -> None:
    with pytest.raises(DialError, match="no address is given"):
        dial([], 80, timeout=20)


def test_ports_may_be_services(dial: Dial) -> None:
    with pytest.raises(OSError, match=r"cannot connect to \[::1\]:1: "):
        dial("::1", "tcpmux", timeout=20)


@pytest.mark.parametrize(("family", "peer"), [(4, "127.0.0.1"), (6, "::1")])
def test_one_family_alone(dial: Dial, servers: Servers, family: int, peer: str) -> None:
    servers.accept("::1", "127.0.0.1")
    dialer = named({4: ["127.0.0.1"], 6: ["::1"]})
    with dial("mail.example", servers.port, timeout=20, family=family, dialer=dialer) as sock:
        assert sock.getpeername()[0] == peer
    assert dialer.resolver.asked == [("mail.example", family)]


def test_an_address_of_a_family_that_may_not_be_dialled(dial: Dial, servers: Servers) -> None:
    servers.accept("::1")
    with nothing_left_open(), pytest.raises(DialError, match="::1: IPv4 alone is asked for") as caught:
        dial("::1", servers.port, timeout=20, family=4)
    assert caught.value.errno == errno.EAFNOSUPPORT


def test_no_family_left(dial: Dial) -> None:
    with pytest.raises(DialError) as caught:
        dial("::1", 80, timeout=20, family=4, source_address="::1")
    assert caught.value.errno == errno.EAFNOSUPPORT


def test_a_source_address_is_bound_and_leaves_its_family_alone(dial: Dial, servers: Servers) -> None:
    servers.accept("::1", "127.0.0.1")
    dialer = named({4: ["127.0.0.1"], 6: ["::1"]})
    with dial("mail.example", servers.port, timeout=20, dialer=dialer, source_address=("127.0.0.7", 0)) as sock:
        assert sock.getsockname()[0] == "127.0.0.7"
    with pytest.raises(DialError, match=r"IPv4 alone can be dialled from 127\.0\.0\.7"):
        dial("::1", servers.port, timeout=20, source_address="127.0.0.7")


def test_a_source_port_is_bound_in_either_family(dial: Dial, servers: Servers) -> None:
    servers.accept("::1", "127.0.0.1")
    for host in ("::1", "127.0.0.1"):
        number = free_port()
        with dial(host, servers.port, timeout=20, source_address=("", number)) as sock:
            assert sock.getsockname()[1] == number


@pytest.mark.parametrize("source", ["mail.example", ("::1", 70000), ("::1", "x")])
def test_a_source_that_is_none(dial: Dial, source: object) -> None:
    with pytest.raises(AddressError):
        dial("::1", 80, timeout=20, source_address=source)


def test_a_source_that_is_not_ours(dial: Dial, servers: Servers) -> None:
    servers.accept("127.0.0.1")
    with nothing_left_open(), pytest.raises(DialError) as caught:
        dial("127.0.0.1", servers.port, timeout=20, source_address="192.0.2.77")
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_a_family_that_is_none(dial: Dial) -> None:
    with pytest.raises(ValueError, match="4, 6, or 0"):
        dial("::1", 80, timeout=20, family=5)


def test_the_filter_judges_every_address_after_the_lookup(dial: Dial, servers: Servers) -> None:
    servers.accept("::1", "127.0.0.1")
    dialer = named({4: ["127.0.0.1"], 6: ["::1"]}, access=["deny ::1", "allow any"])
    with dial("mail.example", servers.port, timeout=20, dialer=dialer) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"


def test_a_filter_that_leaves_nothing(dial: Dial, servers: Servers) -> None:
    servers.accept("::1", "127.0.0.1")
    dialer = named({4: ["127.0.0.1"], 6: ["::1"]}, access=["allow public"])
    with nothing_left_open(), pytest.raises(DialError, match="no rule allows it") as caught:
        dial("mail.example", servers.port, timeout=20, dialer=dialer)
    assert caught.value.errno == errno.EACCES
    assert caught.value.exit_code == ExitCode.NO_RIGHT


def test_a_filter_judges_a_literal_too(dial: Dial, servers: Servers) -> None:
    servers.accept("127.0.0.1")
    with pytest.raises(DialError, match="deny 127"):
        dial("::ffff:127.0.0.1", servers.port, timeout=20, dialer=Dialer(access=["deny 127.0.0.0/8", "allow any"]))


def test_an_international_name_is_asked_for_in_its_ascii_form(dial: Dial, servers: Servers) -> None:
    servers.accept("::1")
    resolver = Resolver({"xn--bcher-kva.example": {6: ["::1"]}})
    dial("bücher.example", servers.port, timeout=20, dialer=Dialer(resolver=resolver)).close()


def test_what_one_connection_learns_the_next_one_uses(dial: Dial, servers: Servers) -> None:
    servers.silent("::1")
    servers.accept("127.0.0.1")
    resolver = Resolver({"mail.example": {4: ["127.0.0.1"], 6: ["::1"]}})
    dialer = Dialer(resolver=resolver, attempt_delay=FAST)
    for expected in (["::1", "127.0.0.1"], ["127.0.0.1"], ["127.0.0.1"]):
        steps: list[dualstack.DialStep] = []
        dial("mail.example", servers.port, timeout=20, dialer=dialer, on_step=steps.append).close()
        assert [str(step.facts["address"]) for step in steps if step.kind == "attempt"] == expected


def test_an_interface_that_is_not_there(dial: Dial, servers: Servers) -> None:
    servers.accept("::1")
    with nothing_left_open(), pytest.raises(DialError) as caught:
        dial("::1", servers.port, timeout=20, dialer=Dialer(interface="no-such0"))
    assert caught.value.errno == errno.ENODEV


@pytest.mark.root
def test_an_interface_is_gone_by(dial: Dial, servers: Servers) -> None:
    servers.accept("::1")
    with dial("::1", servers.port, timeout=20, dialer=Dialer(interface="lo")) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0") == b"lo"


def test_a_whole_outlet_may_be_given(dial: Dial, servers: Servers) -> None:
    servers.accept("::1", "127.0.0.1")
    dialer = named(
        {4: ["127.0.0.1"], 6: ["::1"]},
        outlet=EgressPolicy(sources={4: EgressPolicy().sources[4]}, why="a port of IPv4"),
    )
    with dial("mail.example", servers.port, timeout=20, dialer=dialer) as sock:
        assert sock.family == socket.AF_INET


def test_the_socket_has_the_callers_way_of_blocking(dial: Dial, servers: Servers) -> None:
    servers.accept("::1", "127.0.0.1")
    for host in ("::1", "localhost"):
        with dial(host, servers.port, timeout=7) as sock:
            assert sock.gettimeout() == (7 if dial is dial_blocking else 0)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system where a second connect(2) tells nothing of the first: every connection is waited for."""
    monkeypatch.setattr(attempts, "_CAN_ASK_AGAIN", False)


@pytest.mark.usefixtures("elsewhere")
def test_a_connection_that_is_not_made_at_once_is_waited_for(dial: Dial, servers: Servers) -> None:
    servers.silent("::1")
    servers.accept("127.0.0.1")
    dialer = named({4: ["127.0.0.1"], 6: ["::1"]})
    with nothing_left_open():
        dial("mail.example", servers.port, timeout=20, dialer=dialer).close()


@pytest.mark.usefixtures("elsewhere")
def test_a_refusal_that_does_not_come_at_once_is_waited_for(dial: Dial, servers: Servers) -> None:
    servers.accept("127.0.0.9")
    dialer = named({4: ["127.0.0.1"], 6: ["::1"]})
    with nothing_left_open(), pytest.raises(DialRefused) as caught:
        dial("mail.example", servers.port, timeout=20, dialer=dialer)
    assert len(caught.value.attempts) == 2


@pytest.mark.usefixtures("elsewhere")
def test_two_that_answer_at_the_same_time_are_one_connection(dial: Dial, servers: Servers) -> None:
    servers.accept("::1", "127.0.0.1", "127.0.0.2")
    dialer = Dialer(attempt_delay=FAST, history=None)
    with nothing_left_open():
        for _ in range(20):
            dial(["::1", "127.0.0.1", "127.0.0.2"], servers.port, timeout=20, dialer=dialer).close()


def test_no_translator_is_asked_for_twice_where_ipv4_has_no_way(dial: Dial) -> None:
    """From an address that is not ours there is no way: a prefix is looked for, and the error tells what is so."""
    dialer = Dialer(resolver=Resolver({}), source="192.0.2.77", history=None)
    with nothing_left_open(), pytest.raises(DialError) as caught:
        dial("198.51.100.1", 80, timeout=20, dialer=dialer)
    assert caught.value.errno == errno.EADDRNOTAVAIL


@pytest.mark.parametrize("kind", ["lookup", "answer", "attempt", "failed"])
def test_what_a_listener_of_steps_raises_is_raised(dial: Dial, servers: Servers, kind: str) -> None:
    servers.accept("127.0.0.9")

    def on_step(step: dualstack.DialStep) -> None:
        if step.kind == kind:
            raise ZeroDivisionError

    dialer = named({4: ["127.0.0.1"], 6: ["::1"]})
    with nothing_left_open(), pytest.raises(ZeroDivisionError):
        dial("mail.example", servers.port, timeout=20, dialer=dialer, on_step=on_step)


@pytest.mark.usefixtures("elsewhere")
def test_a_literal_that_is_not_connected_at_once_is_waited_for(dial: Dial, servers: Servers) -> None:
    servers.accept("::1")
    with nothing_left_open():
        dial("::1", servers.port, timeout=20, dialer=Dialer()).close()
    with nothing_left_open(), pytest.raises(DialRefused):
        dial("127.0.0.1", servers.port, timeout=20, dialer=Dialer())


def test_a_literal_without_a_way_has_the_systems_own_error(dial: Dial) -> None:
    with nothing_left_open(), pytest.raises(DialError) as caught:
        dial("255.255.255.255", 80, timeout=20, dialer=Dialer())
    assert caught.value.errno in {errno.ENETUNREACH, errno.EACCES}
