"""What users pass to `asyncio.open_connection` and `asyncio.start_server` they may pass to ours, and it is heard."""

import asyncio
import enum
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import closing

import pytest

import dualstack
from support.dialling import Servers, nothing_left_open
from support.tls import client_context, server_context


async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with closing(writer):
        await reader.read()


class Port(enum.IntEnum):
    ANY = 0


def peer_of(host: str | None, port: int, **options: object) -> tuple[str, str]:
    """The addresses of both ends of a connection."""

    async def connect() -> tuple[str, str]:
        _, writer = await dualstack.open_connection(host, port, timeout=20, **options)
        with closing(writer):
            return writer.get_extra_info("peername")[0], writer.get_extra_info("sockname")[0]

    return asyncio.run(connect())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"family": socket.AF_INET}, ("127.0.0.1", "127.0.0.1")),
        ({"family": socket.AF_INET6}, ("::1", "::1")),
        ({"family": socket.AF_UNSPEC, "proto": socket.IPPROTO_TCP}, ("::1", "::1")),
        ({"local_addr": ("127.0.0.7", 0)}, ("127.0.0.1", "127.0.0.7")),
        ({"flags": socket.AI_ADDRCONFIG}, ("::1", "::1")),
        ({"happy_eyeballs_delay": 0.25, "interleave": 1, "all_errors": True}, ("::1", "::1")),
    ],
)
def test_asyncios_words(options: dict[str, object], expected: tuple[str, str]) -> None:
    with Servers() as servers:
        servers.accept("127.0.0.1", "::1")
        assert peer_of("localhost", servers.port, **options) == expected
        assert peer_of(None, servers.port, **options) == expected


def test_the_attempt_delay_is_the_callers() -> None:
    with Servers() as servers:
        servers.silent("127.0.0.2")
        servers.accept("127.0.0.3")
        steps: list[dualstack.DialStep] = []
        hosts = ["127.0.0.2", "127.0.0.3"]
        dialer = dualstack.Dialer(history=None, attempt_delay=60)
        found = peer_of(hosts, servers.port, happy_eyeballs_delay=0.02, dialer=dialer, on_step=steps.append)
        assert found[0] == "127.0.0.3"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"server_hostname": "x"}, "server_hostname is only meaningful with ssl"),
        ({"ssl_handshake_timeout": 1}, "ssl_handshake_timeout is only meaningful with ssl"),
        ({"ssl_shutdown_timeout": 1}, "ssl_shutdown_timeout is only meaningful with ssl"),
        ({"proto": socket.IPPROTO_UDP}, "a connection is TCP's"),
        ({"family": 5}, "family 5"),
        ({"sock": object()}, "give either"),
    ],
)
def test_arguments_that_exclude_each_other_say_so(options: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        peer_of("localhost", 1, **options)


def test_a_name_is_not_looked_up_where_the_flags_forbid_it() -> None:
    with pytest.raises(dualstack.LookupFailed) as caught:
        peer_of("localhost", 1, flags=socket.AI_NUMERICHOST)
    assert caught.value.errno == socket.EAI_NONAME


def test_all_errors_are_a_group_where_they_are_asked_for() -> None:
    with Servers() as servers:
        servers.accept("127.0.0.9")
        for options in ({}, {"ssl": client_context()}):
            with nothing_left_open(), pytest.raises(ExceptionGroup) as caught:
                peer_of("localhost", servers.port, all_errors=True, **options)
            refused, others = caught.value.split(ConnectionRefusedError)
            assert (len(refused.exceptions), others) == (2, None)


def test_a_socket_that_is_connected_needs_no_race() -> None:
    async def exchange() -> bytes:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            sock = await dualstack.connect(*listener.getsockname())
            reader, writer = await dualstack.open_connection(sock=sock)
            with closing(writer), listener.accept()[0] as peer:
                peer.send(b"hello")
                return await reader.readexactly(5)

    assert asyncio.run(exchange()) == b"hello"


def test_a_handshake_has_the_callers_limit() -> None:
    async def connect(port: int) -> None:
        await dualstack.open_connection("::1", port, ssl=client_context(), ssl_handshake_timeout=0.05)

    with Servers() as servers:
        servers.accept("::1")  # which never says a word of TLS
        with nothing_left_open(), pytest.raises(dualstack.DialError, match=r"handshake is taking longer than 0\.05"):
            asyncio.run(connect(servers.port))


def test_an_argument_that_no_handshake_can_have_is_seen() -> None:
    async def connect(port: int) -> None:
        await dualstack.open_connection("::1", port, ssl=client_context(), ssl_handshake_timeout=-1)

    with Servers() as servers:
        servers.accept("::1")
        with nothing_left_open(), pytest.raises(ValueError, match="ssl_handshake_timeout"):
            asyncio.run(connect(servers.port))


def test_a_certificate_that_is_not_believed_is_an_ssl_error_with_its_reason() -> None:
    async def connect(hosts: object) -> None:
        async with await dualstack.start_server(wait, "localhost:0", ssl=server_context()) as server:
            port = server.sockets[0].getsockname()[1]
            await dualstack.open_connection(hosts, port, ssl=ssl.create_default_context(), server_hostname="localhost")

    for hosts in ("127.0.0.1", ["::1", "127.0.0.1"]):
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            asyncio.run(connect(hosts))
        error = caught.value
        assert isinstance(error, dualstack.DialCertificateRefused)
        assert (error.verify_code, error.reason) == (18, "CERTIFICATE_VERIFY_FAILED"), (
            "X509_V_ERR_DEPTH_ZERO_SELF_SI..."
        )
        assert {attempt.__cause__.verify_code for _, attempt in error.attempts} == {18}
        assert "CERTIFICATE_VERIFY_FAILED" in str(error)
        assert error.steps[-1].kind == "failed"


def test_another_handshake_that_fails_is_an_ssl_error() -> None:
    async def answer_plainly(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def connect() -> None:
        async with await dualstack.start_server(answer_plainly, "127.0.0.1:0") as server:
            port = server.sockets[0].getsockname()[1]
            await dualstack.open_connection("127.0.0.1", port, ssl=client_context())

    with pytest.raises(ssl.SSLError) as caught:
        asyncio.run(connect())
    assert isinstance(caught.value, dualstack.DialHandshakeFailed)
    assert not isinstance(caught.value, ssl.SSLCertVerificationError)
    assert caught.value.reason


def test_where_not_all_attempts_agree_it_is_no_ssl_error() -> None:
    async def connect() -> None:
        async with await dualstack.start_server(wait, "127.0.0.1:0", ssl=server_context()) as server:
            port = server.sockets[0].getsockname()[1]
            context = ssl.create_default_context()
            await dualstack.open_connection(["127.0.0.1", "127.0.0.2"], port, ssl=context, server_hostname="localhost")

    with pytest.raises(dualstack.DialError) as caught:
        asyncio.run(connect())
    assert not isinstance(caught.value, ssl.SSLError)
    causes = [type(attempt.__cause__) for _, attempt in caught.value.attempts]
    assert causes == [ssl.SSLCertVerificationError, type(None)]


@pytest.mark.parametrize(
    ("arguments", "options", "addresses"),
    [
        (("127.0.0.1", 0), {}, ["127.0.0.1"]),
        (("::1", Port.ANY), {}, ["::1"]),
        ((["127.0.0.1", "::1"], 0), {}, ["127.0.0.1", "::1"]),
        ((None, 0), {}, ["0.0.0.0", "::"]),
        (("", 0), {}, ["0.0.0.0", "::"]),
        ((), {"host": "127.0.0.1", "port": 0}, ["127.0.0.1"]),
        ((Port.ANY,), {}, ["0.0.0.0", "::"]),
        (("localhost", 0), {"family": socket.AF_INET}, ["127.0.0.1"]),
        (("localhost", 0), {"family": socket.AF_INET6}, ["::1"]),
    ],
)
def test_a_server_takes_host_and_port_as_asyncios_does(
    arguments: tuple[object, ...], options: dict[str, object], addresses: list[str]
) -> None:
    async def serve() -> list[str]:
        async with await dualstack.start_server(hang_up, *arguments, **options) as server:
            assert server.get_loop() is asyncio.get_running_loop()
            return sorted(sock.getsockname()[0] for sock in server.sockets)

    assert asyncio.run(serve()) == addresses


@pytest.mark.parametrize(
    ("arguments", "options"),
    [((), {}), (("*:0",), {"host": "*"}), (("*:0",), {"sock": object()}), ((), {"port": 0, "sock": object()})],
)
def test_a_server_of_nothing_or_of_two_things_is_refused(
    arguments: tuple[object, ...], options: dict[str, object]
) -> None:
    async def serve() -> None:
        await dualstack.start_server(hang_up, *arguments, **options)

    with nothing_left_open(), pytest.raises(ValueError, match=r"give either|nothing says what to open"):
        asyncio.run(serve())


def test_a_server_on_a_socket_that_is_open() -> None:
    async def serve(listener: socket.socket) -> bytes:
        async with await dualstack.start_server(hang_up, sock=listener):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            with closing(writer):
                return await reader.read()

    assert asyncio.run(serve(dualstack.bind_socket("127.0.0.1:0"))) == b""


@pytest.mark.parametrize("end", [dualstack.Server.close_clients, dualstack.Server.abort_clients])
def test_a_servers_connections_are_ended_when_it_is_told_to(end: Callable[[dualstack.Server], None]) -> None:
    async def serve() -> list[bytes | type[Exception]]:
        came: asyncio.Queue[None] = asyncio.Queue()

        async def noting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.put_nowait(None)
            await wait(reader, writer)

        server = await dualstack.start_server(noting, "localhost:0")
        ends = [await asyncio.open_connection(*sock.getsockname()[:2]) for sock in server.sockets]
        for _ in ends:
            await came.get()
        server.close()
        end(server)
        found = await asyncio.gather(*(reader.read() for reader, _ in ends), return_exceptions=True)
        for _, writer in ends:
            writer.close()
        return [each if isinstance(each, bytes) else type(each) for each in found]

    assert set(asyncio.run(serve())) <= {b"", ConnectionResetError}


def test_a_servers_handshake_has_the_callers_limit() -> None:
    async def serve() -> bytes:
        server = await dualstack.start_server(wait, "127.0.0.1:0", ssl=server_context(), ssl_handshake_timeout=0.05)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            with closing(writer):
                return await reader.read()  # nothing of TLS is said

    assert asyncio.run(serve()) == b""


def test_a_dialler_takes_the_same() -> None:
    async def connect(port: int) -> Awaitable[object]:
        dialer = dualstack.Dialer(history=None)
        _, writer = await dialer.open_connection("localhost", port, family=socket.AF_INET, local_addr="127.0.0.7")
        with closing(writer):
            return writer.get_extra_info("sockname")[0]

    with Servers() as servers:
        servers.accept("127.0.0.1", "::1")
        assert asyncio.run(connect(servers.port)) == "127.0.0.7"


def test_a_program_may_put_ours_in_the_place_of_asyncios(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (asyncio, asyncio.streams):
        monkeypatch.setattr(module, "start_server", dualstack.start_server)
        monkeypatch.setattr(module, "open_connection", dualstack.open_connection)
    monkeypatch.setattr(socket, "create_connection", dualstack.create_connection)

    async def exchange() -> bytes:
        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            where = server.sockets[0].getsockname()
            socket.create_connection(where).close()
            reader, writer = await asyncio.open_connection(*where)
            with closing(writer):
                return await reader.read()

    assert asyncio.run(exchange()) == b""
