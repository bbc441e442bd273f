"""Listening sockets for programs of one's own: what one text means on every system (N5, N8).

Both families come on two sockets, so that no program meets an IPv4 peer in IPv6 clothes unawares; `sockets="single"`
is one socket where the system has that. The planner is imported when a socket is first asked for: it costs nearly what
`import asyncio` does.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from dualstack.errors import AddressError, ConfigError, ListenError
from dualstack.kernel.socket_options import BACKLOG

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from dualstack.core.address.address import Address
    from dualstack.core.host.facts import HostFacts
    from dualstack.core.planning.planner import Plan

__all__ = ["Where", "bind_socket", "bind_sockets", "plan_listen"]


Where: TypeAlias = "str | int | Sequence[str] | None"
"""A listen text, or several; a port number for both families; None for both families, as nothing is."""


def bind_sockets(
    where: Where,
    *,
    port: int | None = None,
    v6only: bool = False,
    family: int = 0,
    sockets: str = "auto",
    backlog: int = BACKLOG,
) -> "list[socket.socket]":
    """Listening, non-blocking TCP sockets for a listen text: `*:143`, `*, [::]` with `port`, `localhost:0`, `8080`.

    Args:
        where: the text, or several; a port number, or None, for both families.
        port: the number of items that have none.
        v6only: `[::]` and `*` take IPv6 alone.
        family: 4 or 6, or one of `socket`'s, for that family alone; 0 for what the text says.
        sockets: `auto` and `pair` make two sockets for both families, `single` makes one where the system can.
        backlog: connections that may wait to be accepted.

    Raises:
        AddressError: the text cannot be read.
        ConfigError: it cannot mean anything on this host, such as an IPv6 address with IPv6 off.
        ListenError: a socket cannot be opened; none is left open.

    Port 0 is the same number in both families. Where IPv6 is off, IPv4 alone is opened (RFC 3493 section 3.7).

    >>> from dualstack import bind_sockets
    >>> sockets = bind_sockets("localhost:0")
    >>> len({sock.getsockname()[1] for sock in sockets})
    1
    >>> for sock in sockets: sock.close()
    """
    made = plan_listen(where, port=port, v6only=v6only, family=family, sockets=sockets)
    return _open(made, backlog)


def bind_socket(
    where: Where, *, port: int | None = None, v6only: bool = False, backlog: int = BACKLOG
) -> "socket.socket":
    """One listening socket for a framework that takes one: both families on it where the text means both.

    A peer over IPv4 shows there as `::ffff:a.b.c.d`; `Address(peer).canonical` is what it is.

    Raises:
        ListenError: the text needs more than one socket on this system.
        AddressError, ConfigError: as `bind_sockets` says.
    """
    made = plan_listen(where, port=port, v6only=v6only, sockets="single")
    if len(made.sockets) > 1:
        listed = ", ".join(str(spec) for spec in made.sockets)
        raise ListenError(str(where), f"needs {len(made.sockets)} sockets here ({listed}); use bind_sockets")
    return _open(made, backlog)[0]


def plan_listen(
    where: Where,
    *,
    port: int | None = None,
    v6only: bool = False,
    family: int = 0,
    sockets: str = "auto",
    protocol: str = "tcp",
    name: str = "listen",
    tell: "Callable[[str], None]" = lambda _text: None,
) -> "Plan":
    """What `bind_sockets` or `open_datagram` opens, with notes for people: a family that is off, items merged.

    `name` is what the plan calls it. A tentative address is waited for, 3 s at most; `tell` hears of it before.

    Raises:
        AddressError, ConfigError: as `bind_sockets` says.
    """
    from dualstack.core.address.endpoint import parse_listen
    from dualstack.core.address.narrowing import narrowed
    from dualstack.core.planning.configuration import Configuration, Service, Sockets
    from dualstack.core.planning.planner import bind_asks, claims_of, plan_claims
    from dualstack.net.names.services import service_port

    modes = [mode.value for mode in Sockets]
    if sockets not in modes:
        raise ConfigError("", "sockets", f"{sockets!r}: expected one of {', '.join(modes)}")
    family = _version_of(family)
    if port is not None and (isinstance(port, bool) or not isinstance(port, int)):
        raise AddressError(port, "the port beside a text is a whole number, such as 80")
    port = None if port is None else int(port)  # a member of an IntEnum too
    text = _text_of(where)
    endpoints = parse_listen(text, port=port, service=service_port)
    if family:
        endpoints = narrowed(endpoints, family)
    service = Service(name, listen=endpoints, protocol=protocol, v6only=v6only or family == 6, sockets=Sockets(sockets))
    facts = _quick_facts(tuple(endpoint.host for endpoint in endpoints if isinstance(endpoint.host, str)))
    config = Configuration((service,))
    if asks := bind_asks(config, facts):
        from dualstack.kernel.bind_answers import with_answers

        facts = with_answers(facts, asks, tell=tell)
    return plan_claims(list(claims_of(config, service, facts)), facts, auto=Sockets.PAIR)


def _version_of(family: int) -> int:
    from dualstack.net.dial.source import version_of

    try:
        return version_of(family)
    except ValueError:
        raise ConfigError("", "family", f"{family!r}: expected 4 or 6 for that family alone, or 0") from None


def _text_of(where: object) -> str:
    if where is None:
        return ""
    if isinstance(where, int):
        return str(where if isinstance(where, bool) else int(where))
    if isinstance(where, bytes | bytearray):
        return where.decode("latin-1")
    if isinstance(where, str):
        return where
    texts = tuple(where) if isinstance(where, Iterable) else (where,)
    if texts == (where,) or not all(isinstance(text, str) for text in texts):
        raise AddressError(where, "where to listen is a text, such as '127.0.0.1:8080', several, or a port's number")
    return ", ".join(texts)


def _quick_facts(names: tuple[str, ...]) -> "HostFacts":
    from dualstack.core.host.facts import HostFacts
    from dualstack.kernel.facts import ipv6_status, system_name

    status = ipv6_status()
    return HostFacts(
        system=system_name(),
        ipv6=status.ipv6,
        why_no_ipv6=status.why_no_ipv6,
        bindv6only=status.bindv6only,
        names=_looked_up(names),
    )


def _open(made: "Plan", backlog: int) -> "list[socket.socket]":
    from dualstack.kernel.sockets import open_sockets

    return open_sockets(made.sockets, backlog=backlog)


def _looked_up(names: tuple[str, ...]) -> "dict[str, tuple[Address, ...]]":
    if not names:
        return {}
    from dualstack.net.names.getaddrinfo import resolve

    return {name: resolve(name) for name in names}
