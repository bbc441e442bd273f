"""`kernel.facts`: whether IPv6 counts as on, on systems that are not here."""

import errno
import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import pytest

from dualstack.kernel import facts
from dualstack.kernel.facts import Ipv6Status, has_gvisor_sockets, ipv6_status, system_name

LISTED = "00000000000000000000000000000001 01 80 10 80       lo\n"


class Probe:
    """An AF_INET6 socket of another system."""

    def __init__(self, *, v6only: int = 0, local: frozenset[str] = frozenset()) -> None:
        self._v6only = v6only
        self._local = local
        self.is_open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False

    def getsockopt(self, *_option: int) -> int:
        return self._v6only

    def bind(self, address: tuple[str, int]) -> None:
        if address[0] not in self._local:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))

    def connect(self, address: tuple[str, int]) -> None:
        if address[0] not in self._local:
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))


def tree(root: Path, files: dict[str, str]) -> str:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return str(root)


def status(root: str, probe: Probe) -> Ipv6Status:
    found = ipv6_status(root=root, open_socket=lambda *_: probe)  # type: ignore[arg-type]
    assert not probe.is_open
    return found


@pytest.mark.parametrize("v6only", [0, 1])
def test_an_address_on_an_interface_is_ipv6(tmp_path: Path, v6only: int) -> None:
    root = tree(tmp_path, {"proc/thread-self/net/if_inet6": LISTED})
    assert status(root, Probe(v6only=v6only)) == Ipv6Status(ipv6=True, bindv6only=bool(v6only))


@pytest.mark.parametrize("conf", ["all", "default", "lo"])
def test_no_address_names_the_sysctl_that_does_it(tmp_path: Path, conf: str) -> None:
    names = ("all", "default", "lo")
    files = {f"proc/sys/net/ipv6/conf/{name}/disable_ipv6": f"{int(name == conf)}\n" for name in names}
    root = tree(tmp_path, {"proc/thread-self/net/if_inet6": "", **files})
    why = f"no interface has an IPv6 address (net.ipv6.conf.{conf}.disable_ipv6 = 1)"
    assert status(root, Probe(local=frozenset({"::1"}))) == Ipv6Status(ipv6=False, why_no_ipv6=why)


def test_no_address_and_no_sysctl_is_just_that(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/thread-self/net/if_inet6": ""})
    assert status(root, Probe()).why_no_ipv6 == "no interface has an IPv6 address"


@pytest.mark.parametrize("local", ["::1", "2001:db8::1"])
def test_where_nothing_lists_addresses_a_socket_is_tried(tmp_path: Path, local: str) -> None:
    assert status(str(tmp_path), Probe(v6only=1, local=frozenset({local}))) == Ipv6Status(ipv6=True, bindv6only=True)


def test_where_nothing_lists_addresses_and_no_socket_has_one_ipv6_is_off(tmp_path: Path) -> None:
    assert not status(str(tmp_path), Probe()).ipv6


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EPERM, errno.EACCES])
def test_a_family_that_is_refused_is_off(tmp_path: Path, code: int) -> None:
    def refuse(*_: int) -> socket.socket:
        raise OSError(code, os.strerror(code))

    why = f"AF_INET6 sockets cannot be made: {os.strerror(code)}"
    assert ipv6_status(root=str(tmp_path), open_socket=refuse) == Ipv6Status(
        ipv6=False, why_no_ipv6=why, has_socket=False
    )
    root = tree(tmp_path, {"sys/module/ipv6/parameters/disable": "1\n"})
    why += " (the kernel was started with ipv6.disable=1)"
    assert ipv6_status(root=root, open_socket=refuse) == Ipv6Status(ipv6=False, why_no_ipv6=why, has_socket=False)


def test_too_many_open_files_says_nothing_about_ipv6(tmp_path: Path) -> None:
    def refuse(*_: int) -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with pytest.raises(OSError, match="Too many open files"):
        ipv6_status(root=str(tmp_path), open_socket=refuse)


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        ("linux", "linux"),
        ("android", "linux"),
        ("darwin", "macos"),
        ("win32", "windows"),
        ("cygwin", "windows"),
        ("freebsd14", "freebsd"),
        ("netbsd10", "netbsd"),
        ("openbsd7", "openbsd"),
        ("sunos5", "illumos"),
        ("aix", "aix"),
    ],
)
def test_systems_go_by_our_names(platform: str, name: str) -> None:
    assert system_name(platform) == name


def test_gvisor_calls_itself_linux_and_is_asked() -> None:
    assert system_name("linux", is_gvisor=lambda: True) == "gvisor"
    assert system_name("linux", is_gvisor=lambda: False) == "linux"
    assert system_name("freebsd14", is_gvisor=lambda: True) == "freebsd"


@pytest.mark.parametrize(("code", "is_gvisor"), [(errno.EHOSTUNREACH, True), (errno.EINVAL, False), (None, False)])
def test_gvisors_sockets_are_known_by_what_a_mapped_bind_says(code: int | None, *, is_gvisor: bool) -> None:
    class Told(socket.socket):
        def bind(self, _name: object) -> None:
            if code is not None:
                raise OSError(code, "as told")

    assert has_gvisor_sockets(Told) is is_gvisor
    assert has_gvisor_sockets() is False, "this is Linux"


@pytest.mark.parametrize(
    ("version", "is_own", "name"),
    [
        ("#1 SMP Sun Jan 10 15:06:54 PST 2016", True, "gvisor"),
        ("#1 SMP Sun Jan 10 15:06:54 PST 2016", False, "linux"),
        ("#1 SMP PREEMPT_DYNAMIC", True, "linux"),
    ],
)
def test_gvisor_is_known_by_its_version_and_its_sockets(
    version: str, name: str, monkeypatch: pytest.MonkeyPatch, *, is_own: bool
) -> None:
    """Neither alone says it: one is the same with the network of the host, and other kernels may be odd too."""
    facts._is_gvisor.cache_clear()
    monkeypatch.setattr(facts.os, "uname", lambda: SimpleNamespace(version=version))
    monkeypatch.setattr(facts, "has_gvisor_sockets", lambda: is_own)
    try:
        assert system_name("linux") == name
    finally:
        facts._is_gvisor.cache_clear()
