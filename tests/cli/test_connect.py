"""`dualstack connect` as a process: pipes, steps, TLS, exit codes, JSON (U8, U10, B2)."""

import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support.dialling import Servers
from support.program import DUALSTACK, Dualstack, Program, dualstack
from support.tls import CERTIFICATE, server_context

IAC, DO, WONT = 255, 253, 252


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Servers() as made:
        yield made


def piped(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The command with a pipe at each end."""
    command = [*DUALSTACK, "connect", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, check=False, timeout=60)


@contextmanager
def served(servers: Servers, address: str, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """One connection to `address` is served meanwhile."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with servers.peer(address) as peer:
                serve(peer)
        except BaseException as error:  # noqa: BLE001 - the test's own thread raises it
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join(60)
    if failed:
        raise failed[0]


def test_daytime_and_echo_tell_lookup_from_connect() -> None:
    """Stevens, exercise 11.10."""
    with Dualstack("listen", "localhost:0", "--serve", "daytime") as server:
        done = piped("localhost", server.port, "-v")
    assert done.returncode == 0
    assert done.stdout.endswith(b"\r\n")
    told = done.stderr.decode().splitlines()
    phases = [line.split()[2] for line in told if line.startswith("  ")]
    assert phases == ["lookup", "lookup", "sort", "connect", "connect"]
    assert told[-1] == "Connected to localhost (::1)."
    with Dualstack("listen", "127.0.0.1:0", "--serve", "echo") as server:
        done = piped("localhost", server.port, given=b"hello\r\n\xff")
    assert (done.returncode, done.stdout) == (0, b"hello\r\n\xff")
    assert done.stderr.decode().splitlines() == [
        "Trying ::1...",
        "Trying 127.0.0.1...",
        "Connected to localhost (127.0.0.1).",
    ]


def test_a_large_pipe_comes_back_byte_for_byte(tmp_path: Path) -> None:
    sent = bytes(range(256)) * 4096
    request = tmp_path / "request"
    request.write_bytes(sent)
    with Dualstack("listen", "[::1]:0", "--serve", "echo") as server, request.open("rb") as file:
        command = [*DUALSTACK, "connect", f"[::1]:{server.port}"]
        done = subprocess.run(command, stdin=file, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0
    assert done.stdout == sent


def test_a_telnet_servers_options_are_refused_politely(servers: Servers) -> None:
    servers.accept("127.0.0.1")

    def serve(peer: socket.socket) -> None:
        peer.sendall(bytes([IAC, DO, 24]) + b"login: ")
        assert peer.recv(3, socket.MSG_WAITALL) == bytes([IAC, WONT, 24])
        peer.sendall(b"\r\nbye\r\n")

    with served(servers, "127.0.0.1", serve), Program(*DUALSTACK, "connect", "127.0.0.1", str(servers.port)) as client:
        assert client.wait() == 0
        assert client.out.rest() == "login: \nbye"


def test_raw_answers_nothing(servers: Servers) -> None:
    servers.accept("127.0.0.1")
    with served(servers, "127.0.0.1", lambda peer: peer.sendall(bytes([IAC, DO, 24]))):
        assert piped("127.0.0.1", servers.port, "--raw").stdout == bytes([IAC, DO, 24])


@pytest.mark.parametrize("where", ["[::1]:{}", "::1 {}", "[::1] {}"])
def test_the_target_is_written_either_way(servers: Servers, where: str) -> None:
    servers.accept("::1")
    with served(servers, "::1", lambda peer: peer.sendall(b"x")):
        done = piped(*where.format(servers.port).split())
    assert (done.returncode, done.stdout) == (0, b"x")
    assert b"Connected to ::1 (::1)." in done.stderr


def test_an_international_name_is_connected_to_as_address_reads_it(servers: Servers) -> None:
    servers.accept("::1")
    with served(servers, "::1", lambda peer: peer.sendall(b"x")):
        done = piped(f"stra\u00dfe.localhost:{servers.port}")
    assert (done.returncode, done.stdout) == (0, b"x")
    assert b"Connected to xn--strae-oqa.localhost (::1)." in done.stderr


def test_tls(servers: Servers, tmp_path: Path) -> None:
    servers.accept("127.0.0.1")
    ca = tmp_path / "ca.pem"
    ca.write_text(CERTIFICATE)

    def serve(peer: socket.socket) -> None:
        with server_context().wrap_socket(peer, server_side=True) as tls:
            assert tls.recv(64) == b"hello\n"
            tls.sendall(b"welcome\n")
            with suppress(OSError):
                tls.unwrap()

    with served(servers, "127.0.0.1", serve):
        done = piped("localhost", servers.port, "-4", "--tls", "--ca", ca, given=b"hello\n")
    assert (done.returncode, done.stdout) == (0, b"welcome\n")


def test_a_certificate_that_nobody_vouches_for(servers: Servers) -> None:
    servers.accept("127.0.0.1")

    def serve(peer: socket.socket) -> None:
        with pytest.raises(ssl.SSLError):
            server_context().wrap_socket(peer, server_side=True)

    with served(servers, "127.0.0.1", serve):
        done = piped("localhost", servers.port, "-4", "--tls")
    assert done.returncode == 69
    assert b"certificate verify failed" in done.stderr


def test_a_connection_that_is_reset(servers: Servers) -> None:
    servers.accept("127.0.0.1")

    def serve(peer: socket.socket) -> None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with served(servers, "127.0.0.1", serve):
        done = piped("127.0.0.1", servers.port)
    assert done.returncode == 69
    assert b"reset" in done.stderr


def test_json_tells_all_and_closes(servers: Servers) -> None:
    servers.accept("127.0.0.1")
    with served(servers, "127.0.0.1", lambda peer: peer.recv(1)):
        done = piped("localhost", servers.port, "--json", "--source", "127.0.0.5")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert done.stderr == b""
    assert list(document) == ["version", "connected", "peer", "local", "family", "elapsed_s", "events", "error"]
    assert (document["connected"], document["peer"], document["local"]) == (True, "127.0.0.1", "127.0.0.5")
    assert (document["family"], document["error"]) == (4, None)
    assert [event["kind"] for event in document["events"]][-2:] == ["attempt", "connected"]
    assert "filtered" in {event["kind"] for event in document["events"]}


def test_json_of_a_failure(servers: Servers) -> None:
    servers.accept("127.0.0.9")
    done = piped("::1", servers.port, "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 69
    assert (document["connected"], document["peer"], document["family"]) == (False, None, None)
    assert "Connection refused" in document["error"]
    assert [event["kind"] for event in document["events"]] == ["attempt", "failed"]


BAD_INPUT = [
    (["", "80"], 78, "the host is empty"),
    (["::1", "70000"], 78, "over 65535"),
    (["::1", "0"], 78, "1 to 65535"),
    (["::1:80"], 78, "no port"),
    (["mail.example"], 78, "no port"),
    (["fe80::1", "80"], 78, "without its interface"),
    (["fe80::1%no-such", "80"], 78, "there is no interface no-such"),
    (["0x7f.1", "80"], 78, "hex form"),
    (["::1", "80", "-4"], 69, "IPv4 alone is asked for"),
    (["::1", "80", "--source", "127.0.0.1"], 69, "IPv4 alone can be dialled from 127.0.0.1"),
    (["::1", "80", "--source", "here"], 78, "IPv4"),
    (["::1", "80", "--access", "allow public"], 77, "no rule allows it"),
    (["::1", "80", "--access", "nonsense"], 78, "access rule"),
    (["::1", "80", "--nat64", "::/7"], 78, "NAT64"),
    (["::1", "80", "--timeout", "0"], 75, "past already"),
    (["::1", "80", "--timeout", "x"], 2, "not a number of seconds"),
    (["::1", "80", "-4", "-6"], 2, "-4 and -6"),
    (["name-that-is-not.invalid", "80", "--timeout", "20"], None, "name-that-is-not.invalid"),
    (["::1", "80", "--interface", "no-such0"], 69, "No such device"),
]


@pytest.mark.parametrize(("arguments", "code", "why"), BAD_INPUT)
def test_bad_input_is_one_clear_line(arguments: list[str], code: int | None, why: str) -> None:
    done = dualstack("connect", *arguments)
    # Without a name server of its own the test cannot know which of the two a resolver says.
    assert done.returncode in ({69, 75} if code is None else {code})
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    if code != 2:
        assert done.stderr.splitlines()[-1].startswith("dualstack: ")
    assert done.stdout == ""


def test_it_is_a_client_at_a_terminal(servers: Servers) -> None:
    """In line mode, each line with CR LF, and a word at the end (RFC 854)."""
    import pty

    servers.accept("127.0.0.1")

    def serve(peer: socket.socket) -> None:
        assert peer.recv(7, socket.MSG_WAITALL) == b"hello\r\n"

    ours, theirs = pty.openpty()
    with served(servers, "127.0.0.1", serve), os.fdopen(ours, "wb", 0) as keyboard, os.fdopen(theirs, "rb") as terminal:
        command = [*DUALSTACK, "connect", "127.0.0.1", str(servers.port)]
        client = subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        keyboard.write(b"hello\n")
        _, said = client.communicate(timeout=60)
    assert client.returncode == 0
    assert said.splitlines()[-1] == b"Connection closed by the server."
