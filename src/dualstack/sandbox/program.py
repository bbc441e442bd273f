"""The program, and the process that keeps it: a parent to all that the program starts and leaves behind.

    process     is                                              ends
    this one    the engine; started the keeper                  with the keeper, by the program's own status
    keeper      in the program's network and mounts, from its   with the last of the program's descendants; where this
                fork on; forks the program when told to         process is gone, it kills them all first
    program     what was asked for                              when it likes

The keeper is forked before there are threads, and runs little Python: it is ready before the engine has been read. It
blocks all signals and takes them in turn, so that Ctrl-C is the program's alone.
"""

import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from dualstack.kernel.namespaces import (
    MS_BIND,
    MS_NODEV,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    Kinds,
    die_with_parent,
    mount,
    take_in_orphans,
    unmount,
    unshare,
)

__all__ = ["Keeper", "Program", "User"]

_EXEC_FAILED = 126
# Where files may lie that are bound to other places, and that are out of everybody's sight again at once.
_SCRATCH = ("/tmp", "/mnt", "/var/tmp", "/media")  # noqa: S108 - nothing is ever written to the directory itself
_NSCD = Path("/var/run/nscd")


@dataclass(frozen=True, slots=True)
class User:
    """Whom the program runs as."""

    name: str
    number: int
    group: int


@dataclass(frozen=True, slots=True)
class Program:
    """What is to be run.

    Args:
        argv: its words; the first is looked for as a shell does.
        files: texts in place of this host's files.
        user: whom it runs as; None is who runs this.
    """

    argv: Sequence[str]
    files: Mapping[Path, str]
    user: User | None = None


class Keeper:
    """The keeper, as this process has it; `told` is readable where it has something to say.

    Args:
        program: that it keeps.

    Raises:
        OSError: no process can be had.
    """

    def __init__(self, program: Program) -> None:
        inherited = _inherited()
        self.told, tell = os.pipe2(os.O_CLOEXEC)
        heard, self._go = os.pipe2(os.O_CLOEXEC)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            sys.stdout.flush()
            sys.stderr.flush()
            self.pid = os.fork()
            if not self.pid:
                os.close(self.told)
                os.close(self._go)
                _keep(program, heard, tell, mask, inherited)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(tell)
        os.close(heard)
        self._inherited = inherited

    def wait_until_ready(self) -> None:
        """Wait until it is in the program's network.

        Raises:
            OSError: it could not make one.
        """
        words = self.hear().split(maxsplit=2)
        if words[:1] != ["ready"]:
            number = int(words[1]) if len(words) > 1 else errno.ECHILD
            raise OSError(number, words[2] if len(words) > 2 else "the program's keeper has gone")

    def go(self) -> None:
        """Have it start the program; what is the program's to read and write is let go of here."""
        os.write(self._go, b"go")
        _leave_to_the_program((0, 1), self._inherited)

    def hear(self) -> str:
        """What it says next: `ready`, `pid N`, `status N`, `failed ERRNO WHY`; nothing where it has gone."""
        line = b""
        while not line.endswith(b"\n"):
            read = os.read(self.told, 1)
            if not read:
                break
            line += read
        return line.decode(errors="replace").rstrip("\n")

    def leave_nobody(self) -> None:
        """Have it kill all that it keeps."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def end(self) -> None:
        """Have it kill all that it keeps, and wait for its end."""
        self.leave_nobody()
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _keep(
    program: Program, heard: int, tell: int, mask: "set[int | signal.Signals]", inherited: Sequence[int]
) -> NoReturn:
    """The keeper's life."""
    code = 1
    try:
        _prepare(program)
        os.write(tell, b"ready\n")
        if os.read(heard, 2) == b"go":
            os.close(heard)
            pid = _start(program, tell, mask)
            os.write(tell, f"pid {pid}\n".encode())
            _leave_to_the_program((0, 1, 2), inherited)
            _watch(pid, tell)
            code = 0
    except OSError as error:
        _tell_failure(tell, error)
    finally:
        os._exit(code)


def _prepare(program: Program) -> None:
    parent = os.getppid()
    die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
    take_in_orphans()
    unshare(Kinds.NETWORK | Kinds.MOUNT)
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    _put(program.files)
    if _NSCD.is_dir():
        mount("tmpfs", _NSCD, "tmpfs", MS_NOSUID | MS_NODEV)


def _put(files: Mapping[Path, str]) -> None:
    """Texts in place of files: bound from a file system in memory, of which nothing else is left to see."""
    targets = {path.resolve(): text for path, text in files.items()}
    scratch = next(
        (
            Path(place)
            for place in _SCRATCH
            if Path(place).is_dir() and not any(target.is_relative_to(place) for target in targets)
        ),
        None,
    )
    if scratch is None or not targets:
        return
    mount("tmpfs", scratch, "tmpfs", MS_NOSUID | MS_NODEV)
    for number, (target, text) in enumerate(targets.items()):
        own = scratch / str(number)
        own.write_text(text, encoding="utf-8")
        own.chmod(0o644)
        mount(own, target, flags=MS_BIND)
    unmount(scratch)


def _start(program: Program, tell: int, mask: "set[int | signal.Signals]") -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        user = program.user
        if user is not None:
            os.initgroups(user.name, user.group)
            os.setgid(user.group)
            os.setuid(user.number)
        die_with_parent()
        # Python has them ignored, which a program would inherit.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.execvp(program.argv[0], list(program.argv))  # noqa: S606 - what the user asked for
    except OSError as error:
        _tell_failure(tell, error)
    finally:
        os._exit(_EXEC_FAILED)


def _tell_failure(tell: int, error: OSError) -> None:
    os.write(tell, f"failed {error.errno or 0} {error.strerror or error}\n".encode())


def _watch(pid: int, tell: int) -> None:
    """Until there is nobody left; where this host's side is gone, nobody is to be left."""
    is_over = False
    while True:
        number = signal.sigwaitinfo({signal.SIGCHLD, signal.SIGTERM}).si_signo
        is_over = is_over or number == signal.SIGTERM
        if is_over:
            _kill_children()
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == pid:
                    with suppress(BrokenPipeError):
                        os.write(tell, f"status {ended[1]}\n".encode())
                if is_over:
                    _kill_children()  # those whom it has left us
        except ChildProcessError:
            return


def _kill_children() -> None:
    for pid in _children():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _children() -> list[int]:
    own = os.getpid()
    try:
        return [int(word) for word in Path(f"/proc/{own}/task/{own}/children").read_text(encoding="ascii").split()]
    except OSError:
        # A kernel without CONFIG_PROC_CHILDREN.
        found: list[int] = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                status = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                if int(status[1]) == own:
                    found.append(int(entry.name))
        return found


def _inherited() -> list[int]:
    """Descriptors that this process was started with, and the program gets too."""
    found: list[int] = []
    for entry in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):
            if int(entry.name) > 2 and os.get_inheritable(int(entry.name)):
                found.append(int(entry.name))
    return found


def _leave_to_the_program(standard: Sequence[int], inherited: Sequence[int]) -> None:
    """Whoever reads what the program writes is to see its end when the program has ended it."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in standard:
        os.dup2(nothing, descriptor)
    os.close(nothing)
    for descriptor in inherited:
        with suppress(OSError):
            os.close(descriptor)
