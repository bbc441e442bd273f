"""Who listens on this host: TCP sockets that listen or are bound, UDP sockets that are bound.

Linux tells over netlink (sock_diag(7)), with the V6ONLY flag that /proc/net/tcp6 and psutil do not have. The process
is found through /proc/*/fd, as far as we may read there. Where the system cannot be asked the answer is None, never an
empty list.

pyroute2's DiagSocket tells the same; over `kernel.netlink` it is one struct, without its 0.2 s of import, and
900 listeners take 11 ms and not 62.
"""

import os
import re
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dualstack.core.host.facts import Listener
from dualstack.kernel import netlink
from dualstack.kernel.zones import scoped_address

__all__ = ["read_connections", "read_listeners", "read_tcp_listeners"]

# include/uapi/linux/sock_diag.h, inet_diag.h
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_INET_DIAG_SKV6ONLY = 11
# struct inet_diag_req_v2 {family, protocol, ext, pad; states; struct inet_diag_sockid (48 bytes): sport, ...}
_REQUEST = struct.Struct("=BBBxI2s46x")
# struct inet_diag_msg {family, state, timer, retrans; sport, dport (network order); src, dst; if; cookie;
#                       expires, rqueue, wqueue, uid, inode}
_MESSAGE = struct.Struct("=BBBB2s2s16s16sI8xIIIII")

# include/net/tcp_states.h. Bound TCP sockets that neither listen nor connect are told since Linux 6.8; older kernels
# do not know the bit. A UDP socket is CLOSE when it is bound, ESTABLISHED when it is also connected: both hold a port.
_TCP_ESTABLISHED, _TCP_CLOSE, _TCP_LISTEN, _TCP_BOUND_INACTIVE = 1, 7, 10, 13
# SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE_WAIT, LAST_ACK, CLOSING. Those that no process has open any
# more, TIME_WAIT among them, have no inode.
_CONNECTED = frozenset({_TCP_ESTABLISHED, 2, 3, 4, 5, 6, 8, 9, 11})
_LISTENING = frozenset({_TCP_LISTEN})
_HOLDING_A_PORT = frozenset({_TCP_LISTEN, _TCP_BOUND_INACTIVE})
_UDP = frozenset({_TCP_ESTABLISHED, _TCP_CLOSE})
_SOCKET_LINK = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    name: str | None


# The 22nd field, counted from the one after the name in brackets; a process that has gone sorts last.
_STARTTIME = 19
_GONE = 1 << 64


def read_listeners(*, processes: bool = True, bound: bool = True) -> tuple[Listener, ...] | None:
    """Every socket that listens or holds a port here, by protocol, port and address; None where nobody can be asked.

    Args:
        processes: also find whose they are, which reads /proc/*/fd of every process that lets us.
        bound: also TCP sockets that are bound and do not listen.
    """
    if sys.platform != "linux":
        return None
    try:
        found = list(_sockets("tcp", socket.IPPROTO_TCP, _HOLDING_A_PORT if bound else _LISTENING))
        found += _sockets("udp", socket.IPPROTO_UDP, _UDP)
    except OSError:
        # Forbidden (seccomp), or a kernel without the inet_diag modules.
        return None
    listeners = _with_owners(found) if processes else [listener for _, listener in found]
    return tuple(sorted(listeners, key=lambda one: (one.proto, one.port, one.family, one.address, one.pid or 0)))


def read_tcp_listeners() -> tuple[Listener, ...]:
    """The TCP sockets that listen in the network namespace of the calling thread; whose they are is not asked.

    Raises:
        OSError: nobody tells (seccomp, or a kernel without the inet_diag modules).
    """
    return tuple(one for _, one in _sockets("tcp", socket.IPPROTO_TCP, _LISTENING))


def read_connections(port: int) -> tuple[Listener, ...]:
    """The TCP connections that have this port number here, those that linger among them; none where nobody tells."""
    if sys.platform != "linux" or not port:
        return ()
    try:
        found = list(_sockets("tcp", socket.IPPROTO_TCP, _CONNECTED, port))
    except OSError:
        # As above.
        return ()
    return tuple(sorted(_with_owners(found), key=lambda one: (one.lingers, one.family, one.address, one.peer)))


def _sockets(proto: str, protocol: int, states: frozenset[int], port: int = 0) -> Iterator[tuple[int, Listener]]:
    """Each socket with its inode, of one port number or, with 0, of all."""
    mask = sum(1 << state for state in states)
    for family in (socket.AF_INET, socket.AF_INET6):
        question = _REQUEST.pack(family, protocol, 0, mask, port.to_bytes(2, "big"))
        for answer in netlink.dump(_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, question):
            yield _read_socket(proto, answer)


def _with_owners(found: list[tuple[int, Listener]]) -> list[Listener]:
    owners = _owners({inode for inode, _ in found})
    return [_with_owner(listener, owners.get(inode)) for inode, listener in found]


def _read_socket(proto: str, answer: bytes) -> tuple[int, Listener]:
    family, state, _, _, port, there, source, to, interface, _, _, _, uid, inode = _MESSAGE.unpack_from(answer)
    is_connected = proto == "tcp" and state in _CONNECTED
    v6only = netlink.attributes(answer, _MESSAGE.size).get(_INET_DIAG_SKV6ONLY)
    return inode, Listener(
        proto=proto,
        family=4 if family == socket.AF_INET else 6,
        address=scoped_address(source[:4] if family == socket.AF_INET else source, interface),
        port=int.from_bytes(port, "big"),
        v6only=v6only == b"\1" if v6only else None,
        uid=uid,
        peer=_peer(to[:4] if family == socket.AF_INET else to, interface, there) if is_connected else "",
        lingers=is_connected and inode == 0,
    )


def _peer(packed: bytes, interface: int, port: bytes) -> str:
    address = scoped_address(packed, interface)
    return f"{f'[{address}]' if address.version == 6 else address}:{int.from_bytes(port, 'big')}"


def _owners(inodes: set[int]) -> dict[int, _Process]:
    """The process that has each socket open; of several, such as a server's workers, the oldest."""
    owners: dict[int, _Process] = {}
    wanted = inodes - {0}
    for pid in sorted((int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()), key=_age):
        if not wanted:
            break
        mine = wanted & set(_open_sockets(pid))
        if mine:
            wanted -= mine
            owners |= dict.fromkeys(mine, _Process(pid, _name(pid)))
    return owners


def _age(pid: int) -> tuple[int, int]:
    """Sorts the oldest first: when it started, since numbers begin again (proc_pid_stat(5), starttime)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return _GONE, pid
    return int(stat.rpartition(b")")[2].split()[_STARTTIME]), pid


def _open_sockets(pid: int) -> Iterator[int]:
    try:
        with os.scandir(f"/proc/{pid}/fd") as descriptors:
            for descriptor in descriptors:
                link = _SOCKET_LINK.fullmatch(os.readlink(descriptor.path))  # noqa: PTH115 - thousands of them: no Path
                if link:
                    yield int(link[1])
    except OSError:
        # The process is another user's, or has gone.
        return


def _name(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").rstrip("\n")
    except OSError:
        return None


def _with_owner(listener: Listener, owner: _Process | None) -> Listener:
    return listener if owner is None else replace(listener, process=owner.name, pid=owner.pid)
