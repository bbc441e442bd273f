"""The forward proxy in this process: each protocol, rules, limits, clients that misbehave (X1)."""

import asyncio
import base64
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from dualstack.core.address.endpoint import parse_target
from dualstack.core.planning.targets import ForwardTarget, ProxyProtocol
from dualstack.gateway.forward.negotiate import Rejected, arrange
from dualstack.wire.socks5 import client_greeting, client_request
from support.dialling import Servers
from support.free_port import free_port
from support.gateway import SOON, Running, ended, run, running

ALL = '["socks5", "socks4a", "http-connect", "http"]'


def proxy(forward: str = ALL, **more: str) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f"[[services]]\nname = 'p'\nlisten = 'localhost:0'\nforward = {forward}\n" + lines


class Client:
    """One connection to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def say(self, content: bytes) -> None:
        self._writer.write(content)

    async def hear(self, size: int) -> bytes:
        async with asyncio.timeout(SOON):
            return await self._reader.readexactly(size)

    async def line(self) -> bytes:
        async with asyncio.timeout(SOON):
            return await self._reader.readline()

    async def rest(self) -> bytes:
        """All that comes before the end."""
        async with asyncio.timeout(SOON):
            return await self._reader.read()

    def end(self) -> None:
        self._writer.write_eof()


@asynccontextmanager
async def client(r: Running, host: str = "127.0.0.1") -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(host, r.port("p"))
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


def socks5(host: str, port: int) -> bytes:
    return client_greeting() + client_request(parse_target(f"{host}:{port}"))


def socks4(host: str, port: int) -> bytes:
    return b"\x04\x01" + port.to_bytes(2, "big") + b"\0\0\0\x01me\0" + host.encode() + b"\0"


def connect(host: str, port: int) -> bytes:
    return f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(
    ("ask", "size"), [(socks5, 2 + 10), (socks4, 8), (connect, len(b"HTTP/1.1 200 Connection established\r\n\r\n"))]
)
def test_every_protocol_reaches_a_server_by_name_and_by_address(ask, size: int, host: str) -> None:  # noqa: ANN001
    async def scenario() -> None:
        async with running(proxy()) as r, client(r, "::1") as c:
            c.say(ask(host, r.behind) + b"early\n")
            answer = await c.hear(size)
            assert answer[:2] in {b"\x05\x00", b"\x00\x5a", b"HT"}
            assert await c.line() == b"you: early\n"
            c.say(b"late\n")
            assert await c.line() == b"you: late\n"
            assert r.gateway.port_named("p").connections == 1
            c.end()
            assert await c.rest() == b""
            await ended(r, "p", 0)

    run(scenario)


def test_a_client_that_sends_byte_by_byte_is_served_too() -> None:
    async def scenario() -> None:
        async with running(proxy()) as r, client(r) as c:
            for byte in socks5("localhost", r.behind):
                c.say(bytes((byte,)))
                await asyncio.sleep(0)
            assert (await c.hear(12))[2:4] == b"\x05\x00"

    run(scenario)


def test_a_plain_request_goes_on_in_origin_form_and_closes() -> None:
    async def scenario() -> None:
        async with running(proxy()) as r, client(r) as c:
            c.say(
                f"POST http://localhost:{r.behind}/a?b HTTP/1.1\r\nHost: elsewhere\r\nProxy-Connection: keep-alive\r\n"
                "Connection: X-Own, Content-Length\r\nX-Own: 1\r\nX-Kept: 2\r\nContent-Length: 4\r\n\r\nbody".encode()
            )
            c.end()
            got = (await c.rest()).replace(b"you: ", b"")
            assert got == (
                f"POST /a?b HTTP/1.1\r\nHost: localhost:{r.behind}\r\nX-Kept: 2\r\nContent-Length: 4\r\n"
                "Via: 1.1 dualstack\r\nConnection: close\r\n\r\nbody".encode()
            )

    run(scenario)


USERS = '{ann = "secret"}'


def login(text: bytes) -> bytes:
    return b"Proxy-Authorization: Basic " + base64.b64encode(text) + b"\r\n"


def test_users_show_their_passwords() -> None:
    async def scenario() -> None:
        async with running(proxy(users=USERS)) as r:
            async with client(r) as c:
                c.say(b"\x05\x01\x02\x01\x03ann\x06secret" + socks5("127.0.0.1", r.behind)[3:])
                assert (await c.hear(14))[:6] == b"\x05\x02\x01\x00\x05\x00"
            async with client(r) as c:
                c.say(connect("127.0.0.1", r.behind)[:-2] + login(b"ann:secret") + b"\r\n")
                assert b" 200 " in await c.line()
            refused = {
                b"\x05\x01\x02\x01\x03ann\x03bad": b"\x05\x02\x01\x01",
                b"\x05\x01\x02\x01\x03bob\x06secret": b"\x05\x02\x01\x01",
                socks5("127.0.0.1", r.behind): b"\x05\xff",
                socks4("localhost", r.behind): b"\x00\x5d" + bytes(6),
            }
            for said, answer in refused.items():
                async with client(r) as c:
                    c.say(said)
                    c.end()
                    assert await c.rest() == answer
            for wrong in (b"", login(b"ann:bad"), login(b"ann"), b"Proxy-Authorization: Basic ?\r\n"):
                async with client(r) as c:
                    c.say(connect("127.0.0.1", r.behind)[:-2] + wrong + b"\r\n")
                    c.end()
                    assert b"407 Proxy Authentication Required\r\nProxy-Authenticate: Basic" in await c.rest()
            assert len(r.events.of("refused")) == 8
            await ended(r, "p", 0)

    run(scenario)


def test_without_rules_the_loopback_alone_is_served_and_goes_anywhere() -> None:
    async def scenario() -> None:
        async with running(proxy()) as r:
            upstream = r.gateway.services["p"].upstream
            assert upstream.service.access == ("allow 127.0.0.0/8", "allow ::1")
            assert upstream.reach is None
            assert r.gateway.services["p"].admission.refusal(("192.0.2.1", 9), "192.0.2.1") == "no rule allows it"
            assert r.gateway.services["p"].admission.refusal(("::ffff:127.0.0.1", 9, 0, 0), "x") is None

    run(scenario)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "[64:ff9b::7f00:1]"]
)
def test_once_others_are_admitted_only_the_public_is_in_reach(host: str) -> None:
    async def scenario() -> None:
        async with running(proxy(access='["allow any"]')) as r:
            for said, answer in ((socks5, b"\x05\x00\x05\x02"), (connect, b"HTTP/1.1 403 Forbidden")):
                async with client(r) as c:
                    c.say(said(host, r.behind))
                    c.end()
                    assert (await c.rest()).startswith(answer)
            assert [str(line["why"]).count("no rule allows it") > 0 for line in r.events.of("refused")] == [True] * 2

    run(scenario)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::ffff:0.0.0.0]", "127.0.0.1", "[::ffff:7f00:1]"])
def test_a_denied_loopback_is_not_reached_by_the_unspecified_address(host: str) -> None:
    async def scenario() -> None:
        async with running(proxy(reach='["deny 127.0.0.0/8", "allow any"]')) as r, client(r) as c:
            c.say(socks5(host, r.behind))
            c.end()
            assert (await c.rest())[2:4] == b"\x05\x02"
            (refused,) = r.events.of("refused")
            assert "rule `deny 127.0.0.0/8` denies it" in str(refused["why"])
            assert (
                str(refused["target"])
                == f"{host.strip('[]').removeprefix('::ffff:').replace('7f00:1', '127.0.0.1')}:{r.behind}"
            )

    run(scenario)


def test_a_name_is_judged_address_by_address() -> None:
    async def scenario() -> None:
        async with running(proxy(reach='["deny ::1", "allow any"]')) as r, client(r) as c:
            c.say(socks5("localhost", r.behind) + b"x\n")
            assert (await c.hear(12))[2:4] == b"\x05\x00"
            assert await c.line() == b"you: x\n"

    run(scenario)


def test_what_cannot_be_reached_is_told_in_the_words_of_the_protocol() -> None:
    async def scenario() -> None:
        async with running(proxy(connect_timeout="0.3")) as r:
            with Servers() as servers:
                servers.silent("127.0.0.9")
                cases = [
                    ("127.0.0.1", free_port(), b"\x05", b"502"),
                    ("does-not-exist.invalid", 80, b"\x04", b"502"),
                    ("127.0.0.9", servers.port, b"\x04", b"504"),
                    ("[fe80::1]", 80, b"\x01", b"502"),
                ]
                for host, port, reply, status in cases:
                    async with client(r) as c:
                        c.say(socks5(host, port))
                        c.end()
                        assert (await c.rest())[2:4] == b"\x05" + reply, host
                    async with client(r) as c:
                        c.say(connect(host, port))
                        c.end()
                        assert (await c.rest())[9:12] == status, host
            assert len(r.events.of("unreached")) == 8
            await ended(r, "p", 0)

    run(scenario)


def test_links_say_who_dials_for_a_forward_proxy_too() -> None:
    async def scenario() -> None:
        text = proxy() + "[ports.p6]\nbind = '::1'\n[[links]]\nto = 'localhost'\nports = ['p6']\n"
        async with running(text) as r, client(r) as c:
            c.say(socks5("localhost", r.behind))
            c.end()
            assert (await c.rest())[2:3] == b"\x05"
            assert "::1" in str(r.events.of("unreached")[0]["why"])

    run(scenario)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"\x16\x03\x01", b""),
        (b"\x00", b""),
        (b"", b""),
        (b"\x05\x01", b""),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET http://a/#b HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET http://0177.1/ HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET http://a/ HTTP/2.0\r\nHost: a\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET http://a/ HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET  http://a/\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (
            b"POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 400 Bad Request",
        ),
        (b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"CONNECT *:1 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"CONNECT a:0 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"CONNECT " + b"a" * 70000, b"HTTP/1.1 431 Request Header Fields Too Large"),
    ],
)
def test_a_wrong_request_gets_an_answer_or_a_close(said: bytes, answer: bytes) -> None:
    async def scenario() -> None:
        async with running(proxy()) as r:
            async with client(r) as c:
                c.say(said)
                c.end()
                assert (await c.rest()).startswith(answer)
            await ended(r, "p", 0)
            assert len(r.events.of("refused")) == 1

    run(scenario)


def test_protocols_that_are_not_served_are_refused() -> None:
    async def scenario() -> None:
        for forward, said, answer in (
            ('["socks5"]', b"\x04\x01", b""),
            ('["socks4a"]', b"\x05\x01\x00", b""),
            ('["socks5"]', b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", b""),
            ('["http"]', b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 501"),
            ('["http-connect"]', b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 501"),
        ):
            async with running(proxy(forward=forward)) as r, client(r) as c:
                c.say(said)
                c.end()
                assert (await c.rest()).startswith(answer)

    run(scenario)


def test_a_client_that_says_nothing_is_let_go_of_and_counts_until_then() -> None:
    async def scenario() -> None:
        async with running(proxy(max_per_client="1")) as r:
            async with client(r) as first:
                first.say(b"\x05")
                async with client(r) as second:
                    assert await second.rest() == b""
                assert r.events.of("refused")[0]["why"] == "max_per_client: 1"
                assert await r.gateway.stop_port("p", drain_s=0) == 1
                with pytest.raises(ConnectionResetError):
                    await first.rest()
            assert r.gateway.port_named("p").connections == 0

    run(scenario)


def test_the_deadline_of_a_handshake_is_kept() -> None:
    async def scenario() -> None:
        async def never(_: object) -> socket.socket:
            raise AssertionError("nothing was asked for")

        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            theirs.send(b"\x05\x01")
            with pytest.raises(Rejected, match=r"no request within 0\.01 s"):
                await arrange(ours, ForwardTarget((ProxyProtocol.SOCKS5,)), never, within_s=0.01)

    run(scenario)


def test_a_client_that_leaves_while_its_server_is_dialled_costs_nothing() -> None:
    async def scenario() -> None:
        from dualstack.core.address.endpoint import Endpoint

        ours, theirs = socket.socketpair()

        async def dial(_: Endpoint) -> socket.socket:
            theirs.close()
            server = socket.create_connection(("127.0.0.1", listener.getsockname()[1]))
            dialled.append(server)
            return server

        dialled: list[socket.socket] = []
        with ours, theirs, socket.create_server(("127.0.0.1", 0)) as listener:
            ours.setblocking(False)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            theirs.send(socks5("127.0.0.1", 9))
            with pytest.raises(Rejected, match="the client left"):
                await arrange(ours, ForwardTarget((ProxyProtocol.SOCKS5,)), dial, within_s=SOON)
            assert dialled[0].fileno() == -1

    run(scenario)


def test_the_rules_of_a_forward_proxy_are_those_that_access_asks_of(tmp_path, run) -> None:  # noqa: ANN001
    path = tmp_path / "g.toml"
    path.write_text(proxy(access='["allow 10.0.0.0/8"]'))
    for arguments, code in ((("--reach", "127.0.0.1"), 1), (("--reach", "8.8.8.8"), 0), (("10.1.1.1",), 0)):
        assert run("access", "--config", str(path), "--service", "p", *arguments)[0] == code


class Changing:
    """A resolver whose name has another address each time."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = list(addresses)

    def getaddrinfo(self, _host: bytes, _port: object, family: int, *_hints: int) -> list[object]:
        if family != socket.AF_INET:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self._addresses.pop(0), 0))]

    def getnameinfo(self, *_arguments: object) -> tuple[str, str]:
        raise NotImplementedError


def test_a_name_that_changes_its_answer_is_dialled_where_it_was_judged() -> None:
    async def scenario() -> None:
        with Servers() as servers:
            servers.accept("127.0.0.9", "127.0.0.1")
            async with running(proxy(reach='["allow 127.0.0.9"]')) as r:
                upstream = r.gateway.services["p"].upstream
                resolver = Changing("127.0.0.9", "127.0.0.1")
                object.__setattr__(upstream, "dialer", replace(upstream.dialer, resolver=resolver))
                for reply in (b"\5\0", b"\5\2"):
                    async with client(r) as c:
                        c.say(socks5("rebinding.example", servers.port))
                        assert (await c.hear(12))[2:4] == reply
                servers.peer("127.0.0.9")
                servers.listening["127.0.0.1"].setblocking(False)
                with pytest.raises(BlockingIOError):
                    servers.listening["127.0.0.1"].accept()

    run(scenario)


def test_a_client_that_resets_before_its_request_is_over_is_let_go_of() -> None:
    async def scenario() -> None:
        async with running(proxy()) as r:
            sock = socket.create_connection(("127.0.0.1", r.port("p")))
            sock.send(b"\5\1\0")
            assert await asyncio.to_thread(sock.recv, 2) == b"\5\0"
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
            while not r.events.of("refused"):  # noqa: ASYNC110 - the gateway has no event for it
                await asyncio.sleep(0)
            assert "the client left: Connection reset" in str(r.events.of("refused")[0]["why"])
            await ended(r, "p", 0)

    run(scenario)
