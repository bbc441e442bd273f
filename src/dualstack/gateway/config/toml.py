"""The gateway's TOML file: read, checked key by key, and turned into a `Configuration`.

A wrong file changes nothing: the error names the file, the key, the value and what is expected.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from dualstack.core.access.access_list import check_rules
from dualstack.core.address.address import Address
from dualstack.core.address.embedded import Nat64
from dualstack.core.address.endpoint import Wildcard, parse_host, parse_listen, parse_port
from dualstack.core.address.prefix import Prefix
from dualstack.core.planning.configuration import Configuration, Link, Port, Service, Sockets
from dualstack.core.planning.targets import ForwardTarget, ProxyProtocol, Target, kind_of
from dualstack.errors import AddressError, ConfigError, RuleError
from dualstack.gateway.config.page_address import page_endpoints
from dualstack.gateway.config.schema import File, Included, PortTable, ServiceTable
from dualstack.gateway.config.target_text import checked_unix_path, parse_target_text
from dualstack.gateway.config.wrong_keys import explain, is_name, place_of, printable
from dualstack.kernel.text_files import parse_table, read_text
from dualstack.net.names.resolver_choice import resolver_named
from dualstack.net.names.services import service_port

__all__ = ["form_of_log", "load", "parse"]

_MOST_INCLUDED = 1000

T = TypeVar("T")
F = TypeVar("F", File, Included)
S = TypeVar("S", bound=Struct)


def load(path: str | Path) -> Configuration:
    """Read and check the file at `path`.

    Raises:
        ConfigError: it cannot be read, is no TOML, or a key or value is wrong.
    """
    return parse(read_text(path), str(path))


def form_of_log(path: str | Path) -> str:
    """What the file says of the log's form, whatever else may be wrong in it; `text` where it says nothing."""
    try:
        asked = parse_table(read_text(path), str(path)).get("log") if Path(path).is_file() else None
    except ConfigError:
        return "text"
    return "json" if asked == "json" else "text"


def parse(text: str, where: str) -> Configuration:
    """Check the TOML `text`, and the files that it includes; `where` names it in errors, and they lie beside it.

    Raises:
        ConfigError: as `load` says.
    """
    sources: list[_Source] = []
    try:
        file = _read(text, where, File, sources)
        names = map(str, _included(file, where))
        others = [(name, _read(read_text(name), name, Included, sources)) for name in names]
        return _configuration(file, [(where, file), *others])
    except ConfigError as error:
        source = next((source for source in sources if source.where == error.where), None)
        place = None if source is None else place_of(error.key, source.text, source.raw)
        if place is None:
            raise
        # In the words of TOML's own reader.
        why = f"{error.why} (at line {place.line}, column {place.column})"
        raise ConfigError(error.where, error.key, why, exit_code=error.exit_code) from error


@dataclass(frozen=True, slots=True)
class _Source:
    """A file that was read, to find places in."""

    where: str
    text: str
    raw: dict[str, object]


def _read(text: str, where: str, kind: type[F], sources: list[_Source]) -> F:
    source = _Source(where, text, parse_table(text, where))
    sources.append(source)
    return _converted(source.raw, kind, where, source.raw, "")


def _included(file: File, where: str) -> Iterator[Path]:
    """The files that `include` names, in the order of the patterns, each pattern's by name."""
    for pattern in file.include:
        anchor = Path(pattern).anchor
        start = Path(anchor) if anchor else Path(where).parent
        try:
            found = sorted(start.glob(pattern.removeprefix(anchor)))
        except ValueError as error:
            why = f"{pattern!r}: {str(error).lower()}; write dualstack.d/*.toml"
            raise ConfigError(where, "include", why) from error
        if len(found) > _MOST_INCLUDED:
            why = f"{pattern!r} is {len(found)} files, and {_MOST_INCLUDED} are the most; put services together"
            raise ConfigError(where, "include", why)
        yield from found


def _converted(table: object, kind: type[S], where: str, raw: object, path: str) -> S:
    """`table`, which stands at `path` of the `raw` file, as the struct that says what may be in it."""
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        text, _, inner = str(error).partition(" - at `$")
        key, why = explain(text, path + inner.rstrip("`"), raw, kind)
        raise ConfigError(where, key, why) from None


def _configuration(file: File, parts: Sequence[tuple[str, File | Included]]) -> Configuration:
    """What the file says of all, and what it and those that it includes bring, with their names."""
    where = parts[0][0]
    if file.control is not None:
        _checked(where, "control", partial(checked_unix_path, file.control))
    resolver = (file.resolver,) if isinstance(file.resolver, str) else tuple(file.resolver)
    _checked(where, "resolver", partial(resolver_named, resolver))
    ports = tuple(_port(name, table, at) for at, part in parts for name, table in part.ports.items())
    services = tuple(_service(table, index, at) for at, part in parts for index, table in enumerate(part.services))
    if not services:
        raise ConfigError(
            where, "services", "is missing; write a [[services]] table, or `include` files that have some"
        )
    _refuse_twice(
        (at, f"services[{index}].name", table.name) for at, part in parts for index, table in enumerate(part.services)
    )
    _refuse_twice((at, f"ports.{name}", name) for at, part in parts for name in part.ports)
    own = {service.name.casefold() for service in services if service.listen}
    for at, name in ((at, name) for at, part in parts for name in part.ports):
        if name.casefold() in own:
            why = "a service with `listen` has this name, and so its port; rename one"
            raise ConfigError(at, f"ports.{name}", why)
    return Configuration(
        services,
        ports=ports,
        links=tuple(Link(link.to, tuple(link.ports)) for _, part in parts for link in part.links),
        where=where,
        user=file.user,
        control=file.control,
        log=file.log,
        resolver=resolver,
        max_connections=file.max_connections,
        ipv6=file.ipv6,
        workers=file.workers,
        access_log=file.access_log,
        page=_checked(where, "page", lambda: page_endpoints(file.page)),
        page_hosts=tuple(file.page_hosts),
    )


def _refuse_twice(named: Iterable[tuple[str, str, str]]) -> None:
    """Of names with the file and the key that they stand at."""
    seen: set[str] = set()
    for where, key, name in named:
        if name.casefold() in seen:
            raise ConfigError(where, key, f"{name!r} stands twice, and names do not mind case; rename one")
        seen.add(name.casefold())


def _port(name: str, raw: object, where: str) -> Port:
    _check_name(name, where, f"ports.{printable(name)}")
    table = _converted(raw, PortTable, where, {"ports": {name: raw}}, f".ports.{name}")
    bind = _checked(where, f"ports.{name}.bind", lambda: parse_host(table.bind))
    if table.v6only and isinstance(bind, Address) and bind.canonical.version == 4:
        why = f"{table.bind} is IPv4, and IPv6 alone leaves nothing of it; bind an IPv6 address or leave the key out"
        raise ConfigError(where, f"ports.{name}.v6only", why)
    if table.freebind and (isinstance(bind, Wildcard) or (isinstance(bind, Address) and bind.is_unspecified)):
        why = f"{table.bind} is any address, and one of them comes later; bind that one or leave the key out"
        raise ConfigError(where, f"ports.{name}.freebind", why)
    return Port(name, bind, v6only=table.v6only, interface=table.interface, freebind=table.freebind)


def _check_name(name: str, where: str, key: str) -> None:
    """Refuse what is no name."""
    if not name:
        raise ConfigError(where, key, "is empty; give it a name")
    if not is_name(name):
        raise ConfigError(where, key, f"{name!r}: a name has no / and no control characters; rename it")


def _service(table: ServiceTable, index: int, where: str) -> Service:
    key = f"services[{index}] ({table.name})"
    _check_name(table.name, where, f"services[{index}].name")
    if bool(table.ports) == (table.listen is not None):
        raise ConfigError(where, key, "needs either `ports` (names, with `port`) or `listen`, and not both")
    _refuse_streams_only(table, where, key)
    port = _checked(where, f"{key}.port", lambda: _number(table.port))
    listen = table.listen if isinstance(table.listen, str | None) else ", ".join(table.listen)
    endpoints = (
        ()
        if listen is None
        else _checked(where, f"{key}.listen", lambda: parse_listen(listen, port=port, service=service_port))
    )
    _checked(where, f"{key}.nat64", lambda: Nat64(table.nat64))
    for rules in ("access", "reach"):
        _checked(where, f"{key}.{rules}", lambda rules=rules: check_rules(getattr(table, rules)))  # type: ignore[misc]
    for sender in table.proxy_in:
        _checked(where, f"{key}.proxy_in", lambda sender=sender: Prefix.parse(sender))  # type: ignore[misc]
    target = _target(table, where, key)
    # UDP has timeouts of its own, and the connection of a child is the child's.
    sees_to_silence = table.protocol == "udp" or kind_of(target).has_children
    return Service(
        table.name,
        target,
        ports=tuple(table.ports),
        listen=endpoints,
        port=port,
        protocol=table.protocol,
        sockets=Sockets(table.sockets),
        access=tuple(table.access),
        reach=tuple(table.reach),
        nat64=tuple(table.nat64),
        idle_timeout_s=inf if table.idle_timeout is None else table.idle_timeout,
        is_unbounded=table.idle_timeout is None and not sees_to_silence,
        keepalive_s=table.keepalive,
        connect_timeout_s=table.connect_timeout,
        handshake_timeout_s=table.handshake_timeout,
        max_connections=table.max_connections,
        max_per_client=table.max_per_client,
        max_rate_per_client=table.max_rate_per_client,
        max_children=table.max_children,
        drain_s=table.drain,
        proxy_in=tuple(table.proxy_in),
        proxy_out=table.proxy_out,
    )


def _refuse_streams_only(table: ServiceTable, where: str, key: str) -> None:
    """What a service over UDP cannot have: both begin with bytes on a connection."""
    if table.protocol == "udp":
        for name in ("forward", "proxy_in", "proxy_out"):
            if getattr(table, name):
                raise ConfigError(
                    where, f"{key}.{name}", "is for connections, and UDP has none; leave it out, or use TCP"
                )


def _target(table: ServiceTable, where: str, key: str) -> Target:
    """Where the service's connections go; `to` or `forward` says it."""
    if not table.forward:
        if table.to is None:
            raise ConfigError(where, f"{key}.to", "is missing; a forward proxy has `forward` instead")
        if table.users:
            raise ConfigError(where, f"{key}.users", "asks for passwords, which only `forward` has a way to give")
        to = table.to
        return _checked(where, f"{key}.to", lambda: parse_target_text(to))
    if table.to is not None:
        raise ConfigError(where, f"{key}.forward", "stands beside `to`: clients say where, or the file does, not both")
    if table.proxy_out is not None:
        raise ConfigError(where, f"{key}.proxy_out", "has no place in a forward proxy: its targets expect no header")
    for name, password in table.users.items():
        if not 0 < len(name.encode()) < 256 or not 0 < len(password.encode()) < 256 or ":" in name:
            why = "a name and a password have 1 to 255 bytes, and a name has no colon (RFC 1929, RFC 7617)"
            raise ConfigError(where, f"{key}.users.{name}", why)
    return ForwardTarget(tuple(map(ProxyProtocol, dict.fromkeys(table.forward))), tuple(table.users.items()))


def _checked(where: str, key: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (AddressError, RuleError) as error:
        raise ConfigError(where, key, str(error)) from error


def _number(port: int | str | None) -> int | None:
    return None if port is None else parse_port(str(port), service=service_port)
