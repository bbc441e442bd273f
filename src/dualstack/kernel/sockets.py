"""From a plan's specs to listening sockets: all of them, or nothing left open.

IPV6_V6ONLY is always set, whatever the system's default. The first socket on a port number is bound without
SO_REUSEPORT, so that a stranger's socket is noticed, and gets it after, so that ours can stand beside it.
"""

import errno
import os
import socket
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from dualstack.core.address.address import Address
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.core.oracle.bind_alone import why_not_there
from dualstack.core.planning.holders import in_use, overlapping
from dualstack.core.planning.opening import whole
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.errors import ListenError
from dualstack.kernel.datagrams import make_room, tell_who_was_asked
from dualstack.kernel.socket_options import BACKLOG, keep_to_interface, share_port

__all__ = [
    "KEEPS_ITS_PORT",
    "bind_alone",
    "closed_socket",
    "describe",
    "listen_again",
    "listen_on_loopback",
    "open_sockets",
    "stop_listening",
]

_KINDS = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
}
# Port 0 in both families: how often another number is tried where the second family has it taken.
_SAME_PORT_TRIES = 32


def open_sockets(
    specs: Sequence[SocketSpec],
    *,
    backlog: int = BACKLOG,
    held: Collection[int] = (),
) -> list[socket.socket]:
    """Open, bind and listen, in order; the sockets are non-blocking and are not inherited by children.

    Args:
        specs: the sockets of a plan; port 0 becomes one number for all specs of a service's port.
        backlog: connections that may wait to be accepted.
        held: port numbers that sockets of ours listen on already (a reload).

    Raises:
        ListenError: one of them failed, and none is left open; `errno` says why.
    """
    for _ in range(_SAME_PORT_TRIES if any(spec.port == 0 for spec in specs) else 0):
        try:
            return _open_all(specs, backlog, held)
        except ListenError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return _open_all(specs, backlog, held)


def _open_all(specs: Sequence[SocketSpec], backlog: int, held: Collection[int]) -> list[socket.socket]:
    opened: list[socket.socket] = []
    numbers: dict[tuple[str, str], int] = {}
    with ExitStack() as undo:
        for spec in specs:
            key = (spec.service, spec.port_name)
            port = spec.port or numbers.get(key, 0)
            sock = undo.enter_context(
                _open_one(spec, port, backlog, first=_is_first(spec, specs, held), wanted=whole(spec, specs))
            )
            if spec.port == 0:
                numbers[key] = sock.getsockname()[1]
            opened.append(sock)
        undo.pop_all()
    return opened


def _is_first(spec: SocketSpec, specs: Sequence[SocketSpec], held: Collection[int]) -> bool:
    return (
        spec.port not in held
        and next(other for other in specs if other.port == spec.port and other.proto == spec.proto) is spec
    )


def _open_one(spec: SocketSpec, port: int, backlog: int, *, first: bool, wanted: SocketSpec) -> socket.socket:
    family = socket.AF_INET6 if spec.family == 6 else socket.AF_INET
    # An accepted socket has the protocol of Python's listener, and asyncio sets TCP_NODELAY for those of TCP alone.
    kind, protocol = _KINDS[spec.proto]
    with ExitStack() as undo:
        try:
            sock = undo.enter_context(socket.socket(family, kind, protocol))
            _set_options(sock, spec)
            if spec.shared and not first:
                share_port(sock)
            with _chosen_port(spec, port) as number:
                sock.bind(socket_tuple(spec, number))
            if spec.shared and first:
                share_port(sock)
            if spec.proto == "tcp":
                sock.listen(backlog)
        except OSError as error:
            raise ListenError(str(spec), _why(spec, error, wanted), errno=error.errno) from error
        undo.pop_all()
    return sock


def bind_alone(spec: SocketSpec, port: int = 0) -> None:
    """Bind the address of `spec` as `open_sockets` would, to any free port or to `port`, and let go of it.

    Raises:
        OSError: the kernel's own: the address cannot be bound.
    """
    kind = socket.SOCK_STREAM if spec.proto == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET6 if spec.family == 6 else socket.AF_INET, kind) as sock:
        _set_options(sock, spec)
        sock.bind(socket_tuple(spec, port))


@contextmanager
def _chosen_port(spec: SocketSpec, port: int) -> Iterator[int]:
    """`port`; for 0 a free number, held by a socket that does not listen until ours has it too.

    Linux lets go of a port that the kernel chose when a listening socket is shut down, and keeps one that the program
    named (net/ipv4/af_inet.c: SOCK_BINDPORT_LOCK), which a port that is stopped and started needs.
    """
    if port or spec.proto != "tcp" or sys.platform != "linux":
        yield port
        return
    with socket.socket(socket.AF_INET6 if spec.family == 6 else socket.AF_INET) as holder:
        _set_options(holder, spec)
        holder.bind(socket_tuple(spec, 0))
        yield holder.getsockname()[1]


def _set_options(sock: socket.socket, spec: SocketSpec) -> None:
    sock.setblocking(False)
    if spec.family == 6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(spec.v6only is not False))
    if spec.proto == "tcp":
        _restartable(sock, shared=spec.shared)
    else:
        make_room(sock)
        if spec.address.is_unspecified:
            tell_who_was_asked(sock)
    if spec.freebind:
        _bind_freely(sock)
    if spec.interface is not None:
        keep_to_interface(sock, spec.interface)


# linux/in.h, linux/in6.h; Python names neither.
_FREEBIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}


def _bind_freely(sock: socket.socket) -> None:
    """Let it be bound to an address that no interface has yet (ip(7), IP_FREEBIND)."""
    if sys.platform != "linux":
        raise OSError(errno.EOPNOTSUPP, "this system cannot bind an address that comes later")
    sock.setsockopt(*_FREEBIND[socket.AddressFamily(sock.family)], 1)


def _restartable(sock: socket.socket, *, shared: bool) -> None:
    """Bind although old connections linger in TIME_WAIT, and let no stranger bind over us."""
    if sys.platform != "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    elif not shared:
        # There SO_REUSEADDR shares the port with anybody, and a socket that excludes excludes our own too
        # (`core.oracle.reuse_windows`).
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)


def socket_tuple(spec: SocketSpec, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """What `bind` takes for `spec`.

    Raises:
        OSError: there is no interface of its scope.
    """
    return SocketAddress(spec.address, port).to_tuple(socket.if_nametoindex)


KEEPS_ITS_PORT = sys.platform == "linux"
"""Whether a listening socket can refuse clients and keep its port number (net/ipv4/af_inet.c: inet_shutdown)."""


def stop_listening(sock: socket.socket) -> None:
    """Refuse clients from now on and keep the port number, against strangers too.

    A bound socket with SO_REUSEADDR would share its number with any other that has it, until it listens. One that does
    not listen is left alone: a shutdown of it says ENOTCONN and is done all the same, and who is accepted by it later
    is born shut down (net/ipv4/af_inet.c: inet_shutdown).
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.shutdown(socket.SHUT_RDWR)


def listen_again(sock: socket.socket, spec: SocketSpec, *, backlog: int = BACKLOG) -> None:
    """Undo `stop_listening`; no right is needed again.

    Raises:
        ListenError: another socket has the port number all the same.
    """
    # Connections of before may linger on the number.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.listen(backlog)
    except OSError as error:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        raise ListenError(str(spec), f"cannot listen again: {error.strerror}", errno=error.errno) from error


_REASONS = {
    errno.EACCES: "no right to it; start as root or give CAP_NET_BIND_SERVICE, or use a port from 1024 on",
    errno.EPERM: "no right to it; start as root",
    errno.EAFNOSUPPORT: "this system makes no sockets of that family; bind an address of the other",
    errno.ENODEV: "there is no such interface; `ip link` lists them",
    errno.EMFILE: "too many open files; raise the limit (ulimit -n)",
}


def _why(spec: SocketSpec, error: OSError, wanted: SocketSpec) -> str:
    if error.errno == errno.EADDRINUSE:
        return _why_in_use(spec, wanted)
    if error.errno in {errno.EADDRNOTAVAIL, errno.EINVAL}:
        from dualstack.kernel.facts import read_interfaces

        return why_not_there(spec.address, errno.errorcode[error.errno], read_interfaces())
    reason = _REASONS.get(error.errno or 0)
    if reason is None:
        return os.strerror(error.errno) if error.errno else str(error)
    return reason


def _why_in_use(spec: SocketSpec, wanted: SocketSpec) -> str:
    """Who is in the way of `spec`, as far as this process may know; we ourselves only where nobody else is."""
    from dualstack.kernel.sockdiag import read_connections, read_listeners

    holders = overlapping(spec, read_listeners() or ())
    others = [listener for listener in holders if listener.pid != os.getpid()]
    is_held_by_a_connection = not holders and spec.proto == "tcp"
    connections = overlapping(spec, read_connections(spec.port)) if is_held_by_a_connection else ()
    return in_use(wanted, others or holders, connections)


def closed_socket(spec: SocketSpec) -> socket.socket:
    """What stands for a socket of `spec` that is to be opened later, if ever."""
    sock = socket.socket(socket.AF_INET6 if spec.family == 6 else socket.AF_INET, *_KINDS[spec.proto])
    sock.close()
    return sock


def describe(sock: socket.socket) -> dict[str, object]:
    """What a socket receives, as the kernel tells: `family`, `address`, `port`, and `v6only` (None for IPv4).

    One that is bound to a mapped address receives IPv4 alone.
    """
    name = sock.getsockname()
    address = Address(name).canonical
    is_ipv6 = address.version == 6
    return {
        "family": address.version,
        "address": str(address),
        "port": name[1],
        "v6only": bool(sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)) if is_ipv6 else None,
    }


def listen_on_loopback(family: int) -> socket.socket:
    """A blocking socket of one family alone that listens on a free port of its loopback.

    Raises:
        ListenError: this host has no loopback of that family.
    """
    address = Address("::1" if family == 6 else "127.0.0.1")
    spec = SocketSpec("loopback", "loopback", family, address, 0, True if family == 6 else None)
    sock = open_sockets([spec])[0]
    sock.setblocking(True)
    return sock
