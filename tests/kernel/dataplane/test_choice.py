"""Which plane a system gets, and that none is needed to import the other."""

from __future__ import annotations

import asyncio
import select
import subprocess
import sys

import pytest

from dualstack.gateway.relay.stream.asyncio_relay import ProtocolRelay
from dualstack.gateway.relay.stream.choose import data_plane
from dualstack.gateway.relay.stream.epoll_engine import Engine

ELSEWHERE = """
import errno, os, select, socket, sys
sys.platform = {system!r}
for module, names in {{
    os: ("splice", "SPLICE_F_MOVE", "SPLICE_F_NONBLOCK", "pipe2"),
    select: ("epoll", "EPOLLIN"),
    socket: ("SOCK_NONBLOCK", *{missing!r}),
    errno: ("ENONET",),
}}.items():
    for name in names:
        delattr(module, name)
sys.modules["fcntl"] = None
from dualstack.gateway.relay.stream import asyncio_relay, choose, epoll_engine
"""


async def chosen() -> str:
    plane = data_plane(asyncio.get_running_loop())
    plane.close()
    return type(plane).__name__


def test_linux_gets_the_engine() -> None:
    assert asyncio.run(chosen()) == Engine.__name__


def test_a_system_without_epoll_gets_transports(monkeypatch: pytest.MonkeyPatch) -> None:
    with asyncio.Runner() as runner:
        runner.get_loop()
        monkeypatch.delattr(select, "epoll")
        assert runner.run(chosen()) == ProtocolRelay.__name__


@pytest.mark.parametrize(("system", "missing"), [("darwin", ()), ("win32", ("AF_UNIX",))], ids=["macOS", "Windows"])
def test_what_a_system_lacks_is_not_needed_to_import_the_data_planes(system: str, missing: tuple[str, ...]) -> None:
    # asyncio is imported first: it has modules of its own for each system.
    script = "import asyncio\n" + ELSEWHERE.format(system=system, missing=missing)
    subprocess.run([sys.executable, "-c", script], check=True)
