"""Which bind fails by itself, whatever else is bound (Linux: __inet_bind, __inet6_bind).

Addresses that the host does not have, sockaddrs of the other family, scopes that name nothing. Of a host that is here
the kernel is asked instead (`HostFacts.answers`): a list of interfaces knows neither broadcast addresses and local
routes nor net.ipv4.ip_nonlocal_bind; here is then said in words what it meant.
"""

from collections.abc import Callable, Iterable

from dualstack.core.address.address import Address
from dualstack.core.host.facts import Interface
from dualstack.core.oracle.bound_socket import device_of, is_v6only
from dualstack.core.oracle.case import Case, Outcome, Sock
from dualstack.core.oracle.unknown import UNKNOWN

__all__ = ["is_local", "is_tentative", "refused_alone", "why_not_there"]

_INET_BIND = "net/ipv4/af_inet.c: __inet_bind"
_INET6_BIND = "net/ipv6/af_inet6.c: __inet6_bind"

_BROADCAST = Address("255.255.255.255")


def refused_alone(case: Case, sock: Sock) -> Outcome | None:
    """Why `sock` cannot be bound even where nothing else is; None where nothing speaks against it."""
    refused = _wrong_family(case, sock) or _without_ipv6(case, sock)
    if refused is not None:
        return refused
    if sock.family == 6 and sock.address.is_mapped and is_v6only(case, sock) is not False:
        why = "an IPV6_V6ONLY socket takes no IPv4-mapped address"
        errno = case.stack.mapped_bind if is_v6only(case, sock) is True else UNKNOWN
        return Outcome(errno, why, source=case.stack.source_of("mapped_bind"))
    if sock.address.canonical.version == 4:
        return _refused_ipv4(case, sock.address.canonical)
    return _refused_ipv6(case, sock.address)


def _wrong_family(case: Case, sock: Sock) -> Outcome | None:
    if sock.family == 4 and sock.address.version == 6:
        return Outcome("EAFNOSUPPORT", "an AF_INET socket has no room for an IPv6 address", source=_INET_BIND)
    if sock.family == 6 and sock.address.version == 4:
        return _on_linux(
            case, "EINVAL", "an AF_INET6 socket wants an IPv6 address: write this one IPv4-mapped", _INET6_BIND
        )
    return None


def _without_ipv6(case: Case, sock: Sock) -> Outcome | None:
    """What is known of AF_INET6 sockets where no interface has an IPv6 address; Linux minds the address alone."""
    if case.ipv6 or sock.family == 4 or case.stack.without_ipv6 is None:
        return None
    return Outcome(case.stack.without_ipv6, "IPv6 is off", source=case.stack.source)


def _refused_ipv4(case: Case, address: Address) -> Outcome | None:
    if address.is_unspecified:
        return None
    if address.is_multicast or address == _BROADCAST:
        # A subnet's own broadcast address is not known here.
        return (
            None
            if case.stack.name == "linux"
            else _on_linux(case, None, "the address stands for many hosts", _INET_BIND)
        )
    if is_local(case, address):
        return None
    return Outcome("EADDRNOTAVAIL", f"no interface of this host has {address}", source=_INET_BIND)


def _refused_ipv6(case: Case, address: Address) -> Outcome | None:
    for holds, errno, why in _NAMES_NOTHING:
        if holds(case, address):
            return _on_linux(case, errno, why, _INET6_BIND)
    if address.is_unspecified:
        return None
    if address.is_multicast:
        return (
            None
            if case.stack.name == "linux"
            else _on_linux(case, None, "the address stands for many hosts", _INET6_BIND)
        )
    if case.ipv6 and is_local(case, address):
        return None
    why = f"no interface of this host has {address}" if case.ipv6 else "IPv6 is off"
    return Outcome("EADDRNOTAVAIL", why, source=_INET6_BIND)


def _interface_exists(case: Case, address: Address) -> bool:
    known = case.interfaces
    return not known or address.scope in known or address.scope in {str(index) for index in known.values()}


_NAMES_NOTHING: tuple[tuple[Callable[[Case, Address], bool], str, str], ...] = (
    (lambda c, a: a.is_multicast and c.proto == "tcp", "EINVAL", "a TCP socket cannot have a multicast address"),
    (
        lambda _c, a: a.needs_scope and a.scope is None,
        "EINVAL",
        "a link-local address says nothing without its interface",
    ),
    (
        lambda c, a: a.needs_scope and not _interface_exists(c, a),
        "ENODEV",
        "there is no interface of that name or number",
    ),
)


def _on_linux(case: Case, errno: str | None, why: str, source: str) -> Outcome:
    """What Linux was seen to do; nothing was read of the others."""
    if case.stack.name == "linux":
        return Outcome(errno, why, source=source)
    return Outcome(UNKNOWN, f"{why}; no source tells what happens then on {case.stack.title}", source=case.stack.source)


def is_local(case: Case, address: Address) -> bool:
    """Whether the host has `address`, on the interface that its scope names where it names one."""
    if case.local is None or address in case.local:
        return True
    if address.version == 4 and address.is_loopback:
        return case.stack.name == "linux"  # all of 127.0.0.0/8
    wanted = device_of(case, address)
    return any(
        address.value == here.value
        and address.version == here.version
        and (wanted is None or here.scope is None or device_of(case, here) == wanted)
        for here in case.local
    )


def is_tentative(address: Address, interfaces: Iterable[Interface]) -> bool:
    """Whether the kernel still looks for another host that has `address`, and so does not let it be bound yet."""
    return any(_is_among(address, each.tentative, each) for each in interfaces)


def why_not_there(address: Address, errno: str, interfaces: Iterable[Interface]) -> str:
    """Why the kernel refuses to bind `address` by itself with `errno`, and what to do about it."""
    for each in interfaces:
        if _is_among(address, each.duplicate, each):
            return (
                f"another host has {address} too, so {each.name} may not use it (duplicate address detection failed); "
                "give one of them another address"
            )
        if _is_among(address, each.tentative, each):
            return (
                f"{address} is still tentative on {each.name}: while that is up, the kernel looks for another host "
                f"that has it; try again in a second or two, set {each.name} up, or bind it with freebind"
            )
    if errno == "EADDRNOTAVAIL":
        remedy = "bind one that it has, or *, or with freebind one that comes later"
        return f"no interface of this host has {address}; {remedy}"
    if errno == "EINVAL" and address.is_multicast:
        return "a TCP socket cannot have a multicast address; bind one of this host's, or serve it over UDP"
    return f"{_REFUSALS.get(errno, 'the system refuses it')}; bind another address"


_REFUSALS = {
    "EACCES": "the system forbids it",
    "EAFNOSUPPORT": "this system makes no sockets of that family",
    "EINVAL": "it is no address that such a socket can have",
    "ENODEV": "there is no interface of that name or number",
    "EPERM": "the system forbids it",
}


def _is_among(address: Address, others: Iterable[Address], on: Interface) -> bool:
    if address.scope not in {None, on.name, str(on.index)}:
        return False
    return any((address.value, address.version) == (other.value, other.version) for other in others)
