"""What a caller wants to connect from: an address, a port, or a name that this host has, looked up before the race."""

from __future__ import annotations

import socket
from operator import index

from dualstack.core.address.address import Address
from dualstack.core.quick_values import dataclass
from dualstack.errors import AddressError, LookupFailed, TargetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from dualstack.core.dial.egress import SocketOption

__all__ = ["LocalEnd", "SourceAddress", "local_end", "local_end_async", "read_source", "version_of"]

_Pair: TypeAlias = tuple[str | None, int] | tuple[str, int, int, int]
SourceAddress: TypeAlias = _Pair | str | Address
"""`(host, port)` with nothing, or None, for any host; or the host alone."""

_ANY_HOST = frozenset({"", "*"})
_VERSIONS = {0: 0, 4: 4, 6: 6, socket.AF_UNSPEC: 0, socket.AF_INET: 4, socket.AF_INET6: 6}


@dataclass(frozen=True, slots=True)
class LocalEnd:
    """What a connection is bound to before it is made.

    Args:
        addresses: one of each family that may be dialled; none where any will do.
        port: 0 lets the kernel choose.
        options: arguments of `setsockopt`, for each socket before it is bound and connected.
    """

    addresses: tuple[Address, ...] = ()
    port: int = 0
    options: tuple[SocketOption, ...] = ()


def read_source(source: SourceAddress | None) -> LocalEnd | tuple[str, int]:
    """A source as it is, or the name and the port where its host has to be looked up.

    Raises:
        TargetError: it is neither an address nor a name, or its port is none.
    """
    if source is None:
        return LocalEnd()
    if isinstance(source, list | tuple):
        source = _read_pair(source)
    host, port = (source[0], _read_port(source[1])) if isinstance(source, tuple) else (source, 0)
    if host is None or host in _ANY_HOST:
        return LocalEnd((), port)
    try:
        # What getsockname gives for IPv6 has its scope at the end.
        whole = source if isinstance(source, tuple) and len(source) == 4 else host
        return LocalEnd((Address(whole).canonical,), port)
    except AddressError as error:
        if isinstance(host, str) and _may_be_a_name(host):
            return host, port
        raise TargetError(error.value, error.why) from None


def local_end(source: SourceAddress | None, *, timeout: float | None = None) -> LocalEnd:
    """A source with its addresses.

    Raises:
        TargetError: as `read_source` says, or this host knows no such name.
    """
    read = read_source(source)
    if isinstance(read, LocalEnd):
        return read
    from dualstack.net.names.getaddrinfo import resolve  # an address needs no lookup

    try:
        return _first_of_each(resolve(read[0], timeout=timeout), read[1])
    except LookupFailed as error:
        raise _no_such_source(read[0], error) from error


async def local_end_async(source: SourceAddress | None, *, limit_s: float | None = None) -> LocalEnd:
    """The same for asyncio and trio: a name is looked up off the loop."""
    read = read_source(source)
    if isinstance(read, LocalEnd):
        return read
    from dualstack.net.names.getaddrinfo import resolve_async  # as above

    try:
        return _first_of_each(await resolve_async(read[0], timeout=limit_s), read[1])
    except LookupFailed as error:
        raise _no_such_source(read[0], error) from error


def version_of(family: int) -> int:
    """4 or 6, or 0 for both, of a family in our words or in those of `socket` (AF_INET6).

    Raises:
        ValueError: it is neither.
    """
    try:
        return _VERSIONS[family]
    except KeyError:
        raise ValueError(f"family {family}: 4, 6, or 0 for both") from None


def _no_such_source(name: str, error: LookupFailed) -> TargetError:
    return TargetError(name, f"no address to connect from: {error}")


def _first_of_each(addresses: tuple[Address, ...], port: int) -> LocalEnd:
    first = {address.version: address for address in reversed(addresses)}
    return LocalEnd(tuple(first[version] for version in (6, 4) if version in first), port)


def _may_be_a_name(host: str) -> bool:
    """Whether there is a letter outside of what looks like an address."""
    return ":" not in host and not host[-1:].isdigit() and not host.startswith("[")


def _read_pair(source: Sequence[object]) -> _Pair:
    """The tuple of `bind`, be it a list, its host in bytes, or what `getsockname` gives."""
    if len(source) not in {2, 4}:
        raise TargetError(source, 'what to connect from is a host, or a pair of host and port: ("192.0.2.1", 0)')
    host, *rest = source
    return (host.decode("latin-1") if isinstance(host, bytes | bytearray) else host, *rest)  # type: ignore[return-value]


def _read_port(port: object) -> int:
    number = index(port) if isinstance(port, int) and not isinstance(port, bool) else -1
    if not 0 <= number <= 65535:
        raise TargetError(port, "a port to connect from is 0 to 65535")
    return number
