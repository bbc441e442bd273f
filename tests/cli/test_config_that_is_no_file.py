"""A configuration that is no file is refused in one line, at the start and on a reload: nobody waits for it."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from support.program import Dualstack, dualstack

CONFIG = '[[services]]\nname = "a"\nlisten = "127.0.0.1:0"\nto = "127.0.0.1:9"\n'


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


def make_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


NO_FILES: list[tuple[Callable[[Path], object], str]] = [
    (os.mkfifo, "cannot be read: it is a FIFO; name a regular file"),
    (Path.mkdir, "cannot be read: Is a directory; name a file that can be"),
    (lambda path: path.symlink_to("/dev/zero"), "cannot be read: it is a device; name a regular file"),
    (make_socket, "cannot be read: it is a socket; name a regular file"),
    (make_large, "is larger than 16 MiB, which no file of ours is; name the right one, or divide it"),
]


@pytest.mark.parametrize(("make", "why"), NO_FILES, ids=["fifo", "directory", "device", "socket", "large"])
@pytest.mark.parametrize("words", [["gateway", "--check", "--config"], ["lab", "run"]], ids=["gateway", "lab"])
def test_what_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], object], why: str, words: list[str]) -> None:
    make(path := tmp_path / "g.toml")
    done = dualstack(*words, path)
    assert (done.returncode, done.stderr) == (78, f"dualstack: {path}: {why}\n")


def test_a_reload_from_what_is_no_file_is_refused_and_the_gateway_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "g.toml"
    file.write_text(CONFIG)
    with Dualstack("gateway", "--config", file, "--control", tmp_path / "c.sock") as gateway:
        for make, why in NO_FILES:
            file.rmdir() if file.is_dir() else file.unlink()
            make(file)
            gateway.send_signal(signal.SIGHUP)
            assert why in gateway.err.until("reload refused")
        file.unlink()
        file.write_text(CONFIG)
        gateway.send_signal(signal.SIGHUP)
        gateway.err.until(" reloaded ")
