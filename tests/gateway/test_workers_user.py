"""Rights: this process binds, and then neither it nor a worker has more than the user's."""

import os
import signal
import socket
from pathlib import Path

import pytest

from support.echo import echo_server
from support.load import connections_of, is_alive
from support.program import Dualstack, until


def uid_of(pid: int) -> int:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Uid:"))
    return int(line.split()[1])


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.root
def test_every_process_becomes_the_user_and_a_successor_is_no_other(tmp_path: Path) -> None:
    """The one that succeeds is forked: its user may not even be able to read the program's files."""
    import pwd

    nobody = pwd.getpwnam("nobody").pw_uid
    file = tmp_path / "gateway.toml"
    file.write_text(
        "user = 'nobody'\nworkers = 2\n[[services]]\nname = 'a'\nlisten = '127.0.0.1:0'\nto = 'exec:/usr/bin/id -un'\n"
    )
    with Dualstack("gateway", "--config", file, "--control", tmp_path / "c.sock") as gateway:
        (fork_server,) = children_of(gateway.pid)
        workers = children_of(fork_server)
        assert {uid_of(pid) for pid in (gateway.pid, fork_server, *workers)} == {nobody}
        os.kill(workers[0], signal.SIGKILL)
        gateway.err.until("worker started")
        until(lambda: len(children_of(fork_server)) == 2, lambda: "no successor")
        assert {uid_of(pid) for pid in children_of(fork_server)} == {nobody}
        assert connections_of(workers[1], gateway.port) == 0


def test_workers_of_a_gateway_that_was_killed_let_their_connections_end_and_end() -> None:
    with echo_server() as behind:
        target = f"127.0.0.1:{behind}"
        with Dualstack("relay", "127.0.0.1:0", target, "--workers", "2", "--quiet") as relay:
            (fork_server,) = children_of(relay.pid)
            workers = children_of(fork_server)
            with socket.create_connection(("127.0.0.1", relay.port), timeout=20) as client:
                client.sendall(b"hello")
                assert client.recv(5) == b"hello"
                relay.process.kill()
                relay.process.wait()

                def refused() -> bool:
                    try:
                        socket.create_connection(("127.0.0.1", relay.port), timeout=20).close()
                    except ConnectionRefusedError:
                        return True
                    except ConnectionResetError:
                        pass
                    return False

                until(refused, lambda: "somebody listens")
                client.sendall(b"still")
                assert client.recv(5) == b"still"
            until(lambda: not any(map(is_alive, workers)), lambda: "they live")
            relay.process.returncode = 0
