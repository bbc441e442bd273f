"""Port numbers to listen on."""

import random
import socket
from contextlib import suppress

__all__ = ["free_port"]

# Below the numbers that the kernel gives to clients (ip_local_port_range), so that no client takes one of ours.
_PORTS = range(20000, 32000)


def free_port() -> int:
    """A number that nobody has in either family."""
    while True:
        number = random.choice(_PORTS)  # noqa: S311 - any will do
        with suppress(OSError), socket.socket(socket.AF_INET6) as both:
            both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            both.bind(("::", number))
            return number
