"""Rights given up for good, and the limit of descriptors raised to what is allowed."""

import os
import resource

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
