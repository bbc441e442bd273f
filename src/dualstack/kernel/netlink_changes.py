"""Change what the Linux kernel has, over netlink: requests that are acknowledged, alone or as one transaction.

What is asked for is built by `kernel.links` and `kernel.nftables`; here are the words that all of netlink shares.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from dualstack.kernel.netlink import attribute

__all__ = ["CREATE", "EXCLUSIVE", "Change", "Changes", "be16", "be32", "nested", "text", "u32"]

# include/uapi/linux/netlink.h
_NLMSG_ERROR = 2
_REQUEST, _ACK = 0x01, 0x04
EXCLUSIVE, CREATE = 0x200, 0x400
_NESTED = 0x8000

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
_BUFFER_BYTES = 1 << 16


def nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute of attributes."""
    return attribute(kind | _NESTED, b"".join(attributes))


def text(kind: int, value: str) -> bytes:
    """A text, which ends with a NUL."""
    return attribute(kind, value.encode() + b"\0")


def u32(kind: int, value: int) -> bytes:
    """A number as rtnetlink has it, in the host's order."""
    return attribute(kind, struct.pack("=I", value))


def be32(kind: int, value: int) -> bytes:
    """A number as netfilter has it, in the network's order."""
    return attribute(kind, struct.pack("!I", value))


def be16(kind: int, value: int) -> bytes:
    """A short number of netfilter's."""
    return attribute(kind, struct.pack("!H", value))


@dataclass(frozen=True, slots=True)
class Change:
    """One request.

    Args:
        kind: its type, such as `RTM_NEWLINK`.
        body: its fixed part and attributes.
        flags: `CREATE` and the like, beside those of every request.
        what: for the error's message.
        is_silent: it is not answered (the ends of a transaction).
    """

    kind: int
    body: bytes
    flags: int = 0
    what: str = ""
    is_silent: bool = False


class Changes:
    """A netlink socket of the network namespace that the caller is in now; the block's end closes it.

    Args:
        protocol: the netlink family, such as `NETLINK_ROUTE` (0).

    Raises:
        OSError: the kernel has no such family (EPROTONOSUPPORT).
    """

    def __init__(self, protocol: int) -> None:
        if not hasattr(socket, "AF_NETLINK"):
            raise OSError(errno.EAFNOSUPPORT, "this system has no netlink")
        self._sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the socket; what was changed stays."""
        self._sock.close()

    def make(self, *changes: Change) -> None:
        """Make each change, and wait until the kernel has said yes to all.

        Raises:
            OSError: it has not, with the number of its refusal and what was asked for.
        """
        waiting: dict[int, Change] = {}
        packet = b""
        for change in changes:
            self._sequence += 1
            flags = _REQUEST | change.flags | (0 if change.is_silent else _ACK)
            packet += _HEADER.pack(_HEADER.size + len(change.body), change.kind, flags, self._sequence, 0) + change.body
            if not change.is_silent:
                waiting[self._sequence] = change
        self._sock.send(packet)
        refused: OSError | None = None
        while waiting:
            for sequence, number in _answers(self._sock.recv(_BUFFER_BYTES)):
                change_of = waiting.pop(sequence, None)
                if number and refused is None:
                    what = change_of.what if change_of else "the whole"
                    refused = OSError(number, f"{what}: {os.strerror(number)}")
                    # A transaction that is refused as a whole acknowledges nothing after that.
                    if any(change.is_silent for change in changes):
                        raise refused
        if refused is not None:
            raise refused


def _answers(packet: bytes) -> Iterator[tuple[int, int]]:
    """The sequence number and errno of each acknowledgement."""
    at = 0
    while at + _HEADER.size <= len(packet):
        length, kind, _, sequence, _ = _HEADER.unpack_from(packet, at)
        if kind == _NLMSG_ERROR:
            yield sequence, -struct.unpack_from("=i", packet, at + _HEADER.size)[0]
        at += (max(length, _HEADER.size) + 3) & ~3
