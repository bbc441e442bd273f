"""Our connections in the hands of other libraries, in the shape that each asks for. Imports none of them.

>>> import urllib3.util.connection  # doctest: +SKIP
>>> urllib3.util.connection.create_connection = urllib3_connection  # doctest: +SKIP
"""

import socket
from collections.abc import Iterable

from dualstack.net.dial_blocking import create_connection
from dualstack.net.dialer import GLOBAL_DEFAULT_TIMEOUT
from dualstack.net.targets import HostLike, PortLike

__all__ = ["urllib3_connection"]


def urllib3_connection(
    address: tuple[HostLike, PortLike],
    timeout: object = GLOBAL_DEFAULT_TIMEOUT,
    source_address: tuple[str, int] | None = None,
    socket_options: Iterable[tuple[int, int, int | bytes]] | None = None,
) -> socket.socket:
    """`urllib3.util.connection.create_connection`, and so that of requests, over every address of the host.

    Args:
        address: host and port.
        timeout: seconds for all of it; what is no number and not None, such as urllib3's own default, is left out.
        source_address: `(host, port)` to bind before.
        socket_options: arguments of `setsockopt`, set once it is connected.

    Raises:
        DialError, LookupFailed, AddressError: as `create_connection` does.
    """
    is_left_out = timeout is not None and not isinstance(timeout, int | float)
    sock = create_connection(address, GLOBAL_DEFAULT_TIMEOUT if is_left_out else timeout, source_address)
    try:
        for level, option, value in socket_options or ():
            sock.setsockopt(level, option, value)
    except BaseException:
        sock.close()
        raise
    return sock
