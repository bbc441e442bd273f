"""Packet sockets (packet(7)): every frame of an interface as it is on the wire, to pass on or to look at.

Linux only.
"""

import errno
import socket
import struct
import sys

__all__ = ["VNET_HEADER", "open_packet_socket"]

# include/uapi/linux/if_packet.h, if_ether.h
_SOL_PACKET = 263
_PACKET_VNET_HDR = 15
_PACKET_IGNORE_OUTGOING = 23
_ETH_P_ALL = 0x0003

VNET_HEADER = struct.Struct("=BBHHHH")
"""struct virtio_net_hdr: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset."""

# A burst of TCP is not to be lost between two wake-ups.
_BUFFER_BYTES = 8 << 20


def open_packet_socket(interface: str, *, for_passing_on: bool = False) -> socket.socket:
    """A non-blocking socket that gets all frames of an interface.

    Args:
        interface: its name.
        for_passing_on: each frame comes, and is to be sent, behind a `VNET_HEADER`: so a checksum that the sender left
            to the hardware, and a segment larger than the MTU, pass as they are. Frames that go out by it are not seen.

    Raises:
        OSError: no right (CAP_NET_RAW), or no such interface.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "packet sockets are Linux'")
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    try:
        if for_passing_on:
            sock.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
            sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
        sock.bind((interface, _ETH_P_ALL))
    except BaseException:
        sock.close()
        raise
    return sock
