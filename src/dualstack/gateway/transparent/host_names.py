"""This host's own resolver, as the DNS front asks it: full names, reverse names, and all other records by its servers.

Names go by the system, so that the hosts file, multicast DNS and whatever else nsswitch.conf has are in it; what is no
address goes to the name servers of resolv.conf, over TCP where an answer was cut short.
"""

import asyncio
import os
import socket
import struct
from contextlib import ExitStack
from functools import partial

from dualstack.core.address.address import SOCKET_FAMILIES, Address
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.errors import LookupFailed
from dualstack.kernel.datagrams import DATAGRAM_BYTES, connected
from dualstack.net.names.files import ParsedFile
from dualstack.net.names.getaddrinfo import getnameinfo_async
from dualstack.net.names.hosts_file import addresses_in_hosts_file
from dualstack.net.names.system_names import RESOLV_CONF, SYSTEM_NAMES, resolv_conf_of_this_host
from dualstack.net.names.thread_pool import POOL, LimitReachedError

__all__ = ["addresses_of", "name_of", "pass_on"]

_LOOKUP_S = 30.0
_SERVER_S = 5.0
_DNS_PORT = 53
_NUMBER = struct.Struct("!H")
_IS_CUT, _IS_AUTHENTIC = 0x02, 0x20  # of the third and the fourth byte
_servers = ParsedFile(RESOLV_CONF, resolv_conf_of_this_host)


async def addresses_of(name: str, version: int) -> tuple[Address, ...]:
    """The addresses of a full name of one family; no search domain is added.

    Raises:
        LookupFailed: there are none, or nobody says.
    """
    try:
        return await POOL.run_async(partial(_addresses, name, version), _LOOKUP_S)
    except LimitReachedError:
        raise LookupFailed(name, f"no answer within {_LOOKUP_S:g} s", timed_out=True) from None


def _addresses(name: str, version: int) -> tuple[Address, ...]:
    listed = addresses_in_hosts_file(name)
    if listed:
        own = tuple(address for address in listed if address.version == version)
        if own:
            return own
        raise LookupFailed(name, "the hosts file has none of that family", errno=socket.EAI_NONAME)
    return SYSTEM_NAMES.addresses(f"{name}.", version)


async def name_of(address: Address) -> str | None:
    """The name of an address; None where it has none, or nobody says."""
    try:
        name, _ = await getnameinfo_async(
            SocketAddress(address, 0).to_tuple(), socket.NI_NAMEREQD | socket.NI_NUMERICSERV, timeout=_LOOKUP_S
        )
    except LookupFailed:
        return None
    return name if name.isascii() else None


async def pass_on(question: bytes) -> bytes | None:
    """The answer of this host's name servers, each asked in turn; None where none gives one."""
    conf = _servers()
    for server in () if conf is None else conf.servers:
        number = os.urandom(_NUMBER.size)
        try:
            answer = await _ask(server, number + question[_NUMBER.size :])
        except (OSError, TimeoutError, EOFError):
            continue
        if answer[:2] == number:
            # RFC 6840 section 5.8: that it was proved is said by who has proved it.
            return question[:2] + answer[2:3] + bytes([answer[3] & ~_IS_AUTHENTIC]) + answer[4:]
    return None


async def _ask(server: Address, question: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    there = SocketAddress(server, _DNS_PORT).to_tuple(socket.if_nametoindex)
    async with asyncio.timeout(_SERVER_S):
        with ExitStack() as undo:
            made = connected(SOCKET_FAMILIES[server.version], there)
            sock = undo.enter_context(socket.socket(made.family, made.type, made.proto, made.detach()))
            await loop.sock_sendall(sock, question)
            answer = b""
            while answer[:2] != question[:2] or len(answer) < len(question[:12]):
                answer = await loop.sock_recv(sock, DATAGRAM_BYTES)
            if not answer[2] & _IS_CUT:
                return answer
        return await _ask_by_stream(server, question)


async def _ask_by_stream(server: Address, question: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(str(server), _DNS_PORT)
    try:
        writer.write(_NUMBER.pack(len(question)) + question)
        (size,) = _NUMBER.unpack(await reader.readexactly(_NUMBER.size))
        return await reader.readexactly(size)
    finally:
        writer.transport.abort()
