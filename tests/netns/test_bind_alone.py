"""What can be bound: the kernel, `--check` and the gateway say the same of every address on hosts of every kind."""

import json
from pathlib import Path

import pytest

from conftest import MakeNamespace
from dualstack.lab.host import Host
from support.program import Dualstack, dualstack

pytestmark = pytest.mark.root

USUAL = """
ip link add eth0 type veth peer name eth1
ip link set eth1 up
ip link set eth0 up
ip address add 10.0.0.1/24 broadcast 10.0.0.255 dev eth0
ip address add 2001:db8::1/64 dev eth0
ip address add fe80::7/64 dev eth0 nodad
ip address add 2001:db8::dead/64 dev eth0 preferred_lft 0
ip route add local 192.0.2.0/24 dev lo
ip -6 route add local 2001:db8:5::/64 dev lo
"""
TENTATIVE = """
sysctl -q net.ipv6.conf.eth0.accept_dad=1 net.ipv6.conf.eth0.dad_transmits=600
ip address add 2001:db8::2/64 dev eth0
"""
# eth1 answers for it as the host would.
ANOTHER_HOST = """
sysctl -q net.ipv6.conf.all.forwarding=1 net.ipv6.conf.eth1.proxy_ndp=1
ip neighbour add proxy 2001:db8::2 dev eth1
"""
NONLOCAL = """
sysctl -q net.ipv4.ip_nonlocal_bind=1 net.ipv6.ip_nonlocal_bind=1
"""
NO_LOOPBACK = """
ip address del 127.0.0.1/8 dev lo
ip address del ::1/128 dev lo
"""
OTHER_LOOPBACK = """
ip address del 127.0.0.1/8 dev lo
ip address add 127.0.0.2/8 dev lo
"""

# (protocol, bind, keys of the port beside)
CELLS = (
    *((protocol, address, "") for address in ("10.0.0.1", "10.0.0.9", "10.0.0.255") for protocol in ("tcp", "udp")),
    *((protocol, address, "") for address in ("255.255.255.255", "192.0.2.9") for protocol in ("tcp", "udp")),
    *((protocol, address, "") for address in ("224.0.0.5", "127.0.0.1", "127.9.9.9") for protocol in ("tcp", "udp")),
    *((protocol, address, "") for address in ("2001:db8::1", "2001:db8::9") for protocol in ("tcp", "udp")),
    *((protocol, address, "") for address in ("2001:db8:5::9", "::1", "ff0e::5") for protocol in ("tcp", "udp")),
    ("tcp", "10.0.0.0", ""),
    ("tcp", "240.0.0.1", ""),
    ("tcp", "::ffff:10.0.0.1", ""),
    ("tcp", "::ffff:10.0.0.9", ""),
    ("tcp", "2001:db8::dead", ""),
    ("tcp", "fe80::7%eth0", ""),
    ("tcp", "fe80::7%eth1", ""),
    ("udp", "ff02::5%eth0", ""),
    ("tcp", "10.0.0.9", "freebind = true"),
    ("udp", "2001:db8::9", "freebind = true"),
    ("tcp", "2001:db8:5::9", "freebind = true"),
    ("tcp", "10.0.0.1", "interface = 'eth0'"),
    ("tcp", "::1", "interface = 'eth0'"),
    ("tcp", "2001:db8::1", "interface = 'eth1'"),
    ("tcp", "2001:db8::1", "interface = 'eth0'"),
)


def answer(host: str, port: int) -> str:
    """What a server says before it closes."""
    import socket

    with socket.create_connection((host, port), timeout=20) as connection:
        return connection.makefile("r").read().strip()


def configuration(number: int, cell: tuple[str, str, str]) -> str:
    protocol, address, more = cell
    name = f"cell{number}"
    return (
        f"[ports.{name}]\nbind = '{address}'\n{more}\n"
        f"[[services]]\nname = '{name}'\nprotocol = '{protocol}'\nports = ['{name}']\nport = {5000 + number}\n"
        "to = '10.0.0.7:9'\n"
    )


def what_the_kernel_says(cells: list[list[str]]) -> list[str | None]:
    """With nothing of ours."""
    import errno
    import socket

    said = []
    for protocol, address, more in cells:
        host, _, zone = address.removeprefix("::ffff:").partition("%")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM) as sock:
            if "freebind" in more:
                sock.setsockopt(*((41, 78) if family == socket.AF_INET6 else (0, 15)), 1)
            if "interface" in more:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, more.split("'")[1].encode())
            scope = (0, socket.if_nametoindex(zone)) if zone else ()
            try:
                sock.bind((host, 0, *scope))
            except OSError as error:
                said.append(errno.errorcode[error.errno])
            else:
                said.append(None)
    return said


def what_the_gateway_does(texts: list[str]) -> list[str | None]:
    """Each text as a gateway of its own, opened and closed."""
    import asyncio
    import errno

    from dualstack.errors import ListenError
    from dualstack.gateway.config.toml import parse
    from dualstack.gateway.counters.log import Log, open_log
    from dualstack.gateway.processes.gateway import Gateway
    from dualstack.gateway.relay.stream.choose import data_plane

    async def opened(text: str, log: Log) -> str | None:
        gateway = Gateway(parse(text, "cell.toml"), data_plane(asyncio.get_running_loop()), log)
        try:
            await gateway.open()
        except ListenError as error:
            return errno.errorcode[error.errno or 0]
        finally:
            await gateway.close()
        return None

    log = open_log("text", quiet=True)
    return [asyncio.run(opened(text, log)) for text in texts]


def what_check_says(host: Host, path: Path, cells: tuple[tuple[str, str, str], ...]) -> list[str | None]:
    path.write_text("".join(configuration(*numbered) for numbered in enumerate(cells)), encoding="utf-8")
    checked = dualstack("gateway", "--config", path, "--check", "--json", host=host)
    assert checked.returncode in {0, 1}, checked.stderr
    conflicts = json.loads(checked.stdout)["conflicts"]
    found = {conflict["a"].rpartition("(")[2].rstrip(")"): conflict["errno"] for conflict in conflicts}
    assert len(found) == len(conflicts), "one conflict a cell"
    return [found.get(f"cell{number}") for number in range(len(cells))]


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        (USUAL, {("tcp", "10.0.0.9"): "EADDRNOTAVAIL", ("udp", "10.0.0.255"): None, ("tcp", "192.0.2.9"): None}),
        (USUAL + NONLOCAL, {("tcp", "10.0.0.9"): None, ("tcp", "2001:db8::9"): None}),
        (USUAL + NO_LOOPBACK, {("tcp", "127.0.0.1"): "EADDRNOTAVAIL", ("tcp", "127.9.9.9"): "EADDRNOTAVAIL"}),
        (USUAL + OTHER_LOOPBACK, {("tcp", "127.9.9.9"): None}),
    ],
    ids=["usual", "nonlocal", "no loopback", "another loopback"],
)
def test_the_kernel_and_check_and_the_gateway_agree_on_every_address(
    namespace: MakeNamespace, tmp_path: Path, setup: str, expected: dict[tuple[str, str], str | None]
) -> None:
    host = namespace()
    host.run(["sh", "-ec", setup])
    kernel = host.call(what_the_kernel_says, CELLS)
    told = {
        (protocol, address): said for (protocol, address, more), said in zip(CELLS, kernel, strict=True) if not more
    }
    assert expected.items() <= told.items()
    assert dict(zip(CELLS, what_check_says(host, tmp_path / "cells.toml", CELLS), strict=True)) == dict(
        zip(CELLS, kernel, strict=True)
    )
    texts = [configuration(*numbered) for numbered in enumerate(CELLS)]
    assert dict(zip(CELLS, host.call(what_the_gateway_does, texts), strict=True)) == dict(
        zip(CELLS, kernel, strict=True)
    )


def until_it_is(host: Host, state: str) -> None:
    """Wait in the host until the kernel says that an address is `state`."""

    def waiting(state: str) -> bool:
        import select

        from dualstack.kernel.facts import read_interfaces
        from dualstack.kernel.netlink import Notices

        with Notices.of_addresses() as notices:
            while not any(getattr(each, state) for each in read_interfaces()):
                select.select([notices], [], [])
                notices.drain()
        return True

    assert host.call(waiting, state)


def test_an_address_that_stays_tentative_is_called_so_by_all(namespace: MakeNamespace, tmp_path: Path) -> None:
    host = namespace()
    host.run(["sh", "-ec", USUAL + TENTATIVE])
    cell = ("tcp", "2001:db8::2", "")
    assert host.call(what_the_kernel_says, [cell]) == ["EADDRNOTAVAIL"]
    path = tmp_path / "gateway.toml"
    path.write_text(configuration(0, cell), encoding="utf-8")
    for how, code in (["--check"], 1), ([], 78):
        refused = dualstack("gateway", "--config", path, "--control", tmp_path / "control.sock", *how, host=host)
        assert refused.returncode == code
        assert "waiting up to 3 s for 2001:db8::2" in refused.stderr
        assert "2001:db8::2 is still tentative on eth0" in refused.stdout + refused.stderr
    freely = configuration(0, (*cell[:2], "freebind = true"))
    assert host.call(what_the_gateway_does, [freely]) == [None]


def bound_at_once(address: str) -> list[str]:
    """What is said while an address is bound that was added just before, and where the socket is then."""
    import subprocess

    from dualstack.kernel.sockets import open_sockets
    from dualstack.net.listen import bind_sockets, plan_listen

    told: list[str] = []
    for warm in bind_sockets("localhost:0"):
        warm.close()
    subprocess.run(["ip", "address", "add", f"{address}/64", "dev", "eth0"], check=True)
    planned = plan_listen(f"[{address}]:5000", tell=told.append)
    with open_sockets(planned.sockets)[0] as sock:
        return [*told, sock.getsockname()[0]]


def test_an_address_that_is_tentative_for_now_is_waited_for(namespace: MakeNamespace) -> None:
    host = namespace()
    slowly = "sysctl -q net.ipv6.conf.eth0.accept_dad=1 net.ipv6.neigh.eth0.retrans_time_ms=1500"
    host.run(["sh", "-ec", USUAL + slowly])
    told, where = host.call(bound_at_once, "2001:db8::2")
    assert told == "waiting up to 3 s for 2001:db8::2: tentative until no other host is found to have it"
    assert where == "2001:db8::2"


def test_an_address_that_another_host_has_is_called_so(namespace: MakeNamespace) -> None:
    host = namespace()
    host.run(["sh", "-ec", USUAL + ANOTHER_HOST + TENTATIVE.replace("=600", "=1")])
    until_it_is(host, "duplicate")
    refused = dualstack("listen", "[2001:db8::2]:5000", host=host)
    assert refused.returncode == 78
    assert "another host has 2001:db8::2 too, so eth0 may not use it" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize(("missing", "left"), [("127.0.0.1/8", "::1"), ("::1/128", "127.0.0.1")])
def test_localhost_is_the_loopback_that_is_there(namespace: MakeNamespace, missing: str, left: str) -> None:
    host = namespace()
    host.run(["sh", "-ec", f"{USUAL}ip address del {missing} dev lo"])
    for verb in (["relay", "localhost:5000", "exec:/bin/cat"], ["listen", "localhost:5000"]):
        with Dualstack(*verb, host=host) as serving:
            assert [socket["address"] for socket in serving.sockets] == [left]
            serving.end()
            family = "IPv6" if left == "::1" else "IPv4"
            assert f"{family} alone, because no interface has {missing.partition('/')[0]}" in serving.err.rest()


def test_localhost_without_any_loopback_is_an_error(namespace: MakeNamespace) -> None:
    host = namespace()
    host.run(["sh", "-ec", USUAL + NO_LOOPBACK])
    refused = dualstack("listen", "localhost:5000", host=host)
    assert refused.returncode == 78
    assert "no interface of this host has 127.0.0.1" in refused.stderr


def test_localhost_in_use_on_one_loopback_stays_an_error(namespace: MakeNamespace) -> None:
    host = namespace()
    with Dualstack("listen", "[::1]:5000", host=host):
        refused = dualstack("listen", "localhost:5000", host=host)
        assert refused.returncode == 69
        assert "[::1]:5000" in refused.stderr


def test_freebind_serves_an_address_once_it_comes_and_a_reload_keeps_its_socket(
    namespace: MakeNamespace, tmp_path: Path
) -> None:
    import signal

    from dualstack.gateway.control.client import request

    host = namespace()
    host.run(["sh", "-ec", USUAL])
    path, control = tmp_path / "gateway.toml", str(tmp_path / "control.sock")
    cell = configuration(0, ("tcp", "10.0.0.9", "freebind = true")).replace("10.0.0.7:9", "exec:/bin/echo served")
    path.write_text(cell, encoding="utf-8")
    with Dualstack("gateway", "--config", path, "--control", control, host=host) as gateway:
        host.run(["ip", "address", "add", "10.0.0.9/24", "dev", "eth0"])
        assert host.call(answer, "10.0.0.9", 5000) == "served"
        host.run(["ip", "address", "del", "10.0.0.9/24", "dev", "eth0"])
        gateway.send_signal(signal.SIGHUP)
        assert "kept=1" in gateway.err.until("reloaded")
        path.write_text(cell.replace("freebind = true", ""), encoding="utf-8")
        gateway.send_signal(signal.SIGHUP)
        assert "kept=1" in gateway.err.until("reloaded")
        assert [port["state"] for port in request(control, "list")["ports"]] == ["listening"]  # type: ignore[attr-defined]
