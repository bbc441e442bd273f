"""Packets that a rule of the packet filter logs to a group (NFLOG), whole and at once.

Where such a rule also drops, this is how a program sees the first packet of a connection before anybody answers it.
"""

import errno
import socket
import struct
from collections.abc import Iterator
from typing import Self

from dualstack.kernel import netlink
from dualstack.kernel.netlink import attribute
from dualstack.kernel.netlink_changes import Change, Changes, be32
from dualstack.kernel.nftables import NETLINK_NETFILTER

__all__ = ["PacketLog"]

# include/uapi/linux/netfilter/nfnetlink.h, nfnetlink_log.h
_ULOG, _PACKET, _CONFIG = 4, 0, 1
_CFG_CMD, _CFG_MODE, _CFG_TIMEOUT, _CFG_QTHRESH = 1, 2, 4, 5
_CMD_BIND = 1
_COPY_PACKET = 2
_PAYLOAD = 9
_GENERIC = struct.Struct("!BBH")  # struct nfgenmsg: family, version, group
_MODE = struct.Struct("!IBx")  # how many bytes of a packet, what of it
_HEADER = struct.Struct("=IHHII")

_WHOLE = 0xFFFF
_BUFFER_BYTES = 1 << 17
# A burst of first packets is not to be lost between two wake-ups; what is lost, clients send again.
_WAITING_BYTES = 4 << 20


class PacketLog(Changes):
    """The packets of one group of the network namespace that the caller is in now; does not block.

    Args:
        group: as the rule has it.

    Raises:
        OSError: no right (EPERM), another listens to that group (EBUSY), or a kernel without (nfnetlink_log).
    """

    def __init__(self, group: int) -> None:
        super().__init__(NETLINK_NETFILTER)
        try:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WAITING_BYTES)
            self._set(group, attribute(_CFG_CMD, bytes([_CMD_BIND])))
            mode = attribute(_CFG_MODE, _MODE.pack(_WHOLE, _COPY_PACKET))
            self._set(group, mode + be32(_CFG_QTHRESH, 1) + be32(_CFG_TIMEOUT, 1))
            self._sock.setblocking(False)
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """Readable where a packet waits."""
        return self._sock.fileno()

    def __enter__(self) -> Self:
        return self

    def packets(self, limit: int) -> Iterator[bytes]:
        """Up to about `limit` packets that wait, each from its IP header on; what did not fit in the buffer is lost."""
        seen = 0
        while seen < limit:
            try:
                received = self._sock.recv(_BUFFER_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                continue
            for body in _bodies(received):
                payload = netlink.attributes(body, _GENERIC.size).get(_PAYLOAD)
                if payload is not None:
                    seen += 1
                    yield payload

    def _set(self, group: int, attributes: bytes) -> None:
        body = _GENERIC.pack(socket.AF_UNSPEC, 0, group) + attributes
        self.make(Change(_ULOG << 8 | _CONFIG, body, what=f"NFLOG group {group}"))


def _bodies(received: bytes) -> Iterator[bytes]:
    at = 0
    while at + _HEADER.size <= len(received):
        length, kind, *_ = _HEADER.unpack_from(received, at)
        if length < _HEADER.size:
            return
        if kind == _ULOG << 8 | _PACKET:
            yield received[at + _HEADER.size : at + length]
        at += (length + 3) & ~3
