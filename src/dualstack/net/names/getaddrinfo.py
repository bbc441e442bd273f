"""Names to addresses and back, within a limit of time, blocking or in asyncio.

The C library's lookups cannot be stopped, and last up to 80 s (Stevens, exercise 11.11): they run in threads that
nobody waits for longer than asked (`net.names.thread_pool`). What needs no resolver, a numeric host and port, is
answered on the spot. `getaddrinfo` and `getnameinfo` stand in for the functions of `socket`, with three traps out:

- A host that no resolver should see (NUL, blanks, other scripts, longer than RFC 1035 allows) is a `LookupFailed` like
  any other name that does not exist. `socket` raises UnicodeError or ValueError, which no caller expects, or cuts the
  text at the NUL.
- `socket.getnameinfo(("fe80::1%eth0", 80))` forgets the zone; here it counts.
- A port over 65535 is refused; glibc goes on with its lower 16 bits.

`resolve` is for programs: one grammar of hosts, values out, and `localhost` is both loopbacks on every system.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Generic, TypeAlias, TypeVar, cast

from dualstack.core.address.address import SOCKET_FAMILIES, Address, SocketTuple
from dualstack.core.address.endpoint import Wildcard, is_localhost, parse_host
from dualstack.core.address.idna import ascii_name
from dualstack.core.address.well_known import LOOPBACKS
from dualstack.errors import AddressError, LookupFailed
from dualstack.kernel.zones import address_in
from dualstack.net.names import gai_flags as _flags
from dualstack.net.names.limits import check_limit
from dualstack.net.names.loopback_names import LoopbackNames
from dualstack.net.names.resolver import AddressInfo, Resolver
from dualstack.net.names.thread_pool import POOL, LimitReachedError, why_late

__all__ = [
    "FAMILIES",
    "addresses_in",
    "getaddrinfo",
    "getaddrinfo_async",
    "getnameinfo",
    "getnameinfo_async",
    "getnameinfo_timeo",
    "known_addresses",
    "resolve",
    "resolve_async",
]

T = TypeVar("T")
Host: TypeAlias = str | bytes | None
Port: TypeAlias = str | bytes | int | None


_NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
FAMILIES = {0: socket.AF_UNSPEC, **SOCKET_FAMILIES}
_EAI_SYSTEM = getattr(socket, "EAI_SYSTEM", socket.EAI_FAIL)  # Windows has none

# RFC 1035 section 2.3.4, as text without the last dot.
_NAME_MAX, _LABEL_MAX = 253, 63
_REFUSED: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda t: "\0" in t, "it has a NUL in it, where some would stop reading"),
    (lambda t: not t.isascii(), "it is not ASCII: write an international name in its xn-- form"),
    (lambda t: not t.isprintable() or " " in t, "it has a blank or a control character in it"),
    (lambda t: not t.strip("."), "it is empty"),
    (lambda t: len(t.removesuffix(".")) > _NAME_MAX, f"a name has at most {_NAME_MAX} characters"),
    (lambda t: "" in t.removesuffix(".").split("."), "a part between its dots is empty"),
    (lambda t: max(map(len, t.split("."))) > _LABEL_MAX, f"a part between its dots has over {_LABEL_MAX} characters"),
)


def getaddrinfo(  # noqa: PLR0917 - the signature it has in socket
    host: Host,
    port: Port,
    family: int = 0,
    type: int = 0,  # noqa: A002 - the name it has in socket
    proto: int = 0,
    flags: int = 0,
    *,
    timeout: float | None = None,
    resolver: Resolver = socket,
) -> list[AddressInfo]:
    """`socket.getaddrinfo` with a limit.

    Args:
        host: a name, an address, or None.
        port: a number, a service's name, or None.
        family: `AF_INET`, `AF_INET6`, or 0 for both.
        type: such as `SOCK_STREAM`; 0 for all.
        proto: such as `IPPROTO_TCP`; 0 for all.
        flags: `AI_...`.
        timeout: seconds to wait for an answer; None waits as long as the resolver does.
        resolver: whoever is asked.

    Raises:
        LookupFailed: no answer in time (`timed_out`, EAI_AGAIN), or the resolver's error (EAI_NONAME...).

    >>> [info[4] for info in getaddrinfo("::1", 80, type=socket.SOCK_STREAM, timeout=5)]
    [('::1', 80, 0, 0)]
    """
    return _answer(_forward(host, port, (family, type, proto, flags), resolver), timeout)


async def getaddrinfo_async(  # noqa: PLR0917 - as above
    host: Host,
    port: Port,
    family: int = 0,
    type: int = 0,  # noqa: A002 - the name it has in socket
    proto: int = 0,
    flags: int = 0,
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - the words of the blocking form
    resolver: Resolver = socket,
) -> list[AddressInfo]:
    """`getaddrinfo` for asyncio; never uses the loop's executor, so that no lookup can hold up the loop's end."""
    return await _answer_async(_forward(host, port, (family, type, proto, flags), resolver), timeout)


def getnameinfo(
    sockaddr: SocketTuple, flags: int = 0, *, timeout: float | None = None, resolver: Resolver = socket
) -> tuple[str, str]:
    """`socket.getnameinfo` with a limit: the name of a host and of a service.

    Args:
        sockaddr: `(host, port)` or `(host, port, flowinfo, scope_id)`, the host numeric; its zone counts.
        flags: `NI_...`.
        timeout: seconds to wait for an answer; None waits as long as the resolver does.
        resolver: whoever is asked.

    Raises:
        LookupFailed: no answer in time (`timed_out`, EAI_AGAIN), or the resolver's error.

    >>> getnameinfo(("192.0.2.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
    ('192.0.2.1', '80')
    """
    return _answer(_reverse(sockaddr, flags, resolver), timeout)


async def getnameinfo_async(
    sockaddr: SocketTuple,
    flags: int = 0,
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - the words of the blocking form
    resolver: Resolver = socket,
) -> tuple[str, str]:
    """`getnameinfo` for asyncio."""
    return await _answer_async(_reverse(sockaddr, flags, resolver), timeout)


def getnameinfo_timeo(
    sockaddr: SocketTuple, flags: int, seconds: float, *, resolver: Resolver = socket
) -> tuple[str, str]:
    """`getnameinfo` that has a text within `seconds` (Stevens, UNIX Network Programming, exercise 11.11).

    Where no resolver answers, be it that it gives up before, the text is numeric: the address with its zone, and the
    port. RFC 3493 section 6.2 asks the same for a name that cannot be located.

    Args:
        sockaddr: as for `getnameinfo`.
        flags: `NI_...`; with `NI_NAMEREQD` no numeric text will do.
        seconds: how long to wait.
        resolver: whoever is asked.

    Raises:
        LookupFailed: no answer and `NI_NAMEREQD` is set, or the resolver's error.

    >>> getnameinfo_timeo(("192.0.2.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV, 1)
    ('192.0.2.1', '80')
    """
    try:
        return getnameinfo(sockaddr, flags, timeout=seconds, resolver=resolver)
    except LookupFailed as error:
        if error.errno != socket.EAI_AGAIN or flags & socket.NI_NAMEREQD:
            raise
        return getnameinfo(sockaddr, flags | _NUMERIC)


def resolve(
    name: str, *, timeout: float | None = None, family: int = 0, resolver: Resolver = socket
) -> tuple[Address, ...]:
    """The addresses of a host, best first as the resolver sorts them (RFC 6724), each once and unmapped.

    `localhost` is ::1 and 127.0.0.1, whatever the hosts file says or lacks.

    Args:
        name: a host as `parse_host` reads it: a name, or an address, which is its own answer.
        timeout: seconds to wait for an answer; None waits as long as the resolver does.
        family: 4 or 6 for the addresses of one, 0 for both.
        resolver: whoever is asked.

    Raises:
        LookupFailed: no answer in time (`timed_out`, EAI_AGAIN), no address, or none of that family.
        AddressError: `name` is no host, such as `0x7f.1`, which some read as an address.

    >>> resolve("localhost"), resolve("::ffff:192.0.2.1")
    ((Address('::1'), Address('127.0.0.1')), (Address('192.0.2.1'),))
    """
    known = known_addresses(name, family=family)
    if known is not None:
        return known
    return addresses_in(_answer(_stream_lookup(name, family, resolver), timeout))


async def resolve_async(
    name: str,
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - the words of the blocking form
    family: int = 0,
    resolver: Resolver = socket,
) -> tuple[Address, ...]:
    """`resolve` for asyncio."""
    known = known_addresses(name, family=family)
    if known is not None:
        return known
    return addresses_in(await _answer_async(_stream_lookup(name, family, resolver), timeout))


def known_addresses(name: str, *, family: int = 0) -> tuple[Address, ...] | None:
    """What `resolve` says without a lookup, of an address and of `localhost`; None of any other name.

    Raises:
        LookupFailed, AddressError: as `resolve` does.
    """
    if family not in FAMILIES:
        raise ValueError(f"family {family}: 4, 6, or 0 for both")
    host = parse_host(ascii_name(name), of_a_target=True)
    if isinstance(host, Wildcard):
        raise AddressError(name, "every address is none to look up: write one host")
    if isinstance(host, str) and not is_localhost(host):
        return None
    addresses = (host.canonical,) if isinstance(host, Address) else LOOPBACKS
    allowed = tuple(address for address in addresses if family in (0, address.version))
    if not allowed:
        why = f"an IPv{addresses[0].version} address, and IPv{family} is asked for"
        raise LookupFailed(name, why, errno=getattr(socket, "EAI_ADDRFAMILY", socket.EAI_NONAME))
    return allowed


def addresses_in(answers: list[AddressInfo]) -> tuple[Address, ...]:
    """The addresses in an answer of `getaddrinfo`: its order, zones by name, each once and unmapped."""
    return tuple(dict.fromkeys(address_in(sockaddr).canonical for *_, sockaddr in answers))


@dataclass(frozen=True, slots=True)
class _Question(Generic[T]):
    """A lookup not made yet.

    Args:
        text: what is asked for, for the error.
        ask: makes the lookup; blocks.
        is_quick: it asks no resolver.
        is_forward: it is for the addresses of a name.
    """

    text: str
    ask: Callable[[], T]
    is_quick: bool
    is_forward: bool = True


def _forward(
    host: Host, port: Port, hints: tuple[int, int, int, int], resolver: Resolver
) -> _Question[list[AddressInfo]]:
    text = host.decode("latin-1") if isinstance(host, bytes | bytearray) else host
    if not isinstance(text, str | None):
        raise TypeError(f"host {text!r}: a name, an address, or None")
    if not isinstance(port, str | bytes | int | None):
        raise TypeError(f"port {port!r}: a number, a service's name, or None")
    if text is not None:
        _refuse_host(text)
    _refuse_port(str(text or ""), port)
    # As bytes: for a str Python loads its IDNA tables first, which an ASCII name does not need.
    encoded = None if text is None else text.encode("ascii")
    if text is not None and is_localhost(text) and not hints[-1] & socket.AI_NUMERICHOST:
        ask = partial(_flags.look_up, LoopbackNames(text), encoded, port, hints)
        return _Question(text, ask, is_quick=_is_number(port))
    return _Question(
        text=text or "",
        ask=partial(_flags.look_up, resolver, encoded, port, hints),
        is_quick=(text is None or _is_numeric(text) or bool(hints[-1] & socket.AI_NUMERICHOST)) and _is_number(port),
    )


def _reverse(sockaddr: SocketTuple, flags: int, resolver: Resolver) -> _Question[tuple[str, str]]:
    ask = partial(resolver.getnameinfo, _with_scope_id(sockaddr), flags)
    return _Question(
        text=sockaddr[0],
        ask=cast("Callable[[], tuple[str, str]]", ask),
        is_quick=flags & _NUMERIC == _NUMERIC,
        is_forward=False,
    )


def _stream_lookup(name: str, family: int, resolver: Resolver) -> _Question[list[AddressInfo]]:
    # One kind of socket: each address comes once.
    return _forward(ascii_name(name), None, (FAMILIES[family], socket.SOCK_STREAM, 0, 0), resolver)


def _answer(question: _Question[T], timeout: float | None) -> T:
    check_limit(timeout)
    try:
        if question.is_quick or timeout is None:
            return question.ask()
        _refuse_no_time(timeout)
        return POOL.run(question.ask, timeout)
    except (LimitReachedError, OSError, RuntimeError) as error:
        raise _failed(question, timeout, error) from _cause(error)


async def _answer_async(question: _Question[T], timeout: float | None) -> T:  # noqa: ASYNC109 - as above
    check_limit(timeout)
    try:
        if question.is_quick:
            return question.ask()
        limit = inf if timeout is None else timeout
        _refuse_no_time(limit)
        return await POOL.run_async(question.ask, limit)
    except (LimitReachedError, OSError, RuntimeError) as error:
        raise _failed(question, timeout, error) from _cause(error)


def _failed(question: _Question[T], timeout: float | None, error: Exception) -> LookupFailed:
    """What the caller is told of what a question came to."""
    text = question.text
    match error:
        case LimitReachedError():
            return LookupFailed(text, why_late(timeout or 0.0, has_begun=error.has_begun), timed_out=True)
        case socket.gaierror():
            why = error.why if isinstance(error, LookupFailed) else error.strerror or str(error)
            if error.errno == socket.EAI_AGAIN and question.is_forward:
                why = f"no answer: {why}"
            return LookupFailed(text, why, errno=error.errno or socket.EAI_FAIL)
        case _:
            # EAI_SYSTEM, as Python tells it (too many open files...), or no thread to be had.
            return LookupFailed(text, str(error), errno=_EAI_SYSTEM)


def _cause(error: Exception) -> Exception | None:
    return None if isinstance(error, LimitReachedError) else error


def _refuse_no_time(timeout: float) -> None:
    if not timeout > 0:
        raise LimitReachedError


def _refuse_host(text: str) -> None:
    for is_wrong, why in _REFUSED:
        if is_wrong(text):
            raise LookupFailed(text, why, errno=socket.EAI_NONAME)


def _refuse_port(host: str, port: Port) -> None:
    text = port.decode("latin-1") if isinstance(port, bytes) else port
    if isinstance(text, str) and ("\0" in text or not text.isascii()):
        raise LookupFailed(host, f"{text!r} is no service's name", errno=socket.EAI_SERVICE)
    if text is None or not _is_number(port):
        return
    digits = str(text).lstrip("0") or "0"
    if len(digits) > 5 or not 0 <= int(digits) <= 65535:
        raise LookupFailed(host, "a port is 0 to 65535", errno=socket.EAI_SERVICE)


def _is_number(port: Port) -> bool:
    return port is None or isinstance(port, int) or port.isdigit()


def _is_numeric(host: str) -> bool:
    try:
        Address(host)
    except AddressError:
        return False
    return True


def _with_scope_id(sockaddr: SocketTuple) -> SocketTuple:
    """The socket address with its zone as a number, where socket.getnameinfo reads it."""
    try:
        address = Address(sockaddr)
    except AddressError as error:
        raise LookupFailed(str(sockaddr[0]), error.why, errno=socket.EAI_NONAME) from error
    host, port = str(address.without_scope), sockaddr[1]
    _refuse_port(host, port)
    if address.version == 4:
        return host, port
    flow_info, scope_id = sockaddr[2:] if len(sockaddr) == 4 else (0, 0)
    return host, port, flow_info, scope_id or _scope_id(address)


def _scope_id(address: Address) -> int:
    if address.scope is None:
        return 0
    try:
        return socket.if_nametoindex(address.scope)
    except OSError as error:
        if address.scope.isdecimal():
            return int(address.scope)
        why = f"no interface is called {address.scope}"
        raise LookupFailed(str(address), why, errno=socket.EAI_NONAME) from error
