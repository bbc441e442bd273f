"""`kernel.facts` asked of real kernels' network namespaces, and held against what ip(8) says."""

import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dualstack.core.address.address import Address
from dualstack.kernel.facts import Ipv6Status, ipv6_status, read_facts

if TYPE_CHECKING:
    from conftest import MakeNamespace
    from dualstack.lab.network import Network

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux' own way of telling")


def facts() -> dict[str, object]:
    from dualstack.kernel.facts import read_facts  # this goes to another process as source

    found = read_facts()
    return {
        "system": found.system,
        "ipv6": found.ipv6,
        "why": found.why_no_ipv6,
        "bindv6only": found.bindv6only,
        "low": found.first_unprivileged_port,
        "may": found.may_bind_low,
        "interfaces": [interface.name for interface in found.interfaces],
    }


def addresses(name: str) -> list[str]:
    from dualstack.kernel.facts import read_facts  # this too

    return [str(address) for each in read_facts().interfaces if each.name == name for address in each.addresses]


def test_this_host_is_as_ip_says() -> None:
    said = json.loads(subprocess.run(["ip", "-j", "address"], check=True, capture_output=True).stdout)
    expected = {
        (link["ifname"], link["ifindex"]): [
            Address(a["local"], link["ifname"] if a["family"] == "inet6" and a["scope"] == "link" else None)
            for a in link["addr_info"]
        ]
        for link in said
    }
    assert {(i.name, i.index): list(i.addresses) for i in read_facts().interfaces} == expected


def test_listeners_are_read_where_they_are_asked_for() -> None:
    assert read_facts().listeners is None
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert any(listener.port == port for listener in read_facts(listeners=True).listeners or ())


def test_names_are_passed_on() -> None:
    names = {"localhost": (Address("::1"),)}
    assert read_facts(names=names).names == names


def test_a_host_with_loopback_alone(namespace: "MakeNamespace") -> None:
    found = namespace().call(facts)
    assert found == {
        "system": "linux",
        "ipv6": True,
        "why": "",
        "bindv6only": False,
        "low": 1024,
        "may": True,
        "interfaces": ["lo"],
    }


@pytest.mark.parametrize(
    ("sysctl", "loopback", "why"),
    [
        ("net.ipv6.conf.all.disable_ipv6", True, " (net.ipv6.conf.all.disable_ipv6 = 1)"),
        ("net.ipv6.conf.lo.disable_ipv6", True, " (net.ipv6.conf.lo.disable_ipv6 = 1)"),
        (None, False, ""),
    ],
)
def test_without_an_address_ipv6_is_off_and_the_reason_named(
    namespace: "MakeNamespace", sysctl: str | None, why: str, *, loopback: bool
) -> None:
    host = namespace(sysctls={sysctl: 1} if sysctl else {}, loopback=loopback)
    found = host.call(facts)
    assert (found["ipv6"], found["why"]) == (False, f"no interface has an IPv6 address{why}")


def test_sysctls_are_read(namespace: "MakeNamespace") -> None:
    host = namespace(sysctls={"net.ipv6.bindv6only": 1, "net.ipv4.ip_unprivileged_port_start": 80})
    found = host.call(facts)
    assert (found["bindv6only"], found["low"]) == (True, 80)


def test_link_local_addresses_carry_their_interface_and_a_tunnel_its_own_end(network: "Network") -> None:
    a, b = network.namespace(), network.namespace()
    network.link(a, b, names=("left", "right"), addresses=(["10.0.0.1 peer 10.9.9.9/32"], ["2001:db8::1/64"]))
    left, right = a.call(addresses, "left"), b.call(addresses, "right")
    assert left[0] == "10.0.0.1"
    assert left[1].startswith("fe80::")
    assert left[1].endswith("%left")
    assert right[0] == "2001:db8::1"


MAY_BIND_LOW = "from dualstack.kernel.facts import read_facts; print(read_facts().may_bind_low)"


@pytest.mark.root
@pytest.mark.parametrize(
    ("within", "may"),
    [
        ([], "True"),
        (["setpriv", "--bounding-set=-net_bind_service"], "False"),
        (["unshare", "--user", "--map-root-user"], "False"),
        (["unshare", "--user", "--map-root-user", "--net"], "True"),
    ],
)
def test_the_right_to_low_ports_is_one_over_this_network(within: list[str], may: str) -> None:
    said = subprocess.run(
        [*within, sys.executable, "-c", MAY_BIND_LOW], check=True, capture_output=True, text=True, timeout=20
    )
    assert said.stdout.strip() == may


def test_a_python_without_ipv6_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_ipv6", False)
    assert ipv6_status() == Ipv6Status(
        ipv6=False, why_no_ipv6="this Python was built without IPv6", bindv6only=False, has_socket=False
    )
