"""A gateway that is stopped for longer than its idle timeout and goes on: who said something meanwhile was not idle."""

import select
import signal
import socket

import pytest

from support.echo import echo_server
from support.program import Dualstack, Program

IDLE_S = 0.5


def paused(program: Program, *silent: socket.socket) -> None:
    """Stop it until its idle timeouts are over, and nobody hears anything; then let it go on."""
    program.send_signal(signal.SIGSTOP)
    assert select.select(silent, [], [], IDLE_S * 2)[0] == []
    program.send_signal(signal.SIGCONT)


def test_a_connection_with_bytes_waiting_survives_the_pause_and_a_silent_one_does_not() -> None:
    with (
        echo_server() as behind,
        Dualstack("relay", "127.0.0.1:0", f"127.0.0.1:{behind}", "--idle-timeout", str(IDLE_S)) as relay,
        socket.create_connection(("127.0.0.1", relay.port), timeout=20) as talks,
        socket.create_connection(("127.0.0.1", relay.port), timeout=20) as silent,
    ):
        for client in (talks, silent):
            client.sendall(b"hello")
            assert client.recv(5) == b"hello"
        relay.send_signal(signal.SIGSTOP)
        talks.sendall(b"still")
        paused(relay, talks, silent)
        assert talks.recv(5) == b"still"
        with pytest.raises(ConnectionResetError):
            silent.recv(1)


def served(listening: socket.socket) -> socket.socket:
    """The server's end of a request that has come whole."""
    server, _ = listening.accept()
    server.settimeout(20)
    head = b""
    while b"\r\n\r\n" not in head:
        head += server.recv(4096)
    return server


def test_a_plain_request_whose_answer_waits_survives_the_pause_and_a_silent_one_does_not() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        Dualstack("proxy", "127.0.0.1:0", "--idle-timeout", str(IDLE_S)) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as asks,
        socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as silent,
    ):
        listening.settimeout(20)
        at = f"127.0.0.1:{listening.getsockname()[1]}"
        request = f"GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n".encode()
        asks.sendall(request)
        with served(listening) as answers:
            silent.sendall(request)
            with served(listening):
                proxy.send_signal(signal.SIGSTOP)
                answers.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                paused(proxy, asks, silent)
                assert asks.recv(100).startswith(b"HTTP/1.1 204 ")
                with pytest.raises(ConnectionResetError):
                    silent.recv(1)


def test_a_flow_of_datagrams_with_an_answer_waiting_survives_the_pause() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{server.getsockname()[1]}"
        with Dualstack("relay", "--udp", "127.0.0.1:0", target, "--idle-timeout", str(IDLE_S)) as relay:
            for sock in (server, client):
                sock.settimeout(20)
            client.connect(("127.0.0.1", relay.port))
            client.send(b"question")
            _, flow = server.recvfrom(100)
            relay.send_signal(signal.SIGSTOP)
            server.sendto(b"answer", flow)
            paused(relay, client)
            assert client.recv(100) == b"answer"
