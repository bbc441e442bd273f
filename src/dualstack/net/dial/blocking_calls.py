"""Connections for who blocks: `socket.create_connection`, raced. One literal address needs no race: one plain call."""

import socket
from collections.abc import Iterable
from math import inf
from time import monotonic

from dualstack.core.address.address import Address
from dualstack.core.dial.egress import SocketOption
from dualstack.core.quick_values import replace
from dualstack.errors import DialError
from dualstack.kernel.attempts import connect
from dualstack.net.dial.one_address import failure, is_plain
from dualstack.net.dial.policy import DEFAULT_POLICY, DialPolicy, OnStep, narrowed
from dualstack.net.dial.source import SourceAddress, local_end
from dualstack.net.dial.target import HostLike, PortLike, Target, read_pair
from dualstack.net.names.limits import GLOBAL_DEFAULT_TIMEOUT, check_limit

__all__ = ["create_connection"]

# In poll(2) it is a C int of milliseconds.
_LONGEST_TIMEOUT_S = 2**31 / 1000 - 1


def create_connection(
    address: tuple[HostLike, PortLike],
    timeout: object = GLOBAL_DEFAULT_TIMEOUT,
    source_address: SourceAddress | None = None,
    *,
    all_errors: bool = False,
    family: int = 0,
    socket_options: Iterable[SocketOption] = (),
    dialer: DialPolicy | None = None,
    on_step: OnStep | None = None,
) -> socket.socket:
    """Connect to a host of whichever family, as `socket.create_connection` does, over every address it has.

    Args:
        address: host and port; no host, or None, is this one's loopback.
        timeout: seconds for all of it, lookups included, and the timeout of the socket then; None is no limit, and
            left out it is `socket.getdefaulttimeout()`.
        source_address: `(host, port)` to bind before; a name of this host too.
        all_errors: raise an `ExceptionGroup` of what happened to each address, as `socket.create_connection` does.
        family: 4 or 6 for one alone, or one of `socket`'s.
        socket_options: arguments of `setsockopt`, for each socket before it is connected.
        dialer: the policy; the default one shares its history with all who name none.
        on_step: told of each step as it happens.

    Raises:
        DialError: no address could be connected to.
        LookupFailed: the name has no address, or nobody says.
        TargetError: host or port can be none, or the source can be none.

    >>> with socket.create_server(("127.0.0.1", 0)) as server:
    ...     create_connection(server.getsockname()).close()
    """
    target = read_pair(address)
    policy = dialer or DEFAULT_POLICY
    limit = _seconds(socket.getdefaulttimeout() if timeout is GLOBAL_DEFAULT_TIMEOUT else timeout)
    options = tuple(socket_options)
    has_wishes = bool(family or options) or source_address is not None or on_step is not None
    try:
        if is_plain(target, policy, limit_s=limit, has_wishes=has_wishes):
            made = _plain(target, policy, limit)
            if made is not None:
                return made
        from dualstack.net.dial.blocking_driver import BlockingDriver  # a literal address needs none of it
        from dualstack.net.dial.prepare import files_for, prepare

        began = monotonic()
        files = files_for(target, policy)
        if files is not None:
            files.look()
        end = replace(local_end(source_address, timeout=limit), options=options) if has_wishes else None
        outlet = narrowed(policy.outlet, family, end)
        limit_s = inf if limit is None else limit
        prepared = prepare(target, outlet, policy, began, limit_s=limit_s, on_step=on_step)
        sock = BlockingDriver(prepared, target.port, outlet).run()
    except DialError as error:
        group = error.__cause__
        if not (all_errors and isinstance(group, ExceptionGroup)):
            raise
    else:
        sock.settimeout(limit)
        return sock
    try:
        raise group
    finally:
        del group


def _seconds(timeout: object) -> float | None:
    if timeout is None:
        return None
    check_limit(timeout)
    assert isinstance(timeout, int | float)  # noqa: S101 - it has just been seen
    if not timeout >= 0:
        raise ValueError(f"timeout {timeout!r}: 0 or more seconds, or None")
    # Longer than a socket can count is as long as it takes.
    return None if timeout > _LONGEST_TIMEOUT_S else float(timeout)


def _plain(target: Target, policy: DialPolicy, limit: float | None) -> socket.socket | None:
    """The one call that a literal address needs; None where a translator may have another way."""
    assert isinstance(target.host, Address)  # noqa: S101 - it is plain
    started = monotonic()
    try:
        return connect(target.host, target.port, timeout=limit)
    except OSError as error:
        failed = failure(target, target.host, policy, error, monotonic() - started)
    try:
        if failed is not None:
            raise failed
    finally:
        del failed  # a frame that holds what it raises is garbage that only the collector finds
    return None
