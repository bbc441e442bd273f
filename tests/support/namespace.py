"""Hosts of their own on this machine: each a network and a mount namespace with its hosts file, resolver and sysctls.

Works as root, and as anybody where user namespaces are allowed (then one user namespace, in which we are root, owns
them all). A namespace has no name: a child process holds it, and that child lives as long as a pipe from us is open.
So however we end, nothing stays behind; programs started in a namespace are killed with us too. Traffic cannot leave:
what is not linked here is not there.
"""

import inspect
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, cast

__all__ = ["Namespace", "Network", "NetworkError", "why_no_namespaces"]

T = TypeVar("T")

HOSTS = "127.0.0.1 localhost\n::1 localhost\n"
RESOLV_CONF = "nameserver 127.0.0.1\n"
# Neither nss-resolve nor nscd, whose sockets would answer from outside.
NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"
# A new address is tentative, and cannot be bound, until nobody else is known to have it.
_NO_DAD = {"net.ipv6.conf.all.accept_dad": 0, "net.ipv6.conf.default.accept_dad": 0}
_NSCD = ("/run/nscd", "/var/run/nscd")

_HOLD = "echo held; exec cat"


class NetworkError(Exception):
    """A namespace that cannot be made; the text is what the system said."""


@cache
def why_no_namespaces() -> str:
    """Why this machine or user can have no namespaces; empty where they can."""
    missing = [name for name in ("ip", "unshare", "nsenter", "setpriv", "mount") if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (Debian: iproute2, util-linux)"
    try:
        with Network() as network:
            network.namespace()
    except (NetworkError, subprocess.CalledProcessError) as error:
        return f"no namespaces here: {error}"
    return ""


class Network:
    """Namespaces and the links between them, all gone when the block ends."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._enter: list[str] = []

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            owner = self._stack.enter_context(_Holder(["unshare", "--user", "--map-root-user"]))
            self._enter = ["nsenter", f"--target={owner.pid}", "--user", "--preserve-credentials"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def namespace(
        self,
        *,
        hosts: str = HOSTS,
        resolv_conf: str = RESOLV_CONF,
        sysctls: Mapping[str, int | str] | None = None,
        loopback: bool = True,
    ) -> "Namespace":
        """A new host.

        Args:
            hosts: what its /etc/hosts says.
            resolv_conf: what its /etc/resolv.conf says.
            sysctls: settings such as `{"net.ipv6.bindv6only": 1}`, made before any interface is up.
            loopback: whether `lo` is up.
        """
        holder = self._stack.enter_context(_Holder([*self._enter, "unshare", "--net", "--mount"]))
        made = self._stack.enter_context(Namespace(holder.pid, is_root=not self._enter))
        made.use_files({"hosts": hosts, "resolv.conf": resolv_conf, "nsswitch.conf": NSSWITCH})

        for name, value in {**_NO_DAD, **(sysctls or {})}.items():
            made.set_sysctl(name, value)
        if loopback:
            made.run(["ip", "link", "set", "lo", "up"])
        return made

    def link(
        self,
        a: "Namespace",
        b: "Namespace",
        *,
        names: tuple[str, str] = ("eth0", "eth0"),
        addresses: tuple[Iterable[str], Iterable[str]] = ((), ()),
    ) -> None:
        """A cable from `a` to `b`: the interfaces' names, and their addresses as ip(8) reads them: `fd00::1/64`."""
        a.run(["ip", "link", "add", names[0], "type", "veth", "peer", "name", names[1], "netns", str(b.pid)])
        for end, name, mine in zip((a, b), names, addresses, strict=True):
            for address in mine:
                end.run(["ip", "address", "add", *address.split(), "dev", name])
            end.run(["ip", "link", "set", name, "up"])
        for end, name in zip((a, b), names, strict=True):
            # To show a link is to tell IPv6 that it has a carrier (linkwatch_sync_dev); otherwise that waits for a
            # timer of the kernel's, and for up to a second no neighbour is answered.
            end.run(["ip", "link", "show", "dev", name])


class Namespace:
    """One host. Programs run in it as they would here, with our files but for its own in /etc."""

    def __init__(self, pid: int, *, is_root: bool) -> None:
        self.pid = pid
        self._enter = ["nsenter", f"--target={pid}", "--net", "--mount", f"--wd={Path.cwd()}"]
        if not is_root:
            self._enter += ["--user", "--preserve-credentials"]
        self._stack = ExitStack()
        self._etc = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="dualstack-etc-")))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        check: bool = True,
        timeout: float | None = 30,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; `env` adds to ours. With `check`, a failure is raised with what it said."""
        done = subprocess.run(
            [*self._enter, "--", *map(str, argv)],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            input=stdin,
            env=_environment(env),
        )
        if check and done.returncode:
            error = subprocess.CalledProcessError(done.returncode, argv, done.stdout, done.stderr)
            error.add_note(f"standard output: {done.stdout}\nstandard error: {done.stderr}")
            raise error
        return done

    def popen(
        self,
        argv: Sequence[str | Path],
        *,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a program; its pid is the program's own. What still runs at the end is killed.

        Call it from the main thread: the program ends with the thread that started it (PR_SET_PDEATHSIG).
        """
        process = subprocess.Popen(
            [*self._enter, "--", "setpriv", "--pdeathsig=KILL", "--", *map(str, argv)],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=True,
            env=_environment(env),
        )
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        return process

    def python(
        self, code: str, *argv: str, check: bool = True, timeout: float = 30
    ) -> subprocess.CompletedProcess[str]:
        """Run a Python program given as text."""
        return self.run([sys.executable, "-c", textwrap.dedent(code), *argv], check=check, timeout=timeout)

    def call(self, function: Callable[..., T], *args: object, timeout: float = 30) -> T:
        """What `function(*args)` returns there, in a process of its own.

        Its source goes, not what is around it: it imports what it needs inside. Arguments and result go as JSON, so
        they are made of what JSON has: lists, not tuples.
        """
        source = textwrap.dedent(inspect.getsource(function))
        ask = f"import json, sys\nprint(json.dumps({function.__name__}(*json.loads(sys.argv[1]))))"
        done = self.python(f"{source}\n{ask}", json.dumps(args), timeout=timeout)
        return cast("T", json.loads(done.stdout.splitlines()[-1]))

    def use_files(self, files: Mapping[str, str]) -> None:
        """Its own files in /etc, by name; the text of one that is there already is replaced."""
        for name, text in files.items():
            mine = self._etc / name
            is_mounted = mine.exists()
            mine.write_text(text, encoding="utf-8")
            if not is_mounted:
                self.run(["mount", "--bind", mine, f"/etc/{name}"])
        for path in _NSCD:
            if Path(path).is_dir():
                self.run(["mount", "-t", "tmpfs", "none", path])

    def set_sysctl(self, name: str, value: int | str) -> None:
        """Set what sysctl(8) calls `name`."""
        path = f"/proc/sys/{name.replace('.', '/')}"
        self.run(["sh", "-c", 'printf "%s" "$2" > "$1"', "sh", path, str(value)])


class _Holder:
    """A child that stays in the namespaces `unshare` made for it until our end of its standard input is closed."""

    def __init__(self, unshare: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [*unshare, "--", "sh", "-c", _HOLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "held\n":
            _, said = self._process.communicate()
            raise NetworkError(said.strip() or "unshare failed")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


def _environment(more: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if more is None else {**os.environ, **more}
