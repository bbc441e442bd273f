"""`dualstack run` for a Python program: one call, which gives what `subprocess.run` gives."""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dualstack.kernel.ourselves import our_module

__all__ = ["run"]


def run(
    argv: Sequence[str | Path],
    *,
    family: int = 0,
    reach: Iterable[str] = (),
    host_loopback: bool = True,
    interface: str | None = None,
    source: str | None = None,
    user: str | None = None,
    check: bool = False,
    timeout: float | None = None,
    stdin: str | None = None,
    capture: bool = False,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
) -> "subprocess.CompletedProcess[str]":
    r"""Run a program whose connections are made by the connector, over whichever family answers (Linux).

    Args:
        argv: its name and arguments.
        family: 4 or 6 to dial one alone, 0 for both.
        reach: rules for what may be dialled.
        host_loopback: what listens on this host's loopback is reached by the program's.
        interface: the one to go by.
        source: the address to connect from.
        user: whom it runs as; for root.
        check: raise where its exit code is not 0.
        timeout: seconds until it is killed, with all that it has started; None waits for ever.
        stdin: what it reads; None is what this program reads.
        capture: keep what it writes.
        cwd: its working directory.
        env: its environment.

    Raises:
        subprocess.CalledProcessError: `check`, and it failed.
        subprocess.TimeoutExpired: it was killed.

    >>> from dualstack import run
    >>> run(["echo", "hello"], capture=True).stdout  # doctest: +SKIP
    'hello\\n'
    """
    options = {"--interface": interface, "--source": source, "--user": user}
    words = [f"-{family}"] if family else []
    words += [word for rule in reach for word in ("--reach", rule)]
    words += [word for name, value in options.items() if value is not None for word in (name, value)]
    words += [] if host_loopback else ["--no-host-loopback"]
    return subprocess.run(  # noqa: S603 - what the caller asked for
        our_module("dualstack", "run", *words, "--", *map(str, argv)),
        check=check,
        timeout=timeout,
        input=stdin,
        capture_output=capture,
        cwd=cwd,
        env=None if env is None else dict(env),
        text=True,
    )
