"""Clients that come by another proxy: the PROXY header that a named sender puts before their bytes is read here."""

import asyncio
from dataclasses import dataclass
from socket import SocketType, if_nametoindex, socket

from dualstack.core.access.access_list import AccessList, Verdict
from dualstack.core.address.address import Address
from dualstack.core.address.sockaddr import SockAddr, SocketAddress
from dualstack.errors import WireError
from dualstack.kernel.streams import as_socket
from dualstack.wire.proxy_protocol import Ends, Reader

__all__ = ["Senders", "ends_of", "read_header", "sockaddr_of"]


@dataclass(frozen=True, slots=True)
class Senders:
    """Who sends headers.

    Args:
        prefixes: theirs; everybody else's first bytes are nobody's concern, whatever they look like.
    """

    prefixes: AccessList

    def __contains__(self, peer: SockAddr) -> bool:
        return isinstance(peer, tuple) and self.prefixes.check(Address(peer).canonical).verdict is Verdict.ALLOW


async def read_header(client: SocketType, peer: SockAddr, *, within_s: float) -> tuple[SocketType, Ends]:
    """Read the header, for which the sender has so long, and not a byte more; its ends, or the connection's own.

    Raises:
        WireError: there is none, or it does not come in time; the socket is closed.
    """
    sock = as_socket(client)
    try:
        sock.setblocking(False)
        async with asyncio.timeout(within_s):
            return sock, await _read(sock) or ends_of(sock, peer)
    except TimeoutError:
        sock.close()
        raise WireError("PROXY header", f"none within {within_s:g} s") from None
    except OSError as error:
        sock.close()
        raise WireError("PROXY header", f"the sender left: {error.strerror}") from None
    except BaseException:
        sock.close()
        raise


async def _read(sock: socket) -> Ends | None:
    loop = asyncio.get_running_loop()
    reader = Reader()
    while reader.wants:
        content = await loop.sock_recv(sock, reader.wants)
        if not content:
            raise WireError("PROXY header", "the sender left before its end")
        reader.receive(content)
    return reader.ends


def ends_of(client: SocketType, peer: SockAddr) -> Ends:
    """Both ends of an accepted connection, unmapped."""
    return Ends(*(_unmapped(SocketAddress.from_tuple(end)) for end in (_internet(peer), client.getsockname())))


def sockaddr_of(end: SocketAddress) -> SockAddr:
    """As the kernel would give it."""
    return end.to_tuple(if_nametoindex)


def _unmapped(end: SocketAddress) -> SocketAddress:
    return SocketAddress(end.address.canonical, end.port)


def _internet(peer: SockAddr) -> tuple[str, int] | tuple[str, int, int, int]:
    assert isinstance(peer, tuple)  # noqa: S101 - services listen on internet sockets alone
    return peer
