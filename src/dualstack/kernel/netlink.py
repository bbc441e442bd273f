"""Ask the Linux kernel over netlink: for a list, such as its addresses or sockets, or for one thing, such as a route;
or be told that something has changed.

A dump is read to the end; nothing is ever changed in the kernel.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Notices", "ask", "attribute", "attributes", "dump"]

# include/uapi/linux/netlink.h
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_NLM_F_REQUEST = 0x01
_NLM_F_DUMP = 0x300
_NLM_F_DUMP_INTR = 0x10
_NLA_TYPE_MASK = 0x3FFF

# include/uapi/linux/rtnetlink.h
_NETLINK_ROUTE = 0
_RTMGRP_LINK, _RTMGRP_IPV4_IFADDR, _RTMGRP_IPV6_IFADDR = 0x1, 0x10, 0x100

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_ERROR = struct.Struct("=i")

# The kernel fills up to 32 kB a read where the buffer allows it (netlink_dump, since 4.9).
_BUFFER_BYTES = 1 << 16
_TRIES = 3


def dump(protocol: int, kind: int, question: bytes) -> list[bytes]:
    """Every answer to one dump request, without its header.

    A list that changed while it was read is asked for again, twice at most; then the last one stands.

    Args:
        protocol: the netlink family, such as `NETLINK_ROUTE` (0).
        kind: the type of the request, such as `RTM_GETADDR`.
        question: the body of the request.

    Raises:
        OSError: the kernel refused, with its errno.
    """
    answers: list[bytes] = []
    for _ in range(_TRIES):
        answers, changed = _dump_once(protocol, kind, question)
        if not changed:
            break
    return answers


def ask(protocol: int, kind: int, question: bytes) -> bytes:
    """The answer to one request, without its header.

    Args:
        protocol: as for `dump`.
        kind: the type of the request, such as `RTM_GETROUTE`.
        question: the body of the request.

    Raises:
        OSError: the kernel refused, with its errno.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as netlink:
        netlink.send(_HEADER.pack(_HEADER.size + len(question), kind, _NLM_F_REQUEST, 1, 0) + question)
        for answer_kind, _, body in _messages(netlink.recv(_BUFFER_BYTES)):
            if answer_kind == _NLMSG_ERROR:
                _raise_refusal(body)
            return body
    return b""


def attribute(kind: int, value: bytes) -> bytes:
    """An attribute with its padding.

    >>> attribute(3, b"lo").hex()
    '060003006c6f0000'
    """
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def attributes(body: bytes, start: int) -> dict[int, bytes]:
    """The attributes of an answer, by their type; `start` is where its fixed part ends."""
    found: dict[int, bytes] = {}
    while start + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, start)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _NLA_TYPE_MASK] = body[start + _ATTRIBUTE.size : start + length]
        start += _aligned(length)
    return found


def _dump_once(protocol: int, kind: int, question: bytes) -> tuple[list[bytes], bool]:
    answers: list[bytes] = []
    changed = False
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as netlink:
        netlink.bind((0, 0))
        length = _HEADER.size + len(question)
        netlink.send(_HEADER.pack(length, kind, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0) + question)
        while True:
            for answer_kind, flags, body in _messages(netlink.recv(_BUFFER_BYTES)):
                changed = changed or bool(flags & _NLM_F_DUMP_INTR)
                if answer_kind in (_NLMSG_ERROR, _NLMSG_DONE):
                    _raise_refusal(body)
                    return answers, changed
                answers.append(body)


def _messages(packet: bytes) -> Iterator[tuple[int, int, bytes]]:
    start = 0
    while start + _HEADER.size <= len(packet):
        length, kind, flags, _, _ = _HEADER.unpack_from(packet, start)
        yield kind, flags, packet[start + _HEADER.size : start + length]
        start += _aligned(max(length, _HEADER.size))


def _raise_refusal(body: bytes) -> None:
    """Both the error and the end of a dump begin with a negative errno, or 0 where all is well."""
    code = -_ERROR.unpack_from(body)[0] if len(body) >= _ERROR.size else 0
    if code > 0:
        raise OSError(code, os.strerror(code))


def _aligned(length: int) -> int:
    return (length + 3) & ~3


class Notices:
    """Hears from the kernel that interfaces or addresses of this host have changed; what of it, it does not say.

    Args:
        groups: the multicast groups of rtnetlink(7), as a mask.

    Raises:
        OSError: netlink is forbidden here (seccomp, systemd's RestrictAddressFamilies).
    """

    def __init__(self, groups: int) -> None:
        if not hasattr(socket, "AF_NETLINK"):
            raise OSError(errno.EAFNOSUPPORT, "this system has no netlink")
        self._sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NETLINK_ROUTE)
        try:
            self._sock.bind((0, groups))
        except BaseException:
            self._sock.close()
            raise

    @classmethod
    def of_addresses(cls) -> "Notices":
        """Of addresses that come, go, or may be used from now on."""
        return cls(_RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR)

    @classmethod
    def of_interfaces(cls) -> "Notices":
        """Of interfaces and their addresses."""
        return cls(_RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR)

    def fileno(self) -> int:
        """Readable once there is news."""
        return self._sock.fileno()

    def drain(self) -> None:
        """Take all that has come, so that the next is news; too much of it (ENOBUFS) is news as well."""
        while True:
            try:
                self._sock.recv(_BUFFER_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise

    def close(self) -> None:
        """Hear no more."""
        self._sock.close()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
