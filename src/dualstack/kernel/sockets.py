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

from dualstack.core.address import Address
from dualstack.core.hostfacts import Listener
from dualstack.core.oracle import Case, Sock, Step, predict
from dualstack.core.sockaddr import SocketAddress
from dualstack.core.socketspec import SocketSpec
from dualstack.core.stacks import stack_named
from dualstack.errors import ListenError
from dualstack.kernel.backlog import BACKLOG
from dualstack.kernel.datagrams import make_room, tell_who_was_asked

__all__ = [
    "KEEPS_ITS_PORT",
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
            sock = undo.enter_context(_open_one(spec, port, backlog, first=_is_first(spec, specs, held)))
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


def _open_one(spec: SocketSpec, port: int, backlog: int, *, first: bool) -> socket.socket:
    family = socket.AF_INET6 if spec.family == 6 else socket.AF_INET
    # An accepted socket has the protocol of Python's listener, and asyncio sets TCP_NODELAY for those of TCP alone.
    kind, protocol = _KINDS[spec.proto]
    with ExitStack() as undo:
        try:
            sock = undo.enter_context(socket.socket(family, kind, protocol))
            _set_options(sock, spec)
            if spec.shared and not first:
                _share(sock)
            with _chosen_port(spec, port) as number:
                sock.bind(socket_tuple(spec, number))
            if spec.shared and first:
                _share(sock)
            if spec.proto == "tcp":
                sock.listen(backlog)
        except OSError as error:
            raise ListenError(str(spec), _why(spec, error), errno=error.errno) from error
        undo.pop_all()
    return sock


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
    if spec.interface is not None:
        if not hasattr(socket, "SO_BINDTODEVICE"):
            raise OSError(errno.EOPNOTSUPP, f"this system cannot bind a socket to {spec.interface}")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, spec.interface.encode() + b"\0")


def _restartable(sock: socket.socket, *, shared: bool) -> None:
    """Bind although old connections linger in TIME_WAIT, and let no stranger bind over us."""
    if sys.platform != "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    elif not shared:
        # There SO_REUSEADDR shares the port with anybody, and a socket that excludes excludes our own too
        # (`core.windows_sharing`).
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)


def _share(sock: socket.socket) -> None:
    """Let another of our own sockets stand beside `sock`; on Windows any may, as long as none excludes."""
    if sys.platform != "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


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
    errno.EADDRINUSE: "address in use{by}; {remedy}",
    errno.EADDRNOTAVAIL: "no interface of this host has that address; bind one that it has, or *",
    errno.EACCES: "no right to it; start as root or give CAP_NET_BIND_SERVICE, or use a port from 1024 on",
    errno.EPERM: "no right to it; start as root",
    errno.EAFNOSUPPORT: "this system makes no sockets of that family; bind an address of the other",
    errno.ENODEV: "there is no such interface; `ip link` lists them",
    errno.EMFILE: "too many open files; raise the limit (ulimit -n)",
}


def _why(spec: SocketSpec, error: OSError) -> str:
    reason = _REASONS.get(error.errno or 0)
    if reason is None:
        return os.strerror(error.errno) if error.errno else str(error)
    holder = _who_listens(spec) if error.errno == errno.EADDRINUSE else ""
    return reason.format(by=f" by {holder}" if holder else "", remedy="stop it, or listen on another port or address")


def _who_listens(spec: SocketSpec) -> str:
    """Who is in the way of `spec`, as far as this process may know; we ourselves only where nobody else is."""
    from dualstack.kernel.sockdiag import read_listeners

    found = read_listeners() or ()
    in_the_way = [listener for listener in found if _is_in_the_way(listener, spec)]
    others = [listener for listener in in_the_way if listener.pid != os.getpid()]
    return ", ".join(map(str, others or in_the_way))


def _is_in_the_way(other: Listener, spec: SocketSpec) -> bool:
    if (other.port, other.proto) != (spec.port, spec.proto):
        return False
    sockets = (Sock(other.family, other.address, other.v6only), Sock(spec.family, spec.address, spec.v6only))
    # Nobody but Linux tells who listens.
    case = Case(stack_named("linux"), spec.proto, sockets, (Step("bind", 0), Step("bind", 1)))
    return predict(case).steps[1].errno is not None


def closed_socket(spec: SocketSpec) -> socket.socket:
    """What stands for a socket of `spec` that is to be opened later, if ever."""
    sock = socket.socket(socket.AF_INET6 if spec.family == 6 else socket.AF_INET, *_KINDS[spec.proto])
    sock.close()
    return sock


def describe(sock: socket.socket) -> dict[str, object]:
    """What a socket is, as the kernel tells: `family`, `address`, `port`, and `v6only` (None for IPv4)."""
    name = sock.getsockname()
    is_ipv6 = sock.family == socket.AF_INET6
    return {
        "family": 6 if is_ipv6 else 4,
        "address": str(Address(name)),
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
