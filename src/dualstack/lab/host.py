"""One host of a lab: programs run in it as they would here, with our files but for its own in /etc and /run."""

import inspect
import json
import os
import socket
import subprocess
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TypeVar, cast

from dualstack.kernel.ourselves import our_code
from dualstack.lab.orders import Orders
from dualstack.lab.process import Process

__all__ = ["Host"]

T = TypeVar("T")


class Host:
    """Made by `Network`.

    Args:
        orders: to the keeper that holds it.
        name: its name there.
        namespaces: the descriptors by which the keeper holds it.
    """

    def __init__(self, orders: Orders, name: str, namespaces: Mapping[str, int]) -> None:
        self.name = name
        self._orders = orders
        self._namespaces = namespaces
        self._running = ExitStack()

    def __repr__(self) -> str:
        return f"<host {self.name}>"

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        check: bool = True,
        timeout: float | None = 30,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end.

        Args:
            argv: its name and arguments.
            check: raise where its exit code is not 0.
            timeout: seconds until it is killed; None waits for ever.
            stdin: what it reads.
            env: what is added to our environment.

        Raises:
            subprocess.CalledProcessError: `check`, and it failed; what it said is in the error's notes.
            subprocess.TimeoutExpired: it was killed, with what it had said.
            NetworkError: it cannot be started: `errno` is ENOENT where there is no such program.
        """
        words = [str(word) for word in argv]
        with ExitStack() as undo:
            read, said, complained = (undo.enter_context(_scratch()) for _ in range(3))
            read.write(stdin.encode())
            read.seek(0)
            with self._start({"argv": words}, (read.fileno(), said.fileno(), complained.fileno()), env=env) as process:
                try:
                    code = process.wait(timeout)
                except subprocess.TimeoutExpired as error:
                    error.stdout, error.stderr = _text(said).encode(), _text(complained).encode()
                    raise
            done = subprocess.CompletedProcess(words, code, _text(said), _text(complained))
        if check and code:
            failed = subprocess.CalledProcessError(code, words, done.stdout, done.stderr)
            failed.add_note(f"standard output: {done.stdout}\nstandard error: {done.stderr}")
            raise failed
        return done

    def popen(
        self,
        argv: Sequence[str | Path],
        *,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Process:
        """Start a program; streams are as for `subprocess.Popen`, as text. What still runs at the end is killed.

        Raises:
            NetworkError: it cannot be started.
        """
        return self._piped({"argv": [str(word) for word in argv]}, (stdin, stdout, stderr), env)

    def python(
        self,
        code: str,
        *argv: str,
        check: bool = True,
        timeout: float | None = 30,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a Python program given as text, indented as the code around it may be.

        It imports what is installed and what PYTHONPATH names, and nothing from the working directory.
        """
        return self.run(our_code(textwrap.dedent(code), *argv), check=check, timeout=timeout, env=env)

    def call(self, function: Callable[..., T], *args: object, timeout: float = 30) -> T:
        """What `function(*args)` returns there, in a process of its own.

        Its source goes, not what is around it: it imports what it needs inside. Arguments and result go as JSON, so
        they are made of what JSON has: lists, not tuples.
        """
        source = textwrap.dedent(inspect.getsource(function))
        ask = f"import json, sys\nprint(json.dumps({function.__name__}(*json.loads(sys.argv[1]))))"
        done = self.python(f"{source}\n{ask}", json.dumps(args), timeout=timeout)
        return cast("T", json.loads(done.stdout.splitlines()[-1]))

    def serve(self, function: str, *arguments: object) -> Process:
        """Run `module:function` of ours there, without the price of a new interpreter, until its input ends.

        It speaks over its standard input and output; what it returns is its exit code.
        """
        return self._piped(
            {"function": function, "arguments": list(arguments)}, (subprocess.PIPE, subprocess.PIPE, None), None
        )

    def use_files(self, files: Mapping[str, str]) -> None:
        """Its own files in /etc, by name; the text of one that is there already is replaced."""
        self.set([["write_files", files]])

    def set_sysctl(self, name: str, value: int | str) -> None:
        """Set what sysctl(8) calls `name`."""
        self.set([["set_sysctls", {name: str(value)}]])

    def set(self, calls: Sequence[Sequence[object]]) -> None:
        """Change its interfaces, addresses and routes: methods of `Space` with their arguments, in turn.

        Raises:
            NetworkError: the kernel refused one; those before it stand.
        """
        self._orders.give("set", host=self.name, calls=calls)

    def entry(self) -> list[str]:
        """The words of nsenter(1) that lead into it from here, for a program that wants our terminal.

        Such a program is in the lab's PID namespace, and ends with the lab.
        """
        held = f"/proc/{self._orders.pid}/fd"
        words = ["nsenter", f"--target={self._orders.pid}", "--pid"]
        words += ["--user", "--preserve-credentials"] if self._orders.is_ordinary else []
        words += [f"--{kind}={held}/{self._namespaces[short]}" for kind, short in _NSENTER.items()]
        return words

    def close(self) -> None:
        """Kill what still runs of what was started here."""
        self._running.close()

    def _piped(self, what: dict[str, object], streams: Sequence[int | None], env: Mapping[str, str] | None) -> Process:
        ours: list[IO[str] | None] = []
        with ExitStack() as undo, ExitStack() as theirs:
            given: list[int] = []
            for number, stream in enumerate(streams):
                mine, handed = (None, os.dup(given[1])) if stream == subprocess.STDOUT else _stream(number, stream)
                ours.append(None if mine is None else undo.enter_context(mine))
                given.append(handed)
                if handed != number:
                    theirs.callback(os.close, handed)
            process = self._start(what, given, ours, env=env)
            undo.pop_all()
        self._running.callback(process.close)
        return process

    def _start(
        self,
        what: dict[str, object],
        streams: Sequence[int],
        ours: Sequence[IO[str] | None] = (None, None, None),
        *,
        env: Mapping[str, str] | None = None,
    ) -> Process:
        hears, tells = socket.socketpair()
        with tells:
            environment = {**os.environ, **(env or {})}
            try:
                answer, descriptors = self._orders.give(
                    "start",
                    [*streams, tells.fileno()],
                    host=self.name,
                    directory=str(Path.cwd()),
                    environment=environment,
                    **what,
                )
            except BaseException:
                hears.close()
                raise
        argv = what.get("argv") or [what.get("function")]
        return Process(cast("list[str]", argv), cast("int", answer["pid"]), descriptors[0], hears, ours)


_NSENTER = {"net": "net", "mount": "mnt", "uts": "uts"}


def _scratch() -> IO[bytes]:
    return os.fdopen(os.memfd_create("lab"), "w+b", buffering=0)


def _text(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")


def _stream(number: int, wanted: int | None) -> tuple[IO[str] | None, int]:
    """Our end of the program's stream of that number, None where it is no pipe, and the descriptor that it gets."""
    if wanted is None:
        return None, number
    if wanted == subprocess.DEVNULL:
        return None, os.open(os.devnull, os.O_RDWR)
    if wanted != subprocess.PIPE:
        return None, os.dup(wanted)
    reads, writes = os.pipe()
    if number == 0:
        return os.fdopen(writes, "w", encoding="utf-8"), reads
    return os.fdopen(reads, encoding="utf-8", errors="replace"), writes
