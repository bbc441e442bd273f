"""Search domains and two families: both are of one name, whoever is asked for it."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import MakeNamespace

RESOLV_CONF = "nameserver 127.0.0.1\nsearch corp.test other.test\n"
# Of the domains that are searched the first has IPv4 alone; the second would have IPv6 for any name.
NAMES = {"www.corp": ["127.0.0.1"], "www.other": ["::1"], "full": ["127.0.0.1"], "full.test.other": ["::1"]}
NAMES |= {"later.other": ["127.0.0.1", "::1"], "full.test.corp": ["::1"]}


def dialled(names: dict[str, list[str]], faults: list[list[str]], resolver: str, targets: list[str]) -> list[object]:
    """Where each target was found, or why not, and what was asked of the server."""
    import socket
    import threading

    from dualstack import Dialer, create_connection
    from dualstack.errors import DualstackError
    from dualstack.lab.faults import Fault
    from dualstack.lab.zone import Zone
    from dualstack.net.names.resolver_choice import resolver_named

    zone = Zone({name: tuple(addresses) for name, addresses in names.items()}, faults=tuple(Fault(*f) for f in faults))
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))

    def serve() -> None:
        while True:
            packet, client = server.recvfrom(4096)
            reply = zone.answer(packet, client[0])
            if reply is not None:
                server.sendto(reply.packet, client)

    threading.Thread(target=serve, daemon=True).start()
    listening = [socket.create_server((host, 7000), family=f) for host, f in (("127.0.0.1", 2), ("::1", 10))]
    dialer = Dialer(resolver=resolver_named([resolver]), history=None, nat64=())
    found: list[object] = []
    for target in targets:
        addresses = set()
        for _ in range(3):
            try:
                with create_connection((target, 7000), 20, dialer=dialer) as sock:
                    addresses.add(sock.getpeername()[0])
            except DualstackError as error:
                addresses.add(type(error).__name__)
        found.append(sorted(addresses))
    assert listening
    return found


@pytest.mark.parametrize("resolver", ["system", "dns"])
@pytest.mark.parametrize("nsswitch", ["hosts: files dns\n", "hosts: files myhostname dns\n"])
def test_a_connection_never_ends_at_another_names_address(
    namespace: "MakeNamespace", resolver: str, nsswitch: str
) -> None:
    host = namespace(resolv_conf=RESOLV_CONF)
    host.use_files({"nsswitch.conf": nsswitch})
    asked = ["www", "full.test", "full.test.", "later", "nowhere", "www."]
    assert host.call(dialled, NAMES, [], resolver, asked) == [
        ["127.0.0.1"],
        ["127.0.0.1"],
        ["127.0.0.1"],
        ["::1"],
        ["LookupFailed"],
        ["LookupFailed"],
    ]


@pytest.mark.parametrize("resolver", ["system", "dns"])
def test_with_more_dots_wanted_the_domains_come_first(namespace: "MakeNamespace", resolver: str) -> None:
    host = namespace(resolv_conf=f"{RESOLV_CONF}options ndots:2\n")
    assert host.call(dialled, NAMES, [], resolver, ["full.test", "www.corp.test"]) == [["::1"], ["127.0.0.1"]]


@pytest.mark.parametrize("resolver", ["system", "dns"])
def test_one_family_need_not_wait_for_the_other_where_domains_are_searched(
    namespace: "MakeNamespace", resolver: str
) -> None:
    """The C library's own lookup of both takes until it gives up on the one that is lost."""
    host = namespace(resolv_conf=RESOLV_CONF)
    assert host.call(dialled, NAMES, [["lookup-lost", "later.other.test", 4]], resolver, ["later"]) == [["::1"]]


@pytest.mark.parametrize("resolver", ["system", "dns"])
def test_a_domain_whose_server_fails_is_passed_over(namespace: "MakeNamespace", resolver: str) -> None:
    host = namespace(resolv_conf=RESOLV_CONF)
    faults = [["lookup-servfail", f"{name}.corp.test"] for name in ("later", "nowhere")]
    assert host.call(dialled, NAMES, faults, resolver, ["later", "nowhere"]) == [["::1"], ["LookupFailed"]]
