"""A network whose first packets are ours: the rules that hand them over, and the sockets that answer there.

Lives in a thread of its own (`kernel.network_thread`); what it opens may be used in any. Where clients are on the other
side of an interface, all that they begin is handed over; on a loopback, what no socket there takes.
"""

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from socket import SocketType
from typing import TYPE_CHECKING, Self

from dualstack.core.address.address import Address
from dualstack.kernel import nftables as nft
from dualstack.kernel.netlink_changes import Changes
from dualstack.kernel.network_thread import NetworkThread
from dualstack.kernel.nflog import PacketLog
from dualstack.kernel.transparent_sockets import (
    open_packet_writer,
    open_transparent_flow,
    open_transparent_listener,
)
from dualstack.wire.packet import ICMP, ICMPV6

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Place"]

_GROUP = 1
# Of packets that are sent by us there. Any number would do: nobody else has marks in a namespace that is ours.
_MARK = 0x6473
# Before connection tracking, after fragments are put together (include/uapi/linux/netfilter_ipv4.h).
_PRIORITY = -310
_ECHO_REQUEST = {ICMP: 8, ICMPV6: 128}


class Place:
    """The sockets of one network; `close` ends them.

    Args:
        thread: that lives there.
        interface: by which clients come.
        is_loopback: it is theirs too: what a socket there takes is not ours.

    Raises:
        OSError: the kernel has not what it takes, or gives no right; the message names it.
    """

    def __init__(self, thread: NetworkThread, interface: str, *, is_loopback: bool = False) -> None:
        self._thread = thread
        self.is_loopback = is_loopback
        with ExitStack() as undo:
            thread(partial(self._open, undo, interface))
            self._undo = undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all sockets; rules go with the network."""
        self._undo.close()

    def send(self, packet: bytes, to: Address) -> None:
        """Send a packet as it is; one that the kernel refuses is lost, as any may be."""
        writer = self._writers.get(to.version)
        if writer is not None:
            try:
                writer.sendto(packet, (str(to), 0))
            except OSError:
                return

    def open_flow(self, asked: tuple[Address, int], client: tuple[Address, int]) -> "Future[SocketType]":
        """A UDP socket in the name of the address that was asked."""
        return self._thread.later(partial(open_transparent_flow, asked, client))

    def _open(self, undo: ExitStack, interface: str) -> None:
        self._writers: dict[int, socket.socket] = {}
        for version in (4, 6):
            try:
                self._writers[version] = undo.enter_context(open_packet_writer(version, _MARK))
            except OSError:
                if version == 4:
                    raise
        self.listener = undo.enter_context(open_transparent_listener())
        self.log = undo.enter_context(PacketLog(_GROUP))
        chain = nft.Chain("first-packets", _PRIORITY, _rules(interface, self.listener, is_loopback=self.is_loopback))
        with Changes(nft.NETLINK_NETFILTER) as changes:
            changes.make(*nft.filter_table("dualstack", chain))


def _rules(interface: str, listener: socket.socket, *, is_loopback: bool) -> Sequence[Sequence[nft.Expression]]:
    port = int(listener.getsockname()[1])
    ours, from_clients = nft.is_marked(_MARK), nft.from_interface(interface)
    new_stream, datagram = nft.is_new_stream(), nft.is_protocol(socket.IPPROTO_UDP)
    hand_over = (nft.log_to(_GROUP), nft.DROP)
    rules: list[Sequence[nft.Expression]] = [
        [*ours, *new_stream, *nft.transparently_to(port), nft.ACCEPT],
        [*ours, nft.ACCEPT],
    ]
    if is_loopback:
        # Our own listener is not to be found by who happens to ask for its number.
        rules += [
            [*from_clients, *new_stream, *nft.transport_bytes(2, port.to_bytes(2, "big")), *hand_over],
            [*from_clients, *new_stream, *nft.has_socket(), nft.ACCEPT],
        ]
    rules += [
        [*from_clients, *new_stream, *hand_over],
        [*from_clients, *datagram, *nft.has_socket(), nft.ACCEPT],
        [*from_clients, *datagram, *hand_over],
    ]
    if not is_loopback:
        for protocol, kind in _ECHO_REQUEST.items():
            echo = (*nft.is_protocol(protocol), *nft.transport_bytes(0, bytes([kind])))
            rules.append([*from_clients, *echo, *hand_over])
    return rules
