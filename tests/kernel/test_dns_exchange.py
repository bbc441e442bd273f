"""Name servers that are old, gone, broken or silent, on the loopback: what `DnsResolver` makes of them."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic

import dns.flags
import dns.message
import dns.rcode
import pytest

import dualstack
from dualstack import Address, Dialer, LookupFailed
from dualstack.dns import DnsResolver
from dualstack.lab.faults import Fault
from dualstack.lab.zone import Zone
from dualstack.net.names.dns_exchange import Answered, Exchange, Unanswered
from dualstack.net.names.hosts_file import HostsFile
from dualstack.net.names.resolver import NameServer as Where
from support.dialling import WAYS, Dial, Servers, nothing_left_open
from support.name_server import NameServer

ZONE = Zone({"www": ("::1", "127.0.0.1"), "four": ("127.0.0.1",), "many": tuple(f"192.0.2.{n}" for n in range(1, 251))})
Answer = Callable[[bytes], bytes | None]


class Script:
    """A server over UDP that answers by a function of the question, and keeps what it heard."""

    def __init__(self, answer: Answer) -> None:
        self.heard: list[dns.message.Message] = []
        self._answer = answer
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self.where = Where(Address("127.0.0.1"), self._sock.getsockname()[1])

    @contextmanager
    def running(self) -> "Iterator[Script]":
        thread = threading.Thread(target=self._serve, daemon=True)
        thread.start()
        yield self
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # wakes who waits for it
        thread.join()
        self._sock.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                packet, client = self._sock.recvfrom(4096)
                if not packet:
                    return
                self.heard.append(dns.message.from_wire(packet))
                answer = self._answer(packet)
                if answer is not None:
                    self._sock.sendto(answer, client)


def ordinary(packet: bytes) -> bytes | None:
    reply = ZONE.answer(packet, "127.0.0.1")
    return None if reply is None else reply.packet


def silent(_packet: bytes) -> None:
    """Say nothing."""


def says(code: dns.rcode.Rcode) -> Answer:
    def answer(packet: bytes) -> bytes:
        reply = dns.message.make_response(dns.message.from_wire(packet))
        reply.set_rcode(code)
        return reply.to_wire()

    return answer


def without_edns(code: int, *, repeats: bool) -> Answer:
    """A server from before EDNS: it answers `code` to what has an OPT record, with or without the question."""

    def answer(packet: bytes) -> bytes | None:
        if not packet[11]:
            return ordinary(packet)
        head = packet[:2] + bytes([0x81, 0x80 | code])
        # The OPT record is the last 11 bytes.
        return head + packet[4:10] + bytes(2) + packet[12:-11] if repeats else head + bytes(8)

    return answer


def nobody() -> Where:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return Where(Address("127.0.0.1"), sock.getsockname()[1])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "hosts").write_text("127.0.0.7 listed.test www.listed.test\n")
    return tmp_path


def resolver(files: Path, *servers: object, lifetime: float = 20.0, resolv_conf: str = "search test\n") -> DnsResolver:
    (files / "resolv.conf").write_text(resolv_conf)
    hosts = HostsFile(files / "hosts", files / "nsswitch.conf")
    return DnsResolver(map(str, servers), lifetime=lifetime, resolv_conf=files / "resolv.conf", hosts=hosts)


def addresses(resolver: DnsResolver, name: str, family: int = 0) -> list[str]:
    found = dualstack.getaddrinfo(name, None, family, socket.SOCK_STREAM, resolver=resolver)
    return [str(Address(info[4])) for info in found]


@pytest.mark.parametrize("repeats", [True, False], ids=["with the question", "the header alone"])
@pytest.mark.parametrize("code", [1, 4], ids=["FORMERR", "NOTIMP"])
def test_a_server_without_edns_is_asked_again_without_it_and_from_then_on(
    files: Path, code: int, *, repeats: bool
) -> None:
    with Script(without_edns(code, repeats=repeats)).running() as server:
        asker = resolver(files, server.where)
        assert addresses(asker, "www.test") == ["::1", "127.0.0.1"]
        assert [each.edns for each in server.heard] == [0, 0, -1, -1]
        assert addresses(asker, "four.test") == ["127.0.0.1"]
        assert [each.edns for each in server.heard[4:]] == [-1, -1]


@pytest.mark.parametrize("dial", WAYS)
def test_a_connection_by_a_server_without_edns(files: Path, dial: Dial) -> None:
    with Script(without_edns(1, repeats=True)).running() as server, Servers() as servers:
        servers.accept("127.0.0.1")
        dialer = Dialer(resolver=resolver(files, server.where), history=None)
        for _ in range(2):
            with dial("four.test", servers.port, dialer=dialer, timeout=20) as sock:
                assert sock.getpeername()[0] == "127.0.0.1"


def test_where_nobody_is_at_a_servers_port_the_next_is_asked_at_once() -> None:
    with Script(ordinary).running() as server, nothing_left_open():
        exchange = Exchange([nobody(), nobody(), server.where], timeout_s=1000)
        answers = exchange.ask([("www.test.", 6), ("www.test.", 4)], monotonic() + 1000)
        assert all(isinstance(each, Answered) for each in answers)


def test_where_nobody_is_at_any_servers_port_that_is_heard_at_once(files: Path) -> None:
    first, second = nobody(), nobody()
    (answer,) = Exchange([first, second], timeout_s=1000).ask([("www.test.", 6)], monotonic() + 2000)
    assert isinstance(answer, Unanswered)
    assert (answer.was_failed, answer.why.count("refused")) == (False, 2)
    with pytest.raises(LookupFailed, match=f"127.0.0.1:{first.port}: Connection refused") as caught:
        addresses(resolver(files, first, second, lifetime=2000), "www.test")
    assert caught.value.errno == socket.EAI_AGAIN
    assert caught.value.exit_code == 75


@pytest.mark.parametrize("code", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.YXDOMAIN])
def test_a_server_that_cannot_is_passed_over_and_alone_is_no_answer_about_the_name(
    files: Path, code: dns.rcode.Rcode
) -> None:
    with Script(says(code)).running() as broken, Script(ordinary).running() as server:
        assert addresses(resolver(files, broken.where, server.where, lifetime=2000), "www.test") == ["::1", "127.0.0.1"]
        with pytest.raises(LookupFailed) as caught:
            addresses(resolver(files, broken.where, lifetime=2000), "www.test")
        assert (caught.value.errno, caught.value.exit_code) == (socket.EAI_AGAIN, 75)


def test_a_silent_server_leaves_time_for_the_next(files: Path) -> None:
    with Script(silent).running() as lost, Script(ordinary).running() as server:
        assert addresses(resolver(files, lost.where, server.where, lifetime=1.0), "www.test") == ["::1", "127.0.0.1"]


def test_a_server_that_leaves_edns_unanswered_is_asked_without_it(files: Path) -> None:
    with Script(lambda packet: None if packet[11] else ordinary(packet)).running() as server:
        asker = resolver(files, server.where, resolv_conf="options timeout:1 attempts:2\n")
        assert addresses(asker, "www.test") == ["::1", "127.0.0.1"]


def test_the_lifetime_is_that_of_both_families_and_all_servers_together() -> None:
    """Counted in questions: in the time of one there is no room for a third round."""
    with Script(silent).running() as server:
        exchange = Exchange([server.where] * 2, timeout_s=1000)
        answers = exchange.ask([("www.test.", 6), ("www.test.", 4)], monotonic() + 0.2)
        assert [isinstance(each, Unanswered) and each.was_failed for each in answers] == [False, False]
        assert len(server.heard) <= 4


def test_what_a_lookup_says_of_a_missing_name_is_said_once(files: Path) -> None:
    with NameServer(ZONE) as server, pytest.raises(LookupFailed) as caught:
        addresses(resolver(files, server.address), "nowhere.test")
    assert str(caught.value) == "lookup of 'nowhere.test': there is no such name"


@pytest.mark.parametrize("dial", WAYS)
def test_the_lifetime_is_that_of_all_search_domains_together_for_a_connection(files: Path, dial: Dial) -> None:
    """One server is silent and the other fails: the name is asked for until time is up, and no other name after."""
    with Script(silent).running() as lost, Script(says(dns.rcode.SERVFAIL)).running() as broken:
        asker = resolver(files, lost.where, broken.where, lifetime=0.2, resolv_conf="search a.test b.test c.test\n")
        with pytest.raises(LookupFailed):
            dial("www", 1, dialer=Dialer(resolver=asker), timeout=20)
        assert {str(each.question[0].name) for each in broken.heard} == {"www.a.test."}


def test_a_loop_does_not_wait_for_a_server_by_itself_where_that_would_be_the_whole_lifetime(files: Path) -> None:
    assert resolver(files, "192.0.2.53", lifetime=1.0).server_for("www.test") is None
    assert resolver(files, "192.0.2.53", lifetime=1.5).server_for("www.test") is not None


def test_attempts_and_rotation_are_those_of_resolv_conf(files: Path) -> None:
    with Script(silent).running() as first, Script(ordinary).running() as second:
        asker = resolver(files, second.where, first.where, resolv_conf="options rotate timeout:1\n")
        for _ in range(3):
            assert addresses(asker, "four.test", socket.AF_INET) == ["127.0.0.1"]
        assert (len(second.heard), len(first.heard)) == (3, 1)


def test_what_is_cut_short_and_what_goes_over_tcp_alone_is_whole(files: Path) -> None:
    with NameServer(ZONE) as server:
        for resolv_conf in ("", "options use-vc\n"):
            asker = resolver(files, server.address, resolv_conf=resolv_conf)
            assert len(addresses(asker, "many.test", socket.AF_INET)) == 250
        server.zone = replace(ZONE, faults=(Fault("lookup-servfail"),))
        with pytest.raises(LookupFailed, match="SERVFAIL"):
            addresses(asker, "many.test", socket.AF_INET)


def test_the_hosts_file_has_the_whole_answer_as_for_a_connection(files: Path) -> None:
    zone = replace(ZONE, names={**ZONE.names, "listed": ("::1",)})
    with NameServer(zone) as server:
        asker = resolver(files, server.address)
        assert addresses(asker, "listed.test") == ["127.0.0.7"]
        assert addresses(asker, "listed.test", socket.AF_INET6) == ["::1"]


def test_the_canonical_name_is_no_address(files: Path) -> None:
    with NameServer(ZONE) as server:
        found = dualstack.getaddrinfo(
            "www.test",
            None,
            type=socket.SOCK_STREAM,
            flags=socket.AI_CANONNAME,
            resolver=resolver(files, server.address),
        )
    assert [info[3] for info in found] == ["www.test", ""]


def test_both_families_are_of_one_full_name(files: Path) -> None:
    zone = Zone({"www.corp": ("127.0.0.1",), "www.other": ("::1",)})
    with NameServer(zone) as server:
        asker = resolver(files, server.address, resolv_conf="search corp.test other.test\n")
        assert addresses(asker, "www") == ["127.0.0.1"]
        assert addresses(asker, "www", socket.AF_INET6) == ["::1"]
        with pytest.raises(LookupFailed, match="no such name"):
            addresses(asker, "nowhere")


def test_of_mapped_addresses_too(files: Path) -> None:
    zone = Zone({"www.corp": ("127.0.0.1",), "www.other": ("::1",)})
    with NameServer(zone) as server:
        asker = resolver(files, server.address, resolv_conf="search corp.test other.test\n")
        flags = socket.AI_V4MAPPED | socket.AI_ALL
        found = dualstack.getaddrinfo("www", None, socket.AF_INET6, socket.SOCK_STREAM, 0, flags, resolver=asker)
    assert [info[4][0] for info in found] == ["::ffff:127.0.0.1"]
