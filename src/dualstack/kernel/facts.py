"""What this host is: its system, its interfaces, whether IPv6 counts as on, which ports need a right.

The kernel is probed and the system's name not trusted: a socket says whether IPv6 sockets can be made and what
IPV6_V6ONLY is by default. What cannot be found out stays as `HostFacts` has it by default. Nothing is changed.
"""

import errno
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from dualstack.core.address.address import Address
from dualstack.core.address.well_known import LOOPBACKS
from dualstack.core.host.facts import HostFacts, Interface
from dualstack.kernel.addresses import is_duplicate, is_tentative, listed_addresses

__all__ = [
    "Ipv6Status",
    "configured_families",
    "has_gvisor_sockets",
    "ipv6_status",
    "read_facts",
    "read_interfaces",
    "system_name",
]

# sys.platform without its number -> the names of core.stacks; what is not here keeps its own name.
_SYSTEMS = {
    "android": "linux",
    "cygwin": "windows",
    "darwin": "macos",
    "ios": "macos",
    "sunos": "illumos",
    "win": "windows",
}

# uname -v of gVisor, of release 4.4.0 as of 4.19.0-gvisor.
_GVISOR = "#1 SMP Sun Jan 10 15:06:54 PST 2016"

# A socket of that family is refused by the system: not built in, switched off, or forbidden (seccomp, systemd's
# RestrictAddressFamilies). Anything else, such as EMFILE, says nothing about IPv6.
_NO_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EACCES, errno.EPERM})

_CAP_NET_BIND_SERVICE = 10  # include/uapi/linux/capability.h
_NS_GET_USERNS = 0xB701  # include/uapi/linux/nsfs.h

_NO_NAMES: Mapping[str, tuple[Address, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ipv6Status:
    """Whether IPv6 counts as on, in the words of `HostFacts`.

    Args:
        ipv6: AF_INET6 sockets can be made and an interface has an IPv6 address.
        why_no_ipv6: the reason where it does not count as on, with the setting that does it where it is one.
        bindv6only: what IPV6_V6ONLY is on a new socket.
        has_socket: AF_INET6 sockets can be made.
    """

    ipv6: bool
    why_no_ipv6: str = ""
    bindv6only: bool = False
    has_socket: bool = True


def ipv6_status(*, root: str = "/", open_socket: Callable[[int, int], socket.socket] = socket.socket) -> Ipv6Status:
    """Whether IPv6 is on, in about 40 microseconds: one socket made and the first line of one file.

    Args:
        root: where `proc` and `sys` are.
        open_socket: makes a socket of a family and a type.

    Raises:
        OSError: no socket could be made for a reason that is not IPv6's, such as too many open files.
    """
    if not socket.has_ipv6:
        return Ipv6Status(ipv6=False, why_no_ipv6="this Python was built without IPv6", has_socket=False)
    try:
        with open_socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            bindv6only = probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
            has_address = _has_ipv6_address(root, probe)
    except OSError as error:
        if error.errno not in _NO_FAMILY:
            raise
        return Ipv6Status(ipv6=False, why_no_ipv6=_why_no_sockets(root, error), has_socket=False)
    why = "" if has_address else _why_no_address(root)
    return Ipv6Status(ipv6=has_address, why_no_ipv6=why, bindv6only=bindv6only)


def read_facts(*, listeners: bool = False, names: Mapping[str, tuple[Address, ...]] = _NO_NAMES) -> HostFacts:
    """The facts of this host, now.

    Where addresses cannot be read (any system but Linux), `interfaces` has names and numbers without addresses;
    where not even those, it is empty.

    Args:
        listeners: also ask who listens already, which costs milliseconds.
        names: listening names and what they were found to mean, passed on.

    Raises:
        OSError: no socket could be made to ask with, such as with too many open files.
    """
    from dualstack.kernel.sockdiag import read_listeners  # who does not ask for it does not pay for it

    status = ipv6_status()
    return HostFacts(
        system=system_name(),
        ipv6=status.ipv6,
        why_no_ipv6=status.why_no_ipv6,
        bindv6only=status.bindv6only,
        interfaces=read_interfaces(),
        listeners=read_listeners() if listeners else None,
        first_unprivileged_port=_first_unprivileged_port(),
        may_bind_low=_may_bind_low(),
        names=names,
    )


def configured_families() -> frozenset[int]:
    """The families of which an interface has an address, those of the loopback aside (RFC 3493, AI_ADDRCONFIG).

    Where addresses cannot be read, those that a datagram socket has a way to a global address of.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            found = _addresses_by_index()
            addresses = (address for each in found.values() for address, _ in each)
            # 127.0.0.2 counts, as in the C library of most Linux systems: somebody has put it there.
            return frozenset(address.version for address in addresses if address not in LOOPBACKS)
    return frozenset(version for version, address in _GLOBAL.items() if _has_way(*address))


_GLOBAL = {4: (socket.AF_INET, "192.0.2.1"), 6: (socket.AF_INET6, "2001:db8::1")}


def _has_way(family: int, host: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))
    except OSError:
        return False
    return True


def system_name(platform: str = sys.platform, *, is_gvisor: Callable[[], bool] | None = None) -> str:
    """The name of a system in `core.oracle.systems`, from what Python calls it: `freebsd` of `freebsd14`.

    Args:
        platform: what Python calls it.
        is_gvisor: whether what calls itself Linux is gVisor's own network stack; asked of Linux alone.
    """
    name = re.sub(r"\d+$", "", platform)
    name = _SYSTEMS.get(name, name)
    return "gvisor" if name == "linux" and (is_gvisor or _is_gvisor)() else name


@cache
def _is_gvisor() -> bool:
    """It says the same of its version everywhere; with the network of its host its sockets are Linux's."""
    return os.uname().version == _GVISOR and has_gvisor_sockets()


def has_gvisor_sockets(open_socket: Callable[[int, int], socket.socket] = socket.socket) -> bool:
    """Whether a mapped address on an IPV6_V6ONLY socket is EHOSTUNREACH, where Linux says EINVAL."""
    try:
        with open_socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(("::ffff:127.0.0.1", 0))
    except OSError as error:
        return error.errno == errno.EHOSTUNREACH
    return False


def _has_ipv6_address(root: str, probe: socket.socket) -> bool:
    # thread-self and not self: a thread may be in a network namespace of its own.
    listed = _first_line(root, "proc/thread-self/net/if_inet6")
    if listed is not None:
        return listed != ""
    for call, host in ((probe.bind, "::1"), (probe.connect, "2001:db8::1")):
        try:
            # A datagram socket sends nothing here: it is given a local address, or there is none.
            call((host, 0 if call == probe.bind else 9))
        except OSError:
            continue
        return True
    return False


def _why_no_sockets(root: str, error: OSError) -> str:
    why = f"AF_INET6 sockets cannot be made: {error.strerror}"
    if _first_line(root, "sys/module/ipv6/parameters/disable") == "1":
        return f"{why} (the kernel was started with ipv6.disable=1)"
    return why


def _why_no_address(root: str) -> str:
    why = "no interface has an IPv6 address"
    for conf in ("all", "default", "lo"):
        if _first_line(root, f"proc/sys/net/ipv6/conf/{conf}/disable_ipv6") == "1":
            return f"{why} (net.ipv6.conf.{conf}.disable_ipv6 = 1)"
    return why


def read_interfaces() -> tuple[Interface, ...]:
    """The interfaces of this host, with their addresses where the system tells them; none where it tells nothing."""
    try:
        found = _addresses_by_index() if sys.platform == "linux" else {}
        return tuple(_interface(name, index, found.get(index, ())) for index, name in socket.if_nameindex())
    except (OSError, AttributeError):
        # Forbidden here (seccomp), or a system without if_nameindex: not known.
        return ()


def _interface(name: str, index: int, found: Sequence[tuple[Address, int]]) -> Interface:
    return Interface(
        name,
        index,
        tuple(address for address, _ in found),
        tentative=tuple(address for address, flags in found if is_tentative(flags)),
        duplicate=tuple(address for address, flags in found if is_duplicate(flags)),
    )


def _addresses_by_index() -> dict[int, list[tuple[Address, int]]]:
    """The addresses of each interface, each with its flags."""
    found: dict[int, list[tuple[Address, int]]] = {}
    for index, address, _, flags, _ in listed_addresses():
        found.setdefault(index, []).append((address, flags))
    return found


def _first_unprivileged_port() -> int:
    if sys.platform == "win32":
        return 0
    start = _first_line("/", "proc/sys/net/ipv4/ip_unprivileged_port_start")
    return int(start) if start else 1024


def _may_bind_low() -> bool:
    if sys.platform == "win32":
        return True
    try:
        status = Path("/proc/thread-self/status").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return os.geteuid() == 0
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    if effective is None:
        return os.geteuid() == 0
    return bool(int(effective[1], 16) >> _CAP_NET_BIND_SERVICE & 1) and not _is_network_of_a_stranger()


def _is_network_of_a_stranger() -> bool:
    """Whether the network namespace belongs to a user namespace above ours, where our rights count for nothing."""
    import fcntl

    try:
        namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.close(fcntl.ioctl(namespace, _NS_GET_USERNS))
    except OSError as error:
        # ioctl_ns(2): EPERM where the owner is outside of the caller's user namespace.
        return error.errno == errno.EPERM
    finally:
        os.close(namespace)
    return False


def _first_line(root: str, path: str) -> str | None:
    """None where there is no such file to read."""
    try:
        with Path(root, path).open(encoding="utf-8", errors="surrogateescape") as file:
            return file.readline().strip()
    except OSError:
        return None
