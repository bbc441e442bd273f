"""The program's network: an ordinary eth0 with default routes of both families, and a router that is ours.

The program has the addresses that this host would connect from, so that its C library sorts addresses as it does
outside (RFC 6724 goes by the source), and a server that is told of the client's address is told a true one. Where this
host has none of a family, an address of ours does: every program has both.
"""

import socket
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from dualstack.core.address.address import SOCKET_FAMILIES, Address
from dualstack.core.address.prefix import Prefix
from dualstack.gateway.transparent.place import Place
from dualstack.kernel.links import NETLINK_ROUTE, RouteKind, VethEnd, add_address, add_route, add_veth, bring_up
from dualstack.kernel.netlink_changes import Changes
from dualstack.kernel.network_thread import NetworkThread
from dualstack.kernel.zones import address_in

__all__ = ["ProgramNetwork", "addresses_inside"]

# Nobody is asked there: any address that is not this host's shows the way out (RFC 5737, RFC 3849).
_ELSEWHERE = {4: "192.0.2.1", 6: "2001:db8::1"}
_EVERYWHERE = {4: Prefix.parse("0.0.0.0/0"), 6: Prefix.parse("::/0")}
_PORT = 9
_MTU = 65520
_MAC = bytes.fromhex("02006473756e")
_INSIDE, _ROUTER = "eth0", "program"
# Of the pool, and what 6to4 would make of it (RFC 3056): a label that no destination has, so that of a name's addresses
# IPv4 sorts first where this host has no IPv6 (RFC 6724 section 6, rule 5; glibc's table has the label as well).
_OF_OURS = {4: Address("198.18.0.2"), 6: Address("2002:c612:2::2")}
_SYSCTLS, _IF_INET6 = Path("/proc/sys/net"), Path("/proc/net/if_inet6")
_SCOPE_GLOBAL = "00"  # of if_inet6 (include/net/ipv6.h: ipv6_addr_scope)


def addresses_inside() -> Mapping[int, Address]:
    """The program's addresses, by family."""
    found = {4: _source(4), 6: _source(6) or _without_a_way()}
    return {version: address or _OF_OURS[version] for version, address in found.items()}


def _source(version: int) -> Address | None:
    """The address that this host would send from."""
    try:
        with socket.socket(SOCKET_FAMILIES[version], socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[version], _PORT))
            address = address_in(probe.getsockname())
    except OSError:
        return None
    return None if address.needs_scope or address.is_loopback else address


def _without_a_way() -> Address | None:
    """An IPv6 address of this host where it has no default route, and reaches its neighbours all the same."""
    try:
        lines = _IF_INET6.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next(
        (Address(bytes.fromhex(words[0])) for words in map(str.split, lines) if words[3] == _SCOPE_GLOBAL), None
    )


@dataclass(frozen=True, slots=True)
class _Settings:
    """What sysctl(8) sets inside, by its path below net."""

    texts: Mapping[str, str]

    @classmethod
    def of_program(cls, group: int) -> "_Settings":
        """As this host's, where a program can tell; and ping for its group."""
        texts = {"ipv4/ping_group_range": f"{group} {group}"}
        for name in ("ipv6/bindv6only", "ipv4/ip_unprivileged_port_start", "ipv4/ip_local_port_range"):
            with suppress(OSError):
                texts[name] = (_SYSCTLS / name).read_text(encoding="ascii").strip()
        return cls(texts)

    def apply(self) -> None:
        """Here; what this kernel has not, or may not be written, stays as it is."""
        for name, text in self.texts.items():
            with suppress(OSError):
                (_SYSCTLS / name).write_text(text, encoding="ascii")


_OF_ROUTER = _Settings({"ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0"})


class ProgramNetwork:
    """Both networks, and our places in them; the block's end lets go of them.

    `addresses` are the program's by family, `router` and `program` are threads that live there, and `own_ports` are
    numbers that we listen on among the program's.

    Args:
        pid: a process in the program's network.
        group: of the program, which may use ping.

    Raises:
        OSError: the kernel has not what it takes, or gives no right; the message names it.
    """

    def __init__(self, pid: int, group: int) -> None:
        addresses = self.addresses = addresses_inside()
        settings = _Settings.of_program(group)
        with ExitStack() as undo:
            router = self.router = NetworkThread.in_new_namespace()
            undo.callback(router.close)
            program = self.program = NetworkThread.in_namespace_of(pid)
            undo.callback(program.close)
            program(settings.apply)
            router(partial(_set_up_router, pid, addresses))
            program(partial(_set_up_program, addresses))
            self.places = (
                undo.enter_context(Place(router, _ROUTER)),
                undo.enter_context(Place(program, "lo", is_loopback=True)),
            )
            self.own_ports = frozenset(place.listener.getsockname()[1] for place in self.places if place.is_loopback)
            self._undo = undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()


def _set_up_router(pid: int, addresses: Mapping[int, Address]) -> None:
    _OF_ROUTER.apply()
    with Changes(NETLINK_ROUTE) as changes:
        changes.make(add_veth(VethEnd(_ROUTER, _MAC, _MTU), VethEnd(_INSIDE, _MAC, _MTU, pid)))
        changes.make(bring_up("lo"))
        changes.make(bring_up(_ROUTER))
        for version in _families():
            changes.make(add_route(_ROUTER, Prefix(addresses[version], 32 if version == 4 else 128)))
            changes.make(add_route("lo", _EVERYWHERE[version], kind=RouteKind.LOCAL))


def _set_up_program(addresses: Mapping[int, Address]) -> None:
    with Changes(NETLINK_ROUTE) as changes:
        changes.make(bring_up("lo"))
        for version in _families():
            changes.make(add_address(_INSIDE, addresses[version]))
        changes.make(bring_up(_INSIDE))
        for version in _families():
            changes.make(add_route(_INSIDE, _EVERYWHERE[version], source=addresses[version]))


def _families() -> tuple[int, ...]:
    """Those that this kernel has."""
    return (4, 6) if _IF_INET6.exists() else (4,)
