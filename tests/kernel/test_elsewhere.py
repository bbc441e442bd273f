"""What is Linux' alone is not asked for elsewhere: each module of the kernel's as if another system ran it.

Names before and behind "linux" in the alphabet, so that a comparison turned round is seen.
"""

import errno
import importlib
import importlib.util
import socket
import struct
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from dualstack.core.access.forward_rules import Near
from dualstack.core.address.address import Address
from dualstack.core.host.network import Link
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.kernel import (
    attempts,
    bound_device,
    datagrams,
    facts,
    namespaces,
    nearness,
    network_state,
    packets,
    recorder,
    sockdiag,
    socket_options,
    sockets,
    unsent,
)
from dualstack.kernel.probes import Heard, Probe, Way, probe_all
from support.free_port import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that plays the others")

OTHERS = ("darwin", "freebsd14", "sunos5", "win32")
HERE = Address("127.0.0.1")
LO = Link("lo", 1, is_up=True, is_loopback=True, mtu=1)


def loaded(module: ModuleType, platform: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it is imported there."""
    spec = importlib.util.spec_from_file_location(f"{module.__name__}_elsewhere", str(module.__file__))
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as there:
        there.setattr(sys, "platform", platform)
        spec.loader.exec_module(made)
    return made


@pytest.mark.parametrize("platform", OTHERS)
@pytest.mark.parametrize(
    ("call", "told"),
    [
        (sockdiag.read_listeners, None),
        (lambda: sockdiag.read_connections(80), ()),
        (network_state.read_links, ()),
        (lambda: network_state.read_addresses((LO,)), ()),
        (lambda: network_state.route_to(HERE), None),
        (lambda: nearness.why_near(HERE), Near(is_own=True)),
        (lambda: nearness.why_near(Address("192.0.2.1")), None),
        (lambda: unsent.unsent(-1), 0),
    ],
    ids=["listeners", "connections", "links", "addresses", "route", "own", "far", "unsent"],
)
def test_what_only_linux_tells_is_nothing(
    call: Callable[[], object], told: object, platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object) -> None:
        raise AssertionError("Linux was asked")

    for name in ("ask", "dump"):
        monkeypatch.setattr(network_state.netlink, name, asked)
    monkeypatch.setattr(sys, "platform", platform)
    assert call() == told


SPEC = SocketSpec("a", "a", 4, HERE, 0, None, interface="lo")


@pytest.mark.parametrize("platform", OTHERS)
def test_an_interface_is_never_gone_where_nobody_tells(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as sock:
        assert bound_device.hearing(sock, SPEC) is bound_device.Hearing.ANEW
        monkeypatch.setattr(sys, "platform", platform)
        assert bound_device.hearing(sock, SPEC) is bound_device.Hearing.HEARS


@pytest.mark.parametrize("platform", OTHERS)
@pytest.mark.parametrize(
    ("call", "number"),
    [
        (lambda: packets.open_packet_socket("lo"), errno.ENOSYS),
        (lambda: namespaces.unshare(namespaces.Kinds(0)), errno.ENOSYS),
        (lambda: sockets.bind_alone(SocketSpec("a", "a", 4, HERE, 0, None, freebind=True)), errno.EOPNOTSUPP),
    ],
    ids=["packets", "namespaces", "freebind"],
)
def test_what_only_linux_does_is_refused(
    call: Callable[[], object], number: int, platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(OSError, match=r"Linux'|cannot bind an address that comes later") as caught:
        call()
    assert caught.value.errno == number


def options_of(sock: socket.SocketType, *names: tuple[int, int]) -> list[int]:
    return [sock.getsockopt(*name) for name in names]


RECVERR, REUSEADDR, REUSEPORT = (0, 11), (socket.SOL_SOCKET, 2), (socket.SOL_SOCKET, 15)


@pytest.mark.parametrize("platform", OTHERS)
def test_errors_of_icmp_are_asked_for_on_linux_alone(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, monkeypatch.context() as there:
        there.setattr(sys, "platform", platform)
        datagrams.tell_of_undelivered(sock)
        assert options_of(sock, RECVERR) == [0]
        # Nothing but the call tells of it, and nobody says who it was.
        refused = Heard(errno=errno.ECONNREFUSED)
        assert probe_all([Probe(Way.UDP, HERE, free_port(), b"?", limit_s=5)]) == [refused]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        datagrams.tell_of_undelivered(sock)
        assert options_of(sock, RECVERR) == [1]


@pytest.mark.parametrize("platform", [*OTHERS, "linux"])
def test_addresses_are_used_again_everywhere_but_on_windows(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There strangers could share them: our own socket excludes them (here by an option that Linux takes for it)."""
    is_windows = platform == "win32"
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    excludes = (socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    for is_shared in (False, True):
        spec = SocketSpec("a", "a", 4, HERE, free_port(), None, shared=is_shared)
        (sock,) = sockets.open_sockets([spec])
        with sock:
            told = options_of(sock, REUSEADDR, REUSEPORT, excludes)
            assert told == [not is_windows, is_shared and not is_windows, is_windows and not is_shared]
    with socket.socket() as sock:
        socket_options.share_port(sock)
        assert options_of(sock, REUSEPORT) == [not is_windows]


@pytest.mark.parametrize("platform", ["aix", "win32", "zos"])
def test_low_ports_are_for_everybody_on_windows(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = facts.read_facts().first_unprivileged_port
    monkeypatch.setattr(facts, "_is_network_of_a_stranger", lambda: True)
    monkeypatch.setattr(sys, "platform", platform)
    told = facts.read_facts()
    assert (told.first_unprivileged_port, told.may_bind_low) == ((0, True) if platform == "win32" else (usual, False))


@pytest.mark.parametrize("platform", OTHERS)
def test_interfaces_have_no_addresses_where_nobody_lists_them(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    interfaces = facts.read_interfaces()
    assert {each.name for each in interfaces} == {name for _, name in socket.if_nameindex()}
    assert not any(each.addresses for each in interfaces)
    monkeypatch.setattr(facts, "_has_way", lambda family, _host: family == socket.AF_INET6)
    assert facts.configured_families() == {6}


@pytest.mark.parametrize("platform", ["aix", *OTHERS, "linux"])
def test_a_record_waits_and_resets_as_the_system_takes_it(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = loaded(recorder, platform, monkeypatch)
    is_windows = platform == "win32"
    expected = (0.05, struct.pack("hh", 1, 0)) if is_windows else (0.3, struct.pack("ii", 1, 0))
    assert expected == (there.PATIENCE_S, there.RESET)


@pytest.mark.parametrize("platform", ["aix", *OTHERS, "linux"])
def test_what_is_settled_at_import_is_linux_alone(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    is_linux = platform == "linux"
    assert loaded(sockets, platform, monkeypatch).KEEPS_ITS_PORT is is_linux
    assert loaded(attempts, platform, monkeypatch)._CAN_ASK_AGAIN is is_linux
    icmp_sockets = loaded(importlib.import_module("dualstack.kernel.icmp_sockets"), platform, monkeypatch)
    assert icmp_sockets._IS_LINUX is is_linux
    option = {"linux": 8, "darwin": 26, "freebsd14": 7}.get(platform)
    assert option == loaded(datagrams, platform, monkeypatch)._IP_OPTION
