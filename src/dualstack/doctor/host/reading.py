"""Fills a `HostState`: the kernel and a few files are read once, then resolvers and routers are asked in two rounds.

What cannot be read is named in `missing`. Nothing is changed, and nothing that is read is run.
"""

import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dualstack.core.address.address import Address
from dualstack.core.address.registry import is_public
from dualstack.core.dial.egress import IPV4ONLY_ARPA
from dualstack.core.dial.hosts_file import Hosts, parse_hosts
from dualstack.core.dial.resolv_conf import parse_resolv_conf
from dualstack.doctor.host import asking
from dualstack.doctor.host.asking import Target
from dualstack.doctor.host.processes import programs_of
from dualstack.doctor.host.state import HostState, Role, Server, TargetState
from dualstack.doctor.tree import Tree, Trouble
from dualstack.errors import DualstackError
from dualstack.kernel.facts import ipv6_status
from dualstack.kernel.network_state import read_addresses, read_disabled, read_links, route_to
from dualstack.kernel.sockdiag import read_listeners
from dualstack.net.names.getaddrinfo import resolve

if TYPE_CHECKING:
    from dualstack.core.host.network import Route

__all__ = ["NamedTarget", "heard_state", "read_state"]

# Whether there is a way to them says whether there is one to the rest of the world; nothing is sent.
_OUTSIDE = {4: Address("1.1.1.1"), 6: Address("2000::1")}
_LOOKUP_S = 2.0
_MOST_TARGETS = 4
_LEAST_MTU = {4: 576, 6: 1280}
_LABEL_MAX = 63  # RFC 1035 section 2.3.4

NamedTarget = tuple[str, int]
"""A name or address that was given, and a TCP port, 0 for none."""


def read_state(tree: Tree) -> HostState:
    """What the kernel and the files of this host say; nobody is asked.

    Args:
        tree: where the files are.
    """
    missing: list[str] = []
    state = HostState()
    try:
        links = read_links()
        addresses = read_addresses(links)
        ways_out = {version: route_to(there) for version, there in _OUTSIDE.items()}
    except OSError as error:
        missing.append(f"addresses and routes: netlink is refused ({error.strerror})")
    else:
        state = replace(state, links=links, addresses=addresses, ways_out=ways_out, disabled=read_disabled(links))
    try:
        status = ipv6_status()
    except OSError as error:
        missing.append(f"whether IPv6 is on: no socket can be made ({error.strerror})")
    else:
        state = replace(
            state, has_socket=status.has_socket, why_no_ipv6=status.why_no_ipv6, bindv6only=status.bindv6only
        )
    hosts_text = _text(tree, "/etc/hosts")
    listeners = read_listeners(bound=False)
    if listeners is None:
        missing.append("who listens: sock_diag is refused")
    elif hidden := sum(each.pid is None for each in listeners if each.proto == "tcp"):
        missing.append(f"whose {hidden} of the TCP sockets are: other users' processes are not shown to this one")
    return replace(
        state,
        hosts_text=hosts_text,
        hosts=parse_hosts(hosts_text or ""),
        gai_conf=_text(tree, "/etc/gai.conf") or "",
        servers=tuple(_servers(tree)),
        listeners=listeners,
        programs=programs_of({each.pid for each in listeners or () if each.pid}),
        missing=tuple(missing),
    )


def heard_state(state: HostState, named: Sequence[NamedTarget]) -> HostState:
    """The same with what resolvers, hosts beyond and routers say.

    Args:
        state: what was read.
        named: whom to ask besides.
    """
    missing = list(state.missing)
    own = {each.address.without_scope for each in state.addresses}
    targets = [
        _target(state, each.address, "", Role.RESOLVER) for each in state.servers if _is_beyond(each.address, own)
    ]
    for name, port in named:
        try:
            addresses = resolve(name, timeout=_LOOKUP_S)
        except (DualstackError, OSError) as error:
            missing.append(f"whether {name} is reached: {error}")
        else:
            targets += [_target(state, address, name, Role.NAMED, port) for address in addresses]
    targets += [_target(state, address, name, Role.HOSTS_FILE) for address, name in _of_hosts(state.hosts, own)]
    targets = list({each.address: each for each in reversed(targets)}.values())[::-1]
    first = asking.ask_all(state.servers, _names(), targets)
    states = asking.behind_routers(targets, first.targets)
    return replace(
        state,
        resolvers=first.resolvers,
        targets=states,
        nat64=asking.translators(first.prefixes, _reached_ipv4(states)) if first.prefixes else (),
        missing=(*missing, *first.unasked),
    )


def _text(tree: Tree, path: str) -> str | None:
    try:
        return tree.read(path).text
    except Trouble:
        return None


def _servers(tree: Tree) -> list[Server]:
    text = _text(tree, "/etc/resolv.conf") or ""
    lines = {words[1]: number for number, line in enumerate(text.split("\n"), 1) if len(words := line.split()) > 1}
    return [Server(each, lines.get(str(each), 1)) for each in parse_resolv_conf(text).servers]


def _names() -> list[str]:
    own = socket.gethostname()
    fits = own.isascii() and own.replace("-", "").replace(".", "").isalnum()
    fits = fits and all(0 < len(label) <= _LABEL_MAX for label in own.split("."))
    return ["localhost", IPV4ONLY_ARPA, *([own] if fits and own != "localhost" else [])]


def _is_beyond(address: Address, own: set[Address]) -> bool:
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or address.without_scope in own)


def _target(state: HostState, address: Address, name: str, role: Role, port: int = 0) -> Target:
    try:
        route: Route | None = route_to(address)
    except OSError:
        route = None
    mtus = {each.name: each.mtu for each in state.links}
    mtu = mtus.get(route.interface, 0) if route is not None else 0
    return Target(address, name or str(address), role, route, max(mtu, _LEAST_MTU[address.version]), port)


def _of_hosts(hosts: Hosts, own: set[Address]) -> list[tuple[Address, str]]:
    """Hosts beyond this one that the hosts file has and that are no public ones; of a list of names to shun, none."""
    found: dict[Address, str] = {}
    for name, addresses in hosts.items():
        for address in addresses:
            if _is_beyond(address, own) and not address.is_link_local and not is_public(address):
                found.setdefault(address, name)
        if len(found) > _MOST_TARGETS:
            break
    return list(found.items())[:_MOST_TARGETS]


def _reached_ipv4(targets: Sequence[TargetState]) -> list[Address]:
    return [each.address for each in targets if each.address.version == 4 and each.is_heard][:2]
