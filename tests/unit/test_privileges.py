"""Rights given up for good, and the limit of descriptors raised to what is allowed."""

import json
import os
import resource
import subprocess
import sys

import pytest

from dualstack.errors import ConfigError
from dualstack.gateway.processes.preload import become, raise_descriptor_limit


def test_the_descriptor_limit_becomes_what_is_allowed() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
        assert raise_descriptor_limit() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_system_that_takes_less_than_unlimited_gets_less(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def setrlimit(_what: int, limits: tuple[int, int]) -> None:
        asked.append(limits[0])
        if limits[0] > 10240:
            raise ValueError("not that many")

    monkeypatch.setattr(resource, "getrlimit", lambda _what: (256, 1 << 60))
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    raise_descriptor_limit()
    assert asked == [1 << 60, 10240]


def test_an_unknown_user_is_named() -> None:
    with pytest.raises(ConfigError, match="f: user: there is no user 'no-such-user'"):
        become("no-such-user", "f")


def test_only_root_may_become_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(ConfigError, match="only root may become 'nobody'"):
        become("nobody", "f")


def test_groups_are_given_up_before_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in ("initgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda *_, name=name: calls.append(name))
    become("nobody", "f")
    assert calls == ["initgroups", "setgid", "setuid"]


def test_to_become_oneself_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "setuid", lambda _uid: pytest.fail("nothing to change"))
    become("root", "f")


# What one of these processes has loaded before it gives up its rights, and each import within a function that is left.
STILL_UNREAD = """
import ast, importlib, json, sys
from pathlib import Path
from dualstack.gateway.processes.preload import import_what_is_needed_later

for name in sys.argv[1:]:
    importlib.import_module(name)
import_what_is_needed_later()

def imports(node, within=False):
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if within and isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    if within and isinstance(node, ast.ImportFrom):
        yield node.module
    within = within or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in ast.iter_child_nodes(node):
        yield from imports(child, within)

ours = [(name, module.__file__) for name, module in sys.modules.items() if name.partition(".")[0] == "dualstack"]
late = {(name, each) for name, file in ours if file for each in imports(ast.parse(Path(file).read_text()))}
print(json.dumps(sorted(each for each in late if each[1] not in sys.modules)))
"""
NOT_OF_A_GATEWAY = {
    ("dualstack.gateway.relay.stream.choose", "dualstack.gateway.relay.stream.asyncio_relay"),  # another system's
    ("dualstack.gateway.runner", "dualstack.gateway.control.places"),  # before
    ("dualstack.net.dial.asyncio_calls", "dualstack.net.dial.asyncio_handshake"),  # TLS of our own
    ("dualstack.net.dial.by_name", "dualstack.net.dial.service_lookup"),  # HTTPS records
    ("dualstack.net.dial.dialer", "dualstack.net.dial.blocking_calls"),
}


@pytest.mark.parametrize(
    "process",
    [
        ["runner", "processes.supervisor", "control.server", "status.page.server"],
        ["processes.fork_server"],
    ],
)
def test_what_a_gateway_imports_late_it_has_read_before_it_gives_up_its_rights(process: list[str]) -> None:
    names = [f"dualstack.gateway.{name}" for name in process]
    ran = subprocess.run([sys.executable, "-c", STILL_UNREAD, *names], capture_output=True, text=True, check=True)
    unread = {tuple(each) for each in json.loads(ran.stdout)}
    assert unread <= NOT_OF_A_GATEWAY
