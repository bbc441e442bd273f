"""Labs that outlive the command that made them, each by its name: `lab up`, `exec`, `fault`, `down`.

A process of its own holds such a lab, and a lock on a file beside its control socket; the kernel takes the lock away
with the process, so a file without a lock is a leftover, whoever killed what. Runs as
`python -m dualstack.lab.standing NAME [FILE]`, and says on its standard output, in a line of JSON, that it stands or
why not.
"""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

from dualstack.errors import ConfigError, DualstackError, ExitCode
from dualstack.kernel.unix_sockets import connect_control_socket, open_control_socket
from dualstack.lab.declaration import HOSTS, Declaration, load
from dualstack.lab.network import Network
from dualstack.lab.orders import NetworkError

__all__ = ["DEFAULT_NAME", "directory", "living", "main", "named", "request", "start", "sweep"]

DEFAULT_NAME = "lab"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_LINE_BYTES = 1 << 20
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
        raise NetworkError(f"{which}: `dualstack lab up` makes one")
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
    argv = [sys.executable, "-m", "dualstack.lab.standing", name, *([file] if file else [])]
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


def main() -> int:
    """Make the lab, and hold it until it is told to go down, or SIGTERM."""
    name, file = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    try:
        declaration = load(file) if file else Declaration(HOSTS)
        with ExitStack() as last, _held(name), Network(declaration) as network, _control(name) as control:
            _say(_described(name, network))
            # Who had it go down hears of it once all is gone.
            last.enter_context(_serve(name, network, control))
    except DualstackError as error:
        _say({"error": str(error), "exit_code": int(error.exit_code)})
        return 1
    return 0


class _DownError(Exception):
    """SIGTERM: go down."""


def _serve(name: str, network: Network, control: socket.socket) -> AbstractContextManager[object]:
    """Answer until it is time to go down; to be closed after that."""

    def leave(*_: object) -> None:
        raise _DownError

    signal.signal(signal.SIGTERM, leave)
    try:
        while True:
            client, _ = control.accept()
            with ExitStack() as hang_up, suppress(OSError):
                hang_up.enter_context(client)
                client.settimeout(_ANSWER_S)
                if not _answered(name, network, client):
                    return hang_up.pop_all()
    except _DownError:
        return nullcontext()


def _answered(name: str, network: Network, client: socket.socket) -> bool:
    """One question; False: go down."""
    order = json.loads(client.makefile("r", encoding="utf-8").readline())
    try:
        answer = _VERBS[order["verb"]](name, network, order)
    except DualstackError as error:
        answer = {"error": str(error), "exit_code": int(error.exit_code)}
    client.sendall(json.dumps(answer).encode() + b"\n")
    return bool(order["verb"] != "down")


def _described(name: str, network: Network) -> dict[str, object]:
    hosts = [
        {
            "name": host,
            "kind": kind.value,
            "addresses": [address for texts in network.addresses(host).values() for address in texts],
            "entry": network.hosts[host].entry(),
        }
        for host, kind in network.kinds.items()
    ]
    return {"name": name, "hosts": hosts, "faults": [str(fault) for fault in network.faults]}


def _break(name: str, network: Network, order: Mapping[str, object]) -> dict[str, object]:
    for text in order["faults"]:  # type: ignore[attr-defined]
        network.fault(text)
    return _described(name, network)


def _heal(name: str, network: Network, order: Mapping[str, object]) -> dict[str, object]:
    network.heal(*order["faults"])  # type: ignore[misc]
    return _described(name, network)


_VERBS: dict[str, Callable[[str, Network, Mapping[str, object]], dict[str, object]]] = {
    "list": lambda name, network, _order: _described(name, network),
    "fault": _break,
    "heal": _heal,
    "down": lambda name, network, _order: _described(name, network),
}


@contextmanager
def _tidied() -> Iterator[Path]:
    """The directory, gone again after the block where no lab is known there."""
    place = directory()
    yield place
    with suppress(OSError):  # others live in it
        place.rmdir()


@contextmanager
def _held(name: str) -> Iterator[None]:
    """The name is ours until the block ends."""
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
def _control(name: str) -> Iterator[socket.socket]:
    path = directory() / f"{name}.sock"
    path.unlink(missing_ok=True)  # of one that was killed: the name is ours
    with ExitStack() as undo:
        undo.callback(path.unlink, missing_ok=True)
        sock = undo.enter_context(open_control_socket(str(path)))
        sock.setblocking(True)
        yield sock


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


def _say(answer: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    sys.stdout.close()


if __name__ == "__main__":
    sys.exit(main())
