"""A name server on the loopback, for the zone that a test gives it."""

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from dualstack.lab.zone import Zone

__all__ = ["NameServer"]

_LENGTH = struct.Struct("!H")


class NameServer:
    """Answers over UDP and TCP at 127.0.0.1, on one port.

    Args:
        zone: what it knows; its delays are not kept.
    """

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        while True:
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._udp.bind(("127.0.0.1", 0))
            self.port = self._udp.getsockname()[1]
            try:
                self._tcp = socket.create_server(("127.0.0.1", self.port))
            except OSError:  # somebody has that port number of TCP
                self._udp.close()
            else:
                break

    @property
    def address(self) -> str:
        """As a resolver takes it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=serve, daemon=True) for serve in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sock in (self._udp, self._tcp):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # wakes who waits for it
        for thread in self._threads:
            thread.join()
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self) -> None:
        with suppress(OSError):  # it is shut down in the midst of an answer
            while True:
                packet, client = self._udp.recvfrom(4096)
                if not packet:
                    return
                answer = self.zone.answer(packet, client[0])
                if answer is not None:
                    self._udp.sendto(answer.packet, client)

    def _serve_tcp(self) -> None:
        with suppress(OSError):
            while True:
                sock, client = self._tcp.accept()
                with sock:
                    (length,) = _LENGTH.unpack(sock.recv(_LENGTH.size))
                    answer = self.zone.answer(sock.recv(length), client[0], over_tcp=True)
                    if answer is not None:
                        sock.sendall(_LENGTH.pack(len(answer.packet)) + answer.packet)
