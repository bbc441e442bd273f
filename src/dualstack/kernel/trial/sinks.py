"""Who stands at the other end of a call out: a socket of each family and protocol, so that it shows what arrived.

They take all that comes to one port number and keep nothing.
"""

import select
import socket
from contextlib import ExitStack
from types import TracebackType
from typing import Self

__all__ = ["Sinks"]

_FAMILIES = {4: (socket.AF_INET, "0.0.0.0"), 6: (socket.AF_INET6, "::")}
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
# Within one host nothing is under way longer; what has not come by then was thrown away.
_UNDER_WAY_MS = 50


class Sinks:
    """Four sockets on one port number."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._stack = ExitStack()
        self._sockets: dict[tuple[str, int], socket.socket] = {}

    def __enter__(self) -> Self:
        for proto, kind in _KINDS.items():
            for version, (family, wildcard) in _FAMILIES.items():
                sink = self._stack.enter_context(socket.socket(family, kind | socket.SOCK_NONBLOCK))
                if version == 6:
                    sink.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sink.bind((wildcard, self.port))
                if proto == "tcp":
                    sink.listen()
                self._sockets[proto, version] = sink
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def empty(self, proto: str) -> None:
        """Throw away what has arrived."""
        while any(self._take(proto, version) for version in _FAMILIES):
            pass

    def what_arrived(self, proto: str) -> int | None:
        """The version of IP over which something arrived; None where nothing did."""
        for version in _FAMILIES:
            if self._take(proto, version):
                return version
        poll = select.poll()
        for version in _FAMILIES:
            poll.register(self._sockets[proto, version], select.POLLIN)
        poll.poll(_UNDER_WAY_MS)
        return next((version for version in _FAMILIES if self._take(proto, version)), None)

    def _take(self, proto: str, version: int) -> bool:
        sink = self._sockets[proto, version]
        try:
            if proto == "tcp":
                sink.accept()[0].close()
            else:
                sink.recv(8)
        except BlockingIOError:
            return False
        return True
