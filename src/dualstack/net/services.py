"""Service names to port numbers, as services(5) has them."""

import socket

__all__ = ["service_port"]


def service_port(name: str) -> int | None:
    """The TCP port of a service name such as `imap`; None where there is none."""
    try:
        return socket.getservbyname(name, "tcp")
    except OSError:
        return None
