"""One host as the kernel has it: a network, a mount and a UTS namespace, held by descriptors alone.

Lives in the lab's keeper, the one process that enters them. A host has a /run of its own, and on it its own files of
/etc, so that nothing is written to this machine's disk and nothing is left of it.
"""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from ipaddress import ip_interface
from pathlib import Path
from typing import TYPE_CHECKING

from dualstack.kernel.namespaces import MS_BIND, MS_NODEV, MS_NOSUID, Kinds, enter, mount, unshare

if TYPE_CHECKING:
    from pyroute2 import IPRoute

__all__ = ["Space"]

_OWN = {"net": Kinds.NETWORK, "mnt": Kinds.MOUNT, "uts": Kinds.UTS}
_RUN = Path("/run")
_FILES = _RUN / "etc"
# nscd's socket would answer from outside of the host; where /var/run is /run, it is gone with that.
_NSCD = Path("/var/run/nscd")


_ROOT, _WHOLE = 0x1_0000, 0xFFFF_FFFF  # handles of tc(8): 1:0, and TC_H_ROOT
# u32 keys, value/mask+offset: next header ICMPv6 with the five types of neighbour discovery (RFC 4861 section 4).
_FILTERS = (
    *((0x86DD, ["0x3a00/0xff00+6", f"0x{kind:02x}00/0xff00+40"], 1) for kind in range(133, 138)),
    (0x86DD, ["0x0/0x0+0"], 6),
    (0x0800, ["0x0/0x0+0"], 4),
)


class Space:
    """The namespaces that the caller is in now, to come back to; its interfaces are set through netlink, as ip(8) does.

    Raises:
        OSError: the kernel refused; so does each of the methods.
    """

    def __init__(self) -> None:
        self.descriptors = {name: os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in _OWN}
        self._netlink = _netlink()
        self._files: dict[str, Path] = {}

    def new(
        self, hostname: str, files: Mapping[str, str], sysctls: Mapping[str, str], *, loopback: bool = True
    ) -> "Space":
        """A new host; the caller, who is here, comes back here.

        Args:
            hostname: its name, as uname(2) gives it.
            files: its own files in /etc, by name.
            sysctls: settings by their sysctl(8) names, made before any interface is up.
            loopback: whether `lo` is up.
        """
        with ExitStack() as undo:
            undo.callback(self.enter)
            unshare(Kinds.NETWORK | Kinds.MOUNT | Kinds.UTS)
            socket.sethostname(hostname)
            mount("tmpfs", _RUN, "tmpfs", MS_NOSUID | MS_NODEV)
            if _NSCD.is_dir():
                mount("tmpfs", _NSCD, "tmpfs", MS_NOSUID | MS_NODEV)
            made = Space()
            made.write_files(files)
            made.set_sysctls(sysctls)
            if loopback:
                made.up("lo")
        return made

    def enter(self) -> None:
        """Go there."""
        for name, kind in _OWN.items():
            enter(self.descriptors[name], kind)

    @contextmanager
    def visited_from(self, home: "Space") -> Iterator[None]:
        """Be there until the block ends, then at home."""
        self.enter()
        try:
            yield
        finally:
            home.enter()

    def write_files(self, files: Mapping[str, str]) -> None:
        """Its own files in /etc, by name; the text of one that is there already is replaced. Be there."""
        for name, text in files.items():
            if name not in self._files:
                self._files[name] = _own_file(name)
            self._files[name].write_text(text, encoding="utf-8")

    def set_sysctls(self, sysctls: Mapping[str, str]) -> None:
        """Set what sysctl(8) calls so. Be there."""
        for name, value in sysctls.items():
            Path("/proc/sys", name.replace(".", "/")).write_text(value, encoding="ascii")

    def cable(self, name: str, other: "Space", other_name: str) -> None:
        """A veth pair from `name` here to `other_name` there; both ends are down still."""
        peer = {"ifname": other_name, "net_ns_fd": other.descriptors["net"]}
        self._netlink.link("add", ifname=name, kind="veth", peer=peer)

    def up(self, name: str) -> None:
        """Bring the interface up."""
        self._netlink.link("set", index=self._index(name), state="up")

    def settle(self, name: str) -> None:
        """Tell IPv6 that the interface has a carrier, once both ends are up: asking does (linkwatch_sync_dev).

        Otherwise that waits for a timer of the kernel's, and for up to a second no neighbour is answered.
        """
        self._netlink.get_links(self._index(name))

    def address(self, call: str, name: str, address: str, peer: str | None = None) -> None:
        """`add` or `del` an address of the interface, as ip(8) reads it: `fd00::1/64`; `peer` is the other end's."""
        here = ip_interface(address)
        there = here if peer is None else ip_interface(peer)
        local = {} if peer is None else {"local": str(here.ip)}
        self._netlink.addr(
            call, index=self._index(name), address=str(there.ip), prefixlen=there.network.prefixlen, **local
        )

    def route(self, call: str, destination: str, gateway: str) -> None:
        """`add` or `del` a route to a prefix through a router."""
        self._netlink.route(call, dst=destination, gateway=gateway)

    def blackhole(self, call: str, destination: str) -> None:
        """`add` or `del` a route to an address that leads nowhere."""
        length = 128 if ":" in destination else 32
        self._netlink.route(call, dst=f"{destination}/{length}", type="blackhole")

    def link(self, name: str, mtu: int) -> None:
        """Set the interface's MTU, bytes."""
        self._netlink.link("set", index=self._index(name), mtu=mtu)

    def bridge(self, name: str) -> None:
        """A new bridge, up."""
        self._netlink.link("add", ifname=name, kind="bridge")
        self.up(name)

    def attach(self, name: str, bridge: str) -> None:
        """Put the interface on a bridge."""
        self._netlink.link("set", index=self._index(name), master=self._index(bridge))

    def branch(self, name: str) -> None:
        """Three classes on the way out (tc-htb(8)): 4 and 6 for the families, 1 for all else and for ND."""
        index = self._index(name)
        self._netlink.tc("add", "htb", index, _ROOT, default=1)
        for number in (1, 4, 6):
            self._netlink.tc("add-class", "htb", index, _ROOT + number, parent=_ROOT, rate="100gbit", burst=1 << 20)
        for order, (protocol, keys, number) in enumerate(_FILTERS, 1):
            self._netlink.tc(
                "add-filter",
                "u32",
                index,
                parent=_ROOT,
                prio=order,
                protocol=protocol,
                target=_ROOT + number,
                keys=keys,
            )

    def queue(self, name: str, number: int, kind: str, options: Mapping[str, float]) -> None:
        """The queue of a class, in place of the one that it had; 0 is the whole interface's."""
        handle = number << 24
        parent = {"parent": _ROOT + number} if number else {}
        self._netlink.tc("replace", kind, self._index(name), handle or _ROOT, **parent, **options)

    def no_queue(self, name: str) -> None:
        """The interface's queue as it was."""
        self._netlink.tc("del", index=self._index(name), handle=_ROOT, parent=_WHOLE)

    def _index(self, name: str) -> int:
        found = self._netlink.link_lookup(ifname=name)
        if not found:
            raise OSError(19, f"no interface {name}")
        return int(found[0])


def _netlink() -> "IPRoute":
    from pyroute2 import IPRoute

    opened: Callable[[], IPRoute] = IPRoute
    return opened()


def _own_file(name: str) -> Path:
    """A file of the host's own in place of the machine's /etc/`name`, which may be a link into /run."""
    mine, theirs = _FILES / name, Path("/etc", name).resolve()
    _FILES.mkdir(exist_ok=True)
    mine.touch()
    if theirs.is_relative_to(_RUN):
        theirs.parent.mkdir(parents=True, exist_ok=True)
        theirs.touch()
    mount(mine, theirs, flags=MS_BIND)
    return mine
