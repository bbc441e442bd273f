"""Connections for urllib3, and so for requests, raced. Imports neither.

>>> import urllib3.util.connection  # doctest: +SKIP
>>> urllib3.util.connection.create_connection = urllib3_connection  # doctest: +SKIP
"""

import socket
from collections.abc import Iterable

from dualstack.core.dial.egress import SocketOption
from dualstack.net.dial.blocking_calls import create_connection
from dualstack.net.dial.dialer import Dialer
from dualstack.net.dial.target import HostLike, PortLike
from dualstack.net.names.limits import GLOBAL_DEFAULT_TIMEOUT

__all__ = ["urllib3_connection"]


def urllib3_connection(
    address: tuple[HostLike, PortLike],
    timeout: object = GLOBAL_DEFAULT_TIMEOUT,
    source_address: tuple[str, int] | None = None,
    socket_options: Iterable[SocketOption] | None = None,
    *,
    dialer: Dialer | None = None,
) -> socket.socket:
    """`urllib3.util.connection.create_connection`, and so that of requests, over every address of the host.

    Args:
        address: host and port.
        timeout: seconds for all of it; what is no number and not None, such as urllib3's own default, is left out.
        source_address: `(host, port)` to bind before.
        socket_options: arguments of `setsockopt`, set before it is connected, as urllib3 does.
        dialer: the policy, for `functools.partial` to give.

    Raises:
        DialError, LookupFailed, TargetError: as `create_connection` does.
    """
    is_left_out = timeout is not None and not isinstance(timeout, int | float)
    timeout = GLOBAL_DEFAULT_TIMEOUT if is_left_out else timeout
    return create_connection(address, timeout, source_address, socket_options=socket_options or (), dialer=dialer)
