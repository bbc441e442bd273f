"""The ordinary lookup on a loop, without a thread; what is out of the ordinary is for the pool (X2)."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import uvloop

from dualstack import Address, Dialer, DialError, LookupFailed, connect
from dualstack.core.dial.resolution import Lookup
from dualstack.dns import DnsResolver
from dualstack.lab.faults import Fault
from dualstack.lab.zone import Zone
from dualstack.net.names.dns_asyncio import QuickLookups
from dualstack.net.names.resolver import NameServer as Where
from support.dialling import Servers, nothing_left_open, pool_rests
from support.name_server import NameServer

ZONE = Zone({"www": ("::1", "127.0.0.1"), "far": ("192.0.2.1",), "many": tuple(f"192.0.2.{n}" for n in range(1, 251))})
SIX, FOUR = Lookup(6), Lookup(4)
Told = dict[Lookup, tuple[Address, ...] | None]


def looked_up(port: int, *questions: tuple[Lookup, str], patience_s: float = 20.0, is_final: bool = True) -> Told:
    """What each lookup gave, once all are told."""

    async def ask() -> Told:
        found: Told = {}
        over = asyncio.Event()

        def told(lookup: Lookup, addresses: tuple[Address, ...] | None) -> None:
            assert lookup not in found
            found[lookup] = addresses
            if len(found) == len(questions):
                over.set()

        server = Where(Address("127.0.0.1"), port)
        lookups = QuickLookups(server, told, asyncio.get_running_loop(), patience_s=patience_s, is_final=is_final)
        for lookup, name in questions:
            lookups.ask(lookup, name)
        await over.wait()
        assert lookups.is_closed
        return found

    with nothing_left_open():
        return asyncio.run(ask())


def test_both_families_are_asked_by_one_socket_which_is_closed_then() -> None:
    with NameServer(ZONE) as server:
        found = looked_up(server.port, (SIX, "www.test"), (FOUR, "www.test"))
    assert found == {SIX: (Address("::1"),), FOUR: (Address("127.0.0.1"),)}


def test_that_a_name_has_no_address_of_a_family_is_an_ordinary_answer() -> None:
    with NameServer(ZONE) as server:
        assert looked_up(server.port, (SIX, "far.test")) == {SIX: ()}


@pytest.mark.parametrize(("name", "faults"), [("many.test", ()), ("www.test", (Fault("lookup-servfail"),))])
def test_what_is_out_of_the_ordinary_is_for_the_pool(name: str, faults: tuple[Fault, ...]) -> None:
    with NameServer(replace(ZONE, faults=faults)) as server:
        assert looked_up(server.port, (FOUR, name)) == {FOUR: None}


def test_that_there_is_no_such_name_is_an_ordinary_answer() -> None:
    with NameServer(ZONE) as server:
        assert looked_up(server.port, (SIX, "nowhere.test"), (FOUR, "nowhere.test")) == {SIX: (), FOUR: ()}


def test_a_name_with_one_family_is_there_whatever_search_domains_come_after() -> None:
    with NameServer(ZONE) as server:
        found = looked_up(server.port, (SIX, "far.test"), (FOUR, "far.test"), is_final=False)
    assert found == {SIX: (), FOUR: (Address("192.0.2.1"),)}


def test_a_name_with_neither_is_left_to_the_pool_where_search_domains_come_after() -> None:
    with NameServer(ZONE) as server:
        found = looked_up(server.port, (SIX, "nowhere.test"), (FOUR, "nowhere.test"), is_final=False)
    assert found == {SIX: None, FOUR: None}


def test_a_server_that_says_nothing_is_left_to_the_pool_in_time() -> None:
    with NameServer(replace(ZONE, faults=(Fault("lookup-lost"),))) as server:
        assert looked_up(server.port, (SIX, "www.test"), (FOUR, "www.test"), patience_s=0.01) == {SIX: None, FOUR: None}


def test_where_nobody_listens_it_is_left_to_the_pool_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    assert looked_up(port, (FOUR, "www.test")) == {FOUR: None}


def ask_until_refused(lookups: QuickLookups) -> None:
    """The kernel has the refusal before the next call, or before one of those after it."""
    for _ in range(1000):
        lookups.ask(FOUR, "www.test")


def test_a_refusal_that_the_second_question_meets_counts_for_the_first_too() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        server = Where(Address("127.0.0.1"), nobody.getsockname()[1])

    async def ask() -> Lookup:
        loop = asyncio.get_running_loop()
        first = loop.create_future()
        lookups = QuickLookups(server, lambda lookup, _: first.set_result(lookup), loop, patience_s=1000)
        lookups.ask(SIX, "www.test")
        with pytest.raises(ConnectionRefusedError):
            ask_until_refused(lookups)
        assert not first.done()
        return await asyncio.wait_for(first, 20)

    with nothing_left_open():
        assert asyncio.run(ask()) == SIX


def test_what_is_no_answer_is_passed_over() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        async def answer() -> Told:
            loop = asyncio.get_running_loop()
            found: Told = {}
            over = loop.create_future()

            def told(lookup: Lookup, addresses: tuple[Address, ...] | None) -> None:
                found[lookup] = addresses
                over.set_result(None)

            lookups = QuickLookups(Where(Address("127.0.0.1"), server.getsockname()[1]), told, loop)
            lookups.ask(FOUR, "www.test")
            question, client = server.recvfrom(4096)
            reply = ZONE.answer(question, "127.0.0.1")
            assert reply is not None
            for packet in (b"", b"what?", question, bytes(2) + reply.packet[2:], reply.packet, reply.packet):
                server.sendto(packet, client)
            await over
            return found

        assert asyncio.run(answer()) == {FOUR: (Address("127.0.0.1"),)}


def test_closed_it_tells_nothing_more() -> None:
    async def ask(port: int) -> None:
        told: list[object] = []
        lookups = QuickLookups(
            Where(Address("127.0.0.1"), port), lambda *facts: told.append(facts), asyncio.get_running_loop()
        )
        lookups.ask(FOUR, "www.test")
        lookups.close()
        lookups.close()
        await asyncio.sleep(0)
        assert told == []

    with NameServer(ZONE) as server, nothing_left_open():
        asyncio.run(ask(server.port))


class Proactor(asyncio.SelectorEventLoop):
    """A loop that watches no socket of others, as asyncio's on Windows."""

    def add_reader(self, *_arguments: object) -> None:
        raise NotImplementedError


# Through a dialler.


@pytest.fixture(autouse=True)
def at_rest() -> Iterator[None]:
    """What the pool does for nobody any more is over before the next test counts descriptors."""
    yield
    pool_rests()


@contextmanager
def dialler(zone: Zone, **options: object) -> Iterator[Dialer]:
    with NameServer(zone) as server:
        yield Dialer(resolver=DnsResolver([server.address], lifetime=5), history=None, nat64=(), **options)


def connected(dialer: Dialer, name: str, port: int, loop: Callable[[], asyncio.AbstractEventLoop] | None = None) -> str:
    """The peer."""

    async def main() -> str:
        with await connect(name, port, dialer=dialer, timeout=20) as sock:
            return str(sock.getpeername()[0])

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main())


@pytest.mark.parametrize("loop", [None, Proactor])
def test_a_connection_by_a_name(loop: Callable[[], asyncio.AbstractEventLoop] | None) -> None:
    with Servers() as servers, dialler(ZONE) as dialer:
        servers.accept("127.0.0.1")
        assert connected(dialer, "www.test", servers.port, loop) == "127.0.0.1"


def test_a_connection_by_a_name_on_uvloop() -> None:
    with Servers() as servers, dialler(ZONE) as dialer, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        servers.accept("127.0.0.1")
        with runner.run(connect("www.test", servers.port, dialer=dialer, timeout=20)) as sock:
            assert sock.getpeername()[0] == "127.0.0.1"


def test_the_pool_finds_what_the_quick_way_does_not() -> None:
    """The answer over UDP is cut short; over TCP it is whole."""
    truncated = replace(ZONE, faults=(Fault("lookup-truncated"),))
    with Servers() as servers, dialler(truncated) as dialer:
        servers.accept("127.0.0.1")
        assert connected(dialer, "www.test", servers.port) == "127.0.0.1"


def test_a_name_that_is_not_there() -> None:
    with dialler(ZONE) as dialer, pytest.raises(LookupFailed):
        connected(dialer, "nowhere.test", 80)


def test_a_name_without_an_address_of_the_family_that_is_dialled() -> None:
    with dialler(ZONE, family=6) as dialer, pytest.raises(LookupFailed, match="it has no IPv6 address") as caught:
        connected(dialer, "far.test", 80)
    assert caught.value.errno == socket.EAI_NONAME


def test_where_a_translator_may_be_needed_the_pool_looks_for_it() -> None:
    with NameServer(ZONE) as server:
        dialer = Dialer(resolver=DnsResolver([server.address]), history=None, source="127.0.0.9")
        assert dialer.discovers
        with pytest.raises(DialError):
            connected(dialer, "far.test", 80)


def test_cancelled_while_it_looks_up_nothing_is_left_open() -> None:
    async def main(dialer: Dialer) -> None:
        task = asyncio.create_task(connect("www.test", 80, dialer=dialer))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with dialler(replace(ZONE, faults=(Fault("lookup-lost"),))) as dialer, nothing_left_open():
        asyncio.run(main(dialer))
