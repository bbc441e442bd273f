"""What `docs/how-to/in-your-server.md` tells a user to write, with the real servers: both families, unmapped (N8)."""

import http.client
import os
import signal
import sys
from http.client import HTTPException
from pathlib import Path

import pytest

from support.dialling import Servers
from support.pages import blocks
from support.program import Program, until

BLOCKS = blocks("how-to/in-your-server.md")

# Whoever asks is told who it is, as the program sees it.
HELLO = """
from http.server import BaseHTTPRequestHandler
from socketserver import StreamRequestHandler

HEAD = b"HTTP/1.0 200 OK\\r\\n\\r\\n"


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["client"][0].encode()})


def wsgi(environ, start_response):
    start_response("200 OK", [])
    return [environ["REMOTE_ADDR"].encode()]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode())


class Greeting(StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(HEAD + self.client_address[0].encode())


async def greet(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(HEAD + writer.get_extra_info("peername")[0].encode())
    writer.close()
"""

# No socket in the home of whoever runs the tests; a gunicorn that has none knows no such name, and ignores it.
QUIET = "control_socket_disable = True\n"


def asked(address: str, port: int) -> str:
    """What the server says that `address` is; nothing where it does not answer."""
    connection = http.client.HTTPConnection(address, port, timeout=20)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except (OSError, HTTPException):
        return ""
    finally:
        connection.close()


def both_are_served(port: int) -> None:
    """Each family gets an answer, and is seen as what it is."""
    for address in ("127.0.0.1", "::1"):
        until(lambda address=address: asked(address, port), lambda address=address: f"no answer at {address}")
        assert asked(address, port) == address


class Server(Program):
    """A block of the page, run as the page says, in a directory where `hello` is."""

    def __init__(self, name: str, directory: Path) -> None:
        self.port = Servers().port
        (directory / "hello.py").write_text(HELLO)
        code = BLOCKS[name].replace("8080", str(self.port))
        script = directory / ("gunicorn.conf.py" if name == "gunicorn" else "main.py")
        script.write_text(f"import sys\n\nsys.path.insert(0, {str(directory)!r})\n{code}\n{QUIET}")
        argv = ["-m", "gunicorn", "-c", script, "hello:wsgi"] if name == "gunicorn" else [script]
        super().__init__(sys.executable, *argv)


@pytest.mark.parametrize("name", BLOCKS)
def test_what_the_page_tells_serves_both_families_as_what_they_are(name: str, tmp_path: Path) -> None:
    with Server(name, tmp_path) as server:
        both_are_served(server.port)
        if name in {"http.server, socketserver", "http.server, socketserver 2", "asyncio"}:
            server.send_signal(signal.SIGINT)
            server.wait()


def tell(server: Server, number: signal.Signals, answer: str) -> None:
    """Send a signal until its answer is logged, since gunicorn may drop one that comes as it starts."""

    def is_heard() -> bool:
        if any(answer in line for line in server.err.said):
            return True
        server.send_signal(number)
        return False

    until(is_heard, lambda: f"no {answer!r}")
    server.err.until(answer)


def is_gone(pid: int) -> bool:
    """Whether it has ended; where not, it is asked to, for the same reason."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return True
    return False


def test_gunicorn_keeps_its_sockets_when_it_is_told_to_read_its_configuration_again(tmp_path: Path) -> None:
    with Server("gunicorn", tmp_path) as server:
        both_are_served(server.port)
        tell(server, signal.SIGHUP, "Hang up")
        server.err.until("Booting worker")
        both_are_served(server.port)


def test_gunicorns_successor_inherits_its_sockets(tmp_path: Path) -> None:
    with Server("gunicorn", tmp_path) as server:
        server.err.until("Booting worker")
        tell(server, signal.SIGUSR2, "Handling signal: usr2")
        listening = server.err.until("Listening at")
        assert listening.count(f":{server.port}") == 2
        server.err.until("Booting worker")
        both_are_served(server.port)
        successor = int(listening.rpartition("(")[2].rstrip(")"))
        until(lambda: is_gone(successor), lambda: f"{successor} is still there")
        both_are_served(server.port)


def test_the_page_has_a_block_for_each_server() -> None:
    assert len(BLOCKS) == 8
