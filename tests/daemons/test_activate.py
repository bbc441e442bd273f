"""Real servers that `dualstack activate` starts: each answers both families, and sees each client as it is."""

import socket
import sys
import urllib.request
from pathlib import Path

import pytest

from support.command import Run
from support.free_port import free_port
from support.program import DUALSTACK, Program, dualstack, until

NGINX = """
daemon off;
pid {directory}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen {port};
        listen [::]:{port};
        location / {{ return 200 "you are $remote_addr"; }}
    }}
}}
"""
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend web
    bind fd@3
    bind fd@4
    http-request return status 200 content-type text/plain lf-string "you are %[src]"
"""
ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": f"you are {scope['client'][0]}".encode()})
"""
WSGI = """
def app(environ, start):
    start("200 OK", [])
    return [f"you are {environ['REMOTE_ADDR']}".encode()]
"""


class Activated(Program):
    """`dualstack activate '*:PORT' -- SERVER`, from when clients of both families may connect."""

    def __init__(self, port: int, *argv: str | Path, options: tuple[str, ...] = ()) -> None:
        super().__init__(*DUALSTACK, "activate", f"*:{port}", *options, "--", *argv)
        self._port = port

    def _started(self) -> None:
        until(self._listens, lambda: "it does not listen")

    def _listens(self) -> bool:
        assert self.process.poll() is None
        try:
            for host in ("127.0.0.1", "::1"):
                socket.create_connection((host, self._port), timeout=20).close()
        except ConnectionRefusedError:
            return False
        return True

    def says(self, host: str) -> str:
        with urllib.request.urlopen(f"http://{host}:{self._port}/", timeout=20) as answer:
            return str(answer.read().decode())


@pytest.mark.daemon("nginx")
def test_nginx_answers_both_families(directory: Path) -> None:
    port = free_port()
    file = directory / "nginx.conf"
    file.write_text(NGINX.format(directory=directory, port=port))
    with Activated(port, "nginx", "-c", file) as nginx:
        assert nginx.says("127.0.0.1") == "you are 127.0.0.1"
        assert nginx.says("[::1]") == "you are ::1"
        assert "using inherited sockets" in nginx.err.until("inherited")


def test_uvicorn_takes_one_socket_of_both_families_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(ASGI)
    argv = (
        sys.executable,
        "-m",
        "uvicorn",
        "--app-dir",
        tmp_path,
        "--fd",
        "{fd}",
        "--log-level",
        "warning",
        "hello:app",
    )
    with Activated(free_port(), *argv, options=("--sockets", "single")) as uvicorn:
        assert uvicorn.says("127.0.0.1") == "you are ::ffff:127.0.0.1"
        assert uvicorn.says("[::1]") == "you are ::1"


@pytest.mark.daemon("haproxy")
def test_haproxy_takes_a_pair_by_their_numbers(directory: Path) -> None:
    file = directory / "haproxy.cfg"
    file.write_text(HAPROXY)
    with Activated(free_port(), "haproxy", "-db", "-f", file) as haproxy:
        assert haproxy.says("127.0.0.1") == "you are 127.0.0.1"
        assert haproxy.says("[::1]") == "you are ::1"


def test_hypercorn_takes_a_pair_by_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(ASGI)
    binds = ("--bind", "fd://{fd0}", "--bind", "fd://{fd1}")
    argv = (sys.executable, "-m", "hypercorn", *binds, "--log-level", "warning", f"{tmp_path}/hello:app")
    with Activated(free_port(), *argv) as hypercorn:
        assert hypercorn.says("127.0.0.1") == "you are 127.0.0.1"
        assert hypercorn.says("[::1]") == "you are ::1"


def test_gunicorn_takes_a_pair(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(WSGI)
    argv = (sys.executable, "-m", "gunicorn", "--chdir", tmp_path, "--log-level", "warning", "hello:app")
    with Activated(free_port(), *argv) as gunicorn:
        assert gunicorn.says("127.0.0.1") == "you are 127.0.0.1"
        assert gunicorn.says("[::1]") == "you are ::1"


def test_a_program_is_told_of_its_sockets_and_may_ask_for_their_numbers() -> None:
    script = 'echo "$LISTEN_FDS $LISTEN_FDNAMES $(test $LISTEN_PID = $$ && echo me) $NGINX $*"'
    words = ("activate", "localhost:0", "--udp", "127.0.0.1:0", "--name", "web", "--", "sh", "-c", script, "sh")
    told = dualstack(*words, "{fd}", "{fd2}", "{fds}", "-x")
    assert (told.stdout, told.returncode) == ("3 web:web:unknown me  3 5 3,4,5 -x\n", 0)


@pytest.mark.root
def test_a_program_runs_as_the_user_that_is_named() -> None:
    assert dualstack("activate", "127.0.0.1:0", "--user", "nobody", "--", "id", "-un").stdout == "nobody\n"


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["127.0.0.1:0"], 2, "what to run is missing"),
        (["127.0.0.1:0", "--"], 2, "what to run is missing"),
        (["--", "true"], 2, "where to listen is missing"),
        (["127.0.0.1:0", "--", "no-such-program"], 69, "no-such-program: there is no such program"),
        (["127.0.0.1:0", "--", "/etc/passwd"], 77, "may not be run"),
        (["127.0.0.1:0", "--", "echo", "{fd1}"], 78, "there are 1 sockets"),
        (["nonsense:x", "--", "true"], 78, "nonsense"),
        (["192.0.2.1:1", "--", "true"], 78, "no interface of this host has 192.0.2.1"),
        (["127.0.0.1:0", "--name", "a", "--name", "b", "--", "true"], 2, "2 names for 1 places"),
        (["127.0.0.1:0", "--name", "a:b", "--", "true"], 78, "no colon"),
    ],
)
def test_what_cannot_be_is_said(run: Run, words: list[str], code: int, why: str) -> None:
    ended, _, said = run("activate", *words)
    assert ended == code, said
    assert why in said


@pytest.mark.daemon("systemd-socket-activate")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_systemds_own_tool_starts_us_and_its_one_socket_serves_both_families(workers: str) -> None:
    """It opens what `ListenStream=PORT` does, and starts the program when the first client comes."""
    port = free_port()
    relay = (*DUALSTACK, "relay", f"*:{port}", "exec:/usr/bin/env", "--workers", workers)
    with Program("systemd-socket-activate", "--listen", str(port), *relay) as activated:
        activated.err.until("Listening on")
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port), timeout=20) as client:
                assert f"TCPREMOTEIP={host}\n" in client.makefile().readlines()
        assert "(IPv6 and IPv4)" in activated.out.until("listening on")
