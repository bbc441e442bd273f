"""UDP ASSOCIATE in this process, with real sockets on loopback: who is heard, where it goes, what not (X1, N7)."""

import asyncio
import resource
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from errno import EMFILE

import pytest

from dualstack.core.address.address import Address
from dualstack.gateway.admission import limits
from dualstack.gateway.forward import udp_association as association_module
from dualstack.gateway.forward.udp_shared import Shared
from dualstack.gateway.relay.datagram.counts import Counts
from dualstack.gateway.relay.datagram.poller import EpollPoller
from dualstack.net.dial.dialer import Dialer
from dualstack.wire.socks5 import client_greeting
from support.associate import Associated, associate, reply_to, udp_socket
from support.dialling import Resolver, descriptors
from support.gateway import Echo, Running, ended, run, running, until

REQUEST = b"\x05\x03\x00\x01"


def proxy(**more: str) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in more.items())
    return "[[services]]\nname = 'p'\nlisten = '*:0'\nforward = ['socks5']\n" + lines


def all_of(r: Running) -> Shared:
    return r.gateway.services["p"].associations._shared


def counts(r: Running) -> Counts:
    return all_of(r).counts


def resolve_by(r: Running, names: dict[str, dict[int, list[str] | Exception | None]]) -> None:
    """Have the proxy ask this resolver and no other."""
    service = r.gateway.services["p"]
    dialer = Dialer(outlet=service.upstream.dialer.outlet, history=None, resolver=Resolver(names))
    service.obey(replace(service.upstream, dialer=dialer))


def asked(scenario: Callable[[Running, Echo, Echo], Awaitable[None]], **more: str) -> None:
    """Run it with a proxy, and a server of each family."""

    async def whole() -> None:
        with Echo(4) as four, Echo(6) as six:
            async with running(proxy(**more)) as r:
                await scenario(r, four, six)

    run(whole)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_one_association_reaches_targets_of_both_families_by_address_and_by_name(host: str) -> None:
    async def scenario(r: Running, four: Echo, six: Echo) -> None:
        with await associate(r.port("p"), host) as client:
            for target, server in (
                (f"127.0.0.1:{four.port}", f"127.0.0.1:{four.port}"),
                (f"[::1]:{six.port}", f"[::1]:{six.port}"),
                (f"localhost:{six.port}", f"[::1]:{six.port}"),
                (f"[::ffff:127.0.0.1]:{four.port}", f"127.0.0.1:{four.port}"),
                (f"0.0.0.0:{four.port}", f"127.0.0.1:{four.port}"),
            ):
                assert await client.ask_of(target) == (server, b"you: hello")
            assert len({peer for _, peer in four.heard}) == 1, "all targets see one port (RFC 4787, REQ-1)"
            assert r.gateway.port_named("p").connections == 1
        await ended(r, "p", 0)
        assert (counts(r).flows, counts(r).datagrams_up, counts(r).datagrams_down) == (1, 5, 5)

    asked(scenario)


def test_sixty_kilobytes_and_an_empty_datagram_pass_whole_and_what_is_too_big_is_dropped() -> None:
    async def scenario(r: Running, _four: Echo, six: Echo) -> None:
        with await associate(r.port("p"), "127.0.0.1") as client:
            for content in (bytes(range(250)) * 240, b""):
                assert (await client.ask_of(f"[::1]:{six.port}", content))[1] == b"you: " + content
            client.send_to(f"[::1]:{six.port}", bytes(65507 - 22))  # the answer's header and text have no room
            await until(lambda: counts(r).dropped == 1)
            assert (await client.ask_of(f"[::1]:{six.port}"))[1] == b"you: hello"

    asked(scenario)


def test_the_association_lives_as_long_as_its_connection_and_leaves_no_descriptor() -> None:
    async def scenario(r: Running, four: Echo, six: Echo) -> None:
        before = descriptors()
        with await associate(r.port("p")) as client:
            client.writer.write(b"what is said here means nothing")
            await client.ask_of(f"127.0.0.1:{four.port}")
            await client.ask_of(f"[::1]:{six.port}")
            await client.hang_up()
            await ended(r, "p", 0)
            client.send_to(f"127.0.0.1:{four.port}", b"late")
            with pytest.raises(ConnectionRefusedError):
                await client.hear()
        await until(lambda: descriptors() == before)
        associated = r.gateway.services["p"].admission.associated
        assert associated.live == 0
        assert not associated.by_client

    asked(scenario)


def test_a_client_that_resets_its_connection_is_gone_too() -> None:
    async def scenario(r: Running, _four: Echo, _six: Echo) -> None:
        with await associate(r.port("p")) as client:
            client.writer.transport.abort()
            await ended(r, "p", 0)

    asked(scenario)


def test_a_silent_association_is_over_after_the_idle_timeout() -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        with await associate(r.port("p")) as client:
            await client.ask_of(f"127.0.0.1:{four.port}")
            assert await client.reader.read() == b""
            await ended(r, "p", 0)

    asked(scenario, idle_timeout="0.05")


def test_nobody_but_the_client_is_heard_and_only_from_its_first_port() -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        with await associate(r.port("p")) as client, udp_socket() as stranger, udp_socket() as second:
            stranger.bind(("127.0.0.9", 0))
            stranger.sendto(b"\0\0\0\1\x7f\0\0\1" + four.port.to_bytes(2, "big") + b"stranger", client.bound)
            await client.ask_of(f"127.0.0.1:{four.port}", b"client")
            second.sendto(b"\0\0\0\1\x7f\0\0\1" + four.port.to_bytes(2, "big") + b"second", client.bound)
            await client.ask_of(f"127.0.0.1:{four.port}", b"again")
            assert [content for content, _ in four.heard] == [b"client", b"again"]
            assert counts(r).refused == 1, "the second never came in"

    asked(scenario)


@pytest.mark.parametrize(("announced", "is_held_to_it"), [("0.0.0.0", True), ("127.0.0.1", True), ("10.9.8.7", False)])
def test_a_port_that_is_announced_is_the_only_one_unless_a_translator_stands_between(
    announced: str,
    is_held_to_it: bool,  # noqa: FBT001
) -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        with udp_socket() as own:
            own.bind(("127.0.0.1", 0))
            port = own.getsockname()[1].to_bytes(2, "big")
            with await associate(r.port("p"), request=REQUEST + Address(announced).packed + port) as client:
                client.send_to(f"127.0.0.1:{four.port}", b"another port")
                if not is_held_to_it:
                    await until(lambda: bool(four.heard))
                    return
                await until(lambda: counts(r).refused == 1)
                client.sock.close()
                own.connect(client.bound)
                client.sock = own
                assert (await client.ask_of(f"127.0.0.1:{four.port}"))[1] == b"you: hello"

    asked(scenario)


def test_an_answer_comes_from_an_address_that_was_asked_at_whatever_port() -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        with await associate(r.port("p")) as client, udp_socket() as friend, udp_socket() as stranger:
            await client.ask_of(f"127.0.0.1:{four.port}")
            outside = four.heard[0][1]
            stranger.bind(("127.0.0.3", 0))
            friend.bind(("127.0.0.1", 0))
            stranger.sendto(b"never asked", outside)
            friend.sendto(b"asked at another port", outside)
            assert await client.answer() == (
                f"127.0.0.1:{friend.getsockname()[1]}",
                b"asked at another port",
            )
            assert counts(r).refused == 1

    asked(scenario)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\0\0\0\1",
        b"\0\0\1\1\x7f\0\0\1\0\x09a fragment",
        b"\0\0\0\2\x7f\0\0\1\0\x09",
        b"\0\0\0\1\x7f\0\0\1\0",
        b"\0\0\0\3\xff\0",
        b"\0\0\0\4" + bytes(10),
        b"\0\0\0\1\x7f\0\0\1\0\0port 0",
        b"\0\0\0\3\x00\0\x09no name",
        b"\0\0\0\3\x0a0177.0.0.1\0\x09",
        b"\0\0\0\3\x04a\x00bc\0\x09",
    ],
)
def test_what_cannot_be_read_is_dropped_and_the_association_goes_on(datagram: bytes) -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        with await associate(r.port("p")) as client:
            client.say(datagram)
            assert (await client.ask_of(f"127.0.0.1:{four.port}"))[1] == b"you: hello"
            assert counts(r).dropped == 1
            assert len(four.heard) == 1

    asked(scenario)


@pytest.mark.parametrize(
    "target",
    [
        *("127.0.0.1", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
        *("localhost", "10.0.0.1", "[fe80::1]", "[fc00::1]"),
    ],
)
def test_once_others_are_admitted_only_the_public_is_in_reach(target: str) -> None:
    async def scenario(r: Running, four: Echo, six: Echo) -> None:
        with await associate(r.port("p")) as client:
            for port in (four.port, six.port):
                client.send_to(f"{target}:{port}", b"let me in")
            await until(lambda: counts(r).dropped == 2)
            assert not four.heard
            assert not six.heard
            lines = r.events.of("refused") + r.events.of("unreached")
            assert len(lines) == 2
            assert all(str(line["peer"]).startswith("127.0.0.1:") for line in lines)

    asked(scenario, access="['allow any']")


@pytest.mark.parametrize(
    "target", ["224.0.0.251", "255.255.255.255", "[ff02::fb]", "[ff0e::1]", "[64:ff9b::e000:fb]", "127.255.255.255"]
)
def test_what_is_no_one_host_is_never_sent_to_whatever_the_rules_say(target: str) -> None:
    async def scenario(r: Running, _four: Echo, _six: Echo) -> None:
        with await associate(r.port("p")) as client:
            client.send_to(f"{target}:5353", b"everybody")
            await until(lambda: counts(r).dropped == 1)
            assert counts(r).datagrams_down == 0

    asked(scenario, access="['allow any']", reach="['allow any']")


def test_a_name_is_judged_address_by_address() -> None:
    async def scenario(r: Running, four: Echo, six: Echo) -> None:
        with await associate(r.port("p")) as client:
            client.send_to(f"localhost:{four.port}", b"by IPv4 alone")
            assert (await client.answer())[0] == f"127.0.0.1:{four.port}"
            assert not six.heard

    asked(scenario, reach="['deny ::1', 'allow any']")


def test_an_address_of_a_name_where_nobody_is_gives_way_to_the_next_which_gets_the_datagram() -> None:
    async def scenario(r: Running, four: Echo, six: Echo) -> None:
        with await associate(r.port("p")) as client:
            assert await client.ask_of(f"localhost:{four.port}") == (f"127.0.0.1:{four.port}", b"you: hello")
            assert await client.ask_of(f"localhost:{six.port}") == (f"[::1]:{six.port}", b"you: hello")
            assert [content for content, _ in four.heard] == [b"hello"]
            assert all_of(r).waiting_bytes == 0

    asked(scenario)


def test_where_there_is_no_epoll_the_loop_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(r: Running, four: Echo, six: Echo) -> None:
        with await associate(r.port("p"), "::1") as client:
            assert await client.ask_of(f"127.0.0.1:{four.port}") == (f"127.0.0.1:{four.port}", b"you: hello")
            assert await client.ask_of(f"localhost:{six.port}") == (f"[::1]:{six.port}", b"you: hello")
            await client.hang_up()
            await ended(r, "p", 0)

    monkeypatch.delattr("select.epoll")
    asked(scenario)


def test_a_target_where_nobody_is_disturbs_no_other_and_nothing_spins() -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        with udp_socket() as gone:
            gone.bind(("127.0.0.1", 0))
            port = gone.getsockname()[1]
        with await associate(r.port("p")) as client:
            turns = 0
            for number in range(5):
                client.send_to(f"127.0.0.1:{port}", b"anybody?")
                assert (await client.ask_of(f"127.0.0.1:{four.port}", b"%d" % number))[1] == b"you: %d" % number
            poller = all_of(r)._poller
            assert isinstance(poller, EpollPoller)
            while poller._epoll.poll(0):
                poller.look()
                turns += 1
            assert turns < 10
            assert counts(r).dropped == 0

    asked(scenario)


def test_a_name_that_changes_its_answer_is_judged_at_each_lookup() -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        names: dict[str, dict[int, list[str] | Exception | None]] = {"evil.test": {4: ["127.0.0.2"]}}
        resolve_by(r, names)
        with await associate(r.port("p")) as client:
            client.send_to(f"evil.test:{four.port}", b"nobody is there")
            await until(lambda: counts(r).datagrams_up == 1)
            names["evil.test"] = {4: ["127.0.0.1"]}
            service = r.gateway.services["p"]
            service.obey(replace(service.upstream))  # a reload: all is looked up again
            client.send_to(f"evil.test:{four.port}", b"now it is the denied one")
            await until(lambda: counts(r).refused == 1)
            assert not four.heard

    asked(scenario, reach="['deny 127.0.0.1', 'allow any']")


def test_a_reload_that_denies_a_target_ends_its_answers_too() -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        with await associate(r.port("p")) as client:
            await client.ask_of(f"127.0.0.1:{four.port}")
            from dualstack.gateway.config.toml import parse

            await r.gateway.reload(parse(proxy(reach="['deny 127.0.0.1', 'allow any']"), "test.toml"))
            client.send_to(f"127.0.0.1:{four.port}", b"still?")
            await until(lambda: counts(r).refused == 1)
            assert len(four.heard) == 1

    asked(scenario)


def test_a_name_that_does_not_exist_is_told_once_and_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        names: dict[str, dict[int, list[str] | Exception | None]] = {}
        resolve_by(r, names)
        with await associate(r.port("p")) as client:
            for number in (1, 2):
                client.send_to(f"later.test:{four.port}", b"?")
                await until(lambda number=number: counts(r).dropped == number)  # type: ignore[misc]
            assert len(r.events.of("unreached")) == 1
            names["later.test"] = {4: ["127.0.0.1"]}
            monkeypatch.setattr(association_module, "_BLOCKED_S", 0.0)
            all_of(r).said = type(all_of(r).said)()
            await until(lambda: _is_there(client, four))

    def _is_there(client: Associated, four: Echo) -> bool:
        client.send_to(f"later.test:{four.port}", b"now?")
        return bool(four.heard)

    asked(scenario)


def test_datagrams_that_come_before_a_lookup_is_done_wait_for_it_but_not_many() -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        resolve_by(r, {"slow.test": {4: ["127.0.0.1"]}})
        with await associate(r.port("p")) as client:
            for number in range(6):
                client.send_to(f"slow.test:{four.port}", b"%d" % number)
            assert [(await client.answer())[1] for _ in range(4)] == [b"you: %d" % number for number in range(4)]
            assert counts(r).dropped == 2
            assert all_of(r).waiting_bytes == 0

    asked(scenario)


def test_targets_are_bounded_and_a_conversation_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        monkeypatch.setattr(association_module, "TARGETS_MAX", 3)
        with await associate(r.port("p")) as client:
            for _ in range(2):
                await client.ask_of(f"127.0.0.1:{four.port}", b"a conversation")
            for number in range(2, 22):
                client.send_to(f"127.0.0.{number}:{four.port}", b"?")
                await until(lambda number=number: counts(r).datagrams_up == number + 1)  # type: ignore[misc]
            assert counts(r).evicted == 18
            assert (await client.ask_of(f"127.0.0.1:{four.port}"))[1] == b"you: hello"
            for number in (2, 3):
                with Echo(4, 0) as other:
                    for _ in range(2):
                        await client.ask_of(f"127.0.0.1:{other.port}", b"%d" % number)
            dropped = counts(r).dropped
            client.send_to(f"127.0.0.7:{four.port}", b"all three converse")
            await until(lambda: counts(r).dropped == dropped + 1)

    asked(scenario)


def test_a_target_that_was_silent_too_long_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        with await associate(r.port("p")) as client, udp_socket() as late:
            await client.ask_of(f"127.0.0.1:{four.port}")
            outside = four.heard[0][1]
            late.bind(("127.0.0.1", 0))
            later = all_of(r).loop.time() + 31
            monkeypatch.setattr(all_of(r), "look_at_clock", lambda: None)
            all_of(r).now = later
            all_of(r)._poller._on_turn = lambda: None  # type: ignore[union-attr]
            late.sendto(b"too late", outside)
            await until(lambda: counts(r).refused == 1)

    asked(scenario)


def test_a_client_has_so_many_associations_and_others_have_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        monkeypatch.setattr(limits, "ASSOCIATIONS_PER_CLIENT", 2)
        with ExitStack() as stay:
            for _ in range(2):
                stay.enter_context(await associate(r.port("p")))
            answer, _, writer = await reply_to(r.port("p"))
            assert answer[:2] == b"\x05\x01"
            writer.close()
            other = stay.enter_context(await associate(r.port("p"), "::1"))
            assert (await other.ask_of(f"127.0.0.1:{four.port}"))[1] == b"you: hello"
            await until(lambda: bool(r.events.of("refused")))
            (line,) = r.events.of("refused")
            assert line["why"] == "2 associations of this client"

    asked(scenario)


def test_a_service_has_so_many_associations(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(r: Running, _four: Echo, _six: Echo) -> None:
        monkeypatch.setattr(limits, "ASSOCIATIONS_MAX", 1)
        with await associate(r.port("p")):
            answer, _, writer = await reply_to(r.port("p"), "::1")
            assert answer[:2] == b"\x05\x01"
            writer.close()
            await until(lambda: bool(r.events.of("refused")))
            assert r.events.of("refused")[0]["why"] == "1 associations"

    asked(scenario)


@pytest.fixture
def few_descriptors() -> Iterator[Callable[[int], None]]:
    """`few_descriptors(n)` leaves so many."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def leave(number: int) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, before[1]))

    yield leave
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_without_descriptors_there_is_no_association_and_the_client_knows(
    few_descriptors: Callable[[int], None],
) -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        with await associate(r.port("p")) as first:
            reader, writer = await asyncio.open_connection("127.0.0.1", r.port("p"))
            writer.write(client_greeting())
            assert await reader.readexactly(2) == b"\x05\x00"
            highest = max(sock.fileno() for sock in (first.sock, writer.get_extra_info("socket")))
            with socket.socket() as probe:
                few_descriptors(max(highest, probe.fileno()))
            fillers = _fill()
            try:
                writer.write(REQUEST + bytes(6))
                assert (await reader.readexactly(10))[:2] == b"\x05\x01"
                first.send_to(f"127.0.0.1:{four.port}", b"no socket to send it by")
                await until(lambda: counts(r).dropped == 1)
            finally:
                for filler in fillers:
                    filler.close()
            writer.close()
            await until(lambda: bool(r.events.of("refused")))
            assert "no socket for datagrams" in str(r.events.of("refused")[0]["why"])

    asked(scenario)


def _fill() -> list[socket.socket]:
    """Take every descriptor that is left."""
    taken = []
    while True:
        try:
            taken.append(socket.socket())
        except OSError as error:
            assert error.errno == EMFILE  # noqa: PT017 - it must be no other
            return taken


def test_a_gateway_that_leaves_ends_its_associations() -> None:
    async def scenario(r: Running, four: Echo, _six: Echo) -> None:
        with await associate(r.port("p")) as client:
            await client.ask_of(f"127.0.0.1:{four.port}")
            assert await r.gateway.stop_port("p", drain_s=0) == 1
            assert await client.reader.read() == b""
            assert r.gateway.services["p"].associations.live == 0

    asked(scenario)


def test_a_client_of_another_family_behind_a_balancer_is_told_that_it_cannot_come_in() -> None:
    async def scenario(r: Running, _four: Echo, _six: Echo) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", r.port("p"))
        writer.write(b"PROXY TCP6 2001:db8::7 2001:db8::1 9 1080\r\n" + client_greeting() + REQUEST + bytes(6))
        assert (await reader.readexactly(12))[2:4] == b"\x05\x01"
        writer.close()
        await until(lambda: bool(r.events.of("refused")))
        assert "of the other family" in str(r.events.of("refused")[0]["why"])

    asked(scenario, proxy_in="['127.0.0.1']", access="['allow 2001:db8::/32']")


def test_a_link_may_choose_the_source() -> None:
    async def scenario() -> None:
        text = proxy() + "[ports.out]\nbind = '127.0.0.5'\n[[links]]\nto = '127.0.0.1'\nports = ['out']\n"
        with Echo(4) as four:
            async with running(text) as r:
                with await associate(r.port("p")) as client:
                    await client.ask_of(f"127.0.0.1:{four.port}")
                    assert four.heard[0][1][0] == "127.0.0.5"  # type: ignore[index]

    run(scenario)
