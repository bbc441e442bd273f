"""Service names to port numbers, as services(5) has them."""

import socket
from functools import lru_cache

__all__ = ["service_port"]


@lru_cache(maxsize=64)
def service_port(name: str) -> int | None:
    """The TCP port of a service name such as `imap`; None where there is none. The file is read once for each name."""
    try:
        return socket.getservbyname(name, "tcp")
    except OSError:
        return None
