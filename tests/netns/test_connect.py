"""Connections on hosts of their own: a translator's prefix found by itself, scopes, sources, names of one family."""

import json

from conftest import MakeNamespace
from dualstack.lab.host import Host
from dualstack.lab.network import Network
from support.program import Dualstack, dualstack

FAMILY_OF = {4: "ipv4", 6: "ipv6"}


def connected(host: Host, *arguments: object) -> dict[str, object]:
    done = dualstack("connect", *arguments, "--json", "--timeout", "20", host=host)
    document: dict[str, object] = json.loads(done.stdout)
    return document


def test_an_ipv4_address_is_reached_through_a_translator_that_was_looked_for(namespace: MakeNamespace) -> None:
    """RFC 7050: the name that has IPv4 addresses alone has an IPv6 one where there is a translator."""
    host = namespace(hosts="64:ff9b::c000:aa ipv4only.arpa\n198.51.100.1 four.example\n")
    host.run(["ip", "address", "add", "64:ff9b::c633:6401/128", "dev", "lo"])
    host.run(["ip", "address", "add", "2001:db8::1/64", "dev", "lo"])
    host.run(["ip", "-6", "route", "add", "default", "dev", "lo"])
    with Dualstack("listen", "[64:ff9b::c633:6401]:0", host=host) as server:
        for target in ("198.51.100.1", "four.example"):
            document = connected(host, target, server.port)
            assert (document["connected"], document["peer"], document["error"]) == (True, "64:ff9b::c633:6401", None)
            (found,) = [event for event in document["events"] if event["kind"] == "synthesised"]
            assert found["ipv4"] == "198.51.100.1"


def test_a_scope_is_kept_on_the_way(network: Network) -> None:
    ours, theirs = network.namespace(), network.namespace()
    network.link(ours, theirs, names=("left0", "right0"), addresses=(["fe80::1/64"], ["fe80::2/64"]))
    with Dualstack("listen", "[fe80::2%right0]:0", host=theirs) as server:
        document = connected(ours, "fe80::2%left0", server.port)
        assert (document["connected"], document["peer"]) == (True, "fe80::2%left0")
    done = dualstack("connect", "fe80::2", "80", host=ours)
    assert done.returncode == 78
    assert "write fe80::2%left0" in done.stderr


def test_a_name_with_one_dead_family_is_reached_over_the_other(network: Network) -> None:
    ours = network.namespace(hosts="2001:db8::2 mail.example\n192.0.2.2 mail.example\n")
    theirs = network.namespace()
    addresses = (["2001:db8::1/64", "192.0.2.1/24"], ["192.0.2.2/24"])
    network.link(ours, theirs, addresses=addresses)
    with Dualstack("listen", "192.0.2.2:0", host=theirs) as server:
        document = connected(ours, "mail.example", server.port)
        assert (document["connected"], document["peer"]) == (True, "192.0.2.2")
        tried = [event["address"] for event in document["events"] if event["kind"] == "attempt"]
        assert tried == ["2001:db8::2", "192.0.2.2"]
