"""Labs that outlive the command that made them, each by its name: `lab up`, `exec`, `fault`, `down`.

A process of its own (`lab.holder`) holds such a lab, and a lock on a file beside its control socket; the kernel takes
the lock away with the process, so a file without a lock is a leftover, whoever killed what.
"""

import json
import os
import re
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from dualstack.core.suggestion import those_known
from dualstack.errors import ConfigError, DualstackError, ExitCode
from dualstack.kernel.ourselves import our_module
from dualstack.kernel.unix_sockets import connect_control_socket
from dualstack.lab.orders import NetworkError

__all__ = ["DEFAULT_NAME", "directory", "held", "living", "named", "request", "start", "sweep"]

DEFAULT_NAME = "lab"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_ANSWER_S = 60.0


def directory() -> Path:
    """Where this user's labs are known, made where it is not there; DUALSTACK_LABS names another place.

    Raises:
        NetworkError: the place is somebody else's.
    """
    if given := os.environ.get("DUALSTACK_LABS"):
        place = Path(given)
    elif os.geteuid() == 0:
        place = Path("/run/dualstack-labs")
    elif runtime := os.environ.get("XDG_RUNTIME_DIR"):
        place = Path(runtime, "dualstack-labs")
    else:
        place = Path(f"/tmp/dualstack-labs-{os.geteuid()}")  # noqa: S108 - made ours, or refused, below
    place.mkdir(mode=0o700, exist_ok=True)
    state = place.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & 0o077:
        raise NetworkError(f"{place} is not this user's alone; remove it, or set XDG_RUNTIME_DIR")
    return place


def living() -> list[str]:
    """The names of the labs that stand."""
    with _tidied() as place:
        return sorted(path.stem for path in place.glob("*.lock") if not _is_left_over(path))


def sweep() -> list[str]:
    """Remove what labs that were killed have left; their names."""
    swept = []
    with _tidied() as place:
        for path in place.glob("*.lock"):
            with suppress(BlockingIOError), _locked(path):
                for suffix in (".sock", ".log", ".lock"):
                    path.with_suffix(suffix).unlink(missing_ok=True)
                swept.append(path.stem)
    return swept


def named(name: str | None) -> str:
    """The lab that is meant: the one of that name, or the only one that stands.

    Raises:
        NetworkError: there is none, or several and none is named.
    """
    names = living()
    if name is None and len(names) == 1:
        return names[0]
    if name is None and names:
        raise NetworkError(f"which lab? --name one of {', '.join(names)}")
    if name is None or name not in names:
        which = "no lab is up" if name is None else f"no lab {name} is up"
        others = f"; there are {those_known(name or '', names)}" if names else ""
        raise NetworkError(f"{which}: `dualstack lab up` makes one{others}")
    return name


def request(name: str, verb: str, **details: object) -> dict[str, object]:
    """Have a standing lab do it: `list`, `fault`, `heal`, `down`.

    Raises:
        NetworkError: it does not answer, or says no.
        ConfigError: what is asked for is wrong.
    """
    path = directory() / f"{name}.sock"
    try:
        with connect_control_socket(str(path), _ANSWER_S) as sock, sock.makefile("rw", encoding="utf-8") as stream:
            stream.write(json.dumps({"verb": verb, **details}) + "\n")
            stream.flush()
            answer: dict[str, object] = json.loads(stream.readline())
            stream.read()  # until it has hung up: a lab that goes down does so once it is gone
    except (OSError, ValueError) as error:
        raise NetworkError(f"lab {name} does not answer: {error}") from error
    if "error" in answer:
        raise _raised(answer)
    return answer


def start(name: str, file: str | None) -> dict[str, object]:
    """Make a lab that stands; what `list` says of it.

    Raises:
        NetworkError: it cannot be made, or there is one of that name.
        ConfigError: the file is wrong.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError("", "--name", f"{name!r}: letters, digits, dots, - and _, 32 at most")
    if name in living():
        raise NetworkError(f"lab {name} is up already; `dualstack lab down --name {name}` ends it")
    argv = our_module("dualstack.lab.holder", name, *([file] if file else []))
    # What it complains of must not hold our own standard error open.
    with (directory() / f"{name}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with process.stdout:
        line = process.stdout.readline()
    if not line:
        raise NetworkError(
            f"lab {name}: its process has ended with {process.wait()}; {directory() / name}.log says why"
        )
    answer: dict[str, object] = json.loads(line)
    if "error" in answer:
        process.wait()
        with _tidied() as place:
            (place / f"{name}.log").unlink(missing_ok=True)
        raise _raised(answer)
    process.returncode = 0  # it is not ours any more
    return answer


@contextmanager
def _tidied() -> Iterator[Path]:
    """The directory, gone again after the block where no lab is known there."""
    place = directory()
    yield place
    with suppress(OSError):  # others live in it
        place.rmdir()


@contextmanager
def held(name: str) -> Iterator[None]:
    """The name is this process' until the block ends.

    Raises:
        NetworkError: it is another's.
    """
    path = directory() / f"{name}.lock"
    path.touch(mode=0o600)
    try:
        with _locked(path):
            path.write_text(str(os.getpid()), encoding="ascii")
            try:
                yield
            finally:
                path.with_suffix(".log").unlink(missing_ok=True)
                path.unlink()
    except BlockingIOError:
        raise NetworkError(f"lab {name} is being made by somebody else") from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a lab's file.

    Raises:
        BlockingIOError: a process holds it.
    """
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _is_left_over(path: Path) -> bool:
    try:
        with _locked(path):
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:  # gone down just now
        return True


def _raised(answer: Mapping[str, object]) -> DualstackError:
    """The error that was told."""
    code = ExitCode(int(str(answer["exit_code"])))
    return ConfigError("", "", str(answer["error"]), exit_code=code)
