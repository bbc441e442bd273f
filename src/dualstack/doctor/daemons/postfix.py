"""Postfix: `inet_interfaces` and `inet_protocols` of main.cf, the services of type inet in master.cf (postconf(5))."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from dualstack.core.address.address import Address
from dualstack.doctor.access.access_list import AccessList, listed
from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import entries
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen, NotUnderstood, Place, Refused, Target
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["POSTFIX"]

_HABITS = replace(STRICT, none_left=Ends.SKIPPED, nothing=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    values = {entry.key: (entry.value, entry.place) for entry in entries(settings.main(), continued=_goes_on)}
    families = _families(values, settings)
    default = _interfaces(values, families, settings)
    rows: list[Listen] = []
    for host, port, place in _services(settings):
        if not host:
            rows += [replace(row, port=port) for row in default]
        else:
            family = families[0] if len(families) == 1 else None
            rows.append(Listen(host, port, _HABITS, place=place, family=family))
    return rows


def _goes_on(line: str) -> bool:
    return line[:1].isspace()


def _services(settings: Settings) -> list[tuple[str, int, Place]]:
    """Host, port and place of each service of master.cf; smtp alone where the file is not there."""
    master = settings.optional(settings.beside("master.cf"))
    if master is None:
        return [("", 25, Place(settings.path, 1))]
    found = []
    for entry in entries(master, separator=r"\s+", continued=_goes_on):
        words = entry.value.split()
        if words[:1] == ["inet"]:
            host, port = (
                host_port(entry.key, 0, entry.place) if ":" in entry.key else ("", _port(entry.key, entry.place))
            )
            found.append((host, port, entry.place))
    return found


def _port(text: str, place: Place) -> int:
    return host_port(f":{text}", 0, place)[1]


def _families(values: Mapping[str, tuple[str, Place]], settings: Settings) -> tuple[int, ...]:
    """Those of inet_protocols: `all` by default since 3.0, and IPv6 left out where there is no AF_INET6."""
    text, place = values.get("inet_protocols", ("ipv4" if settings.before(2, 9) else "all", None))
    words = set(re.split(r"[,\s]+", text.strip()))
    if not words <= {"all", "ipv4", "ipv6"}:
        raise NotUnderstood(f"inet_protocols = {text}", place)
    wanted = [4] * bool(words & {"all", "ipv4"}) + [6] * bool(words & {"all", "ipv6"})
    return tuple(family for family in wanted if family == 4 or settings.host.has_socket)


def _interfaces(values: Mapping[str, tuple[str, Place]], families: tuple[int, ...], settings: Settings) -> list[Listen]:
    """The rows of inet_interfaces, their ports still open."""
    text, place = values.get("inet_interfaces", ("all", None))
    text = re.sub(r"\$\{?(\w+)\}?", lambda name: values.get(name[1], (f"${name[1]}", None))[0], text).strip()
    if "$" in text:
        raise NotUnderstood(f"inet_interfaces = {text}: the parameter has its default, which is not known", place)
    if not families:
        return []
    if text == "all":
        if families == (6,) and not settings.host.has_ipv6:
            raise Refused("could not find any active network interfaces", place)
        return [Listen(_ANY[family], 0, _HABITS, place=place) for family in families]
    if text == "loopback-only":
        return [Listen("lo", 0, _HABITS, place=place, family=family, target=Target.INTERFACE) for family in families]
    names = [name for name in re.split(r"[,\s]+", text) if name]
    return [row for name in names for row in _named(name, families, place, settings)]


_ANY = {4: "0.0.0.0", 6: "::"}


def _named(name: str, families: tuple[int, ...], place: Place | None, settings: Settings) -> list[Listen]:
    """Each address of a name, which must be one of the host's (own_inet_addr.c)."""
    host = settings.host
    address = literal(name)
    if address is not None and address.version not in families:
        raise Refused(f"config variable inet_interfaces: host not found: {name}", place)
    found = [each for each in host.lookup(name) if each.version in families]
    missing = [each for each in found if not _is_own(each, settings)]
    if missing:
        raise Refused(f"parameter inet_interfaces: no local interface found for {missing[0]}", place)
    return [Listen(str(each), 0, _HABITS, place=place) for each in found]


def _is_own(address: Address, settings: Settings) -> bool:
    """Whether an interface has it; all of 127/8 can be bound to, but 127.0.0.1 alone is an interface's."""
    host = settings.host
    if address.is_loopback and address.version == 4:
        return str(address) == "127.0.0.1"
    return host.has(address) or address.is_unspecified


def _access(settings: Settings) -> Iterator[AccessList]:
    """`mynetworks`: whose mail is relayed (postconf(5)); tables and names may be of either family."""
    values = {entry.key: (entry.value, entry.place) for entry in entries(settings.main(), continued=_goes_on)}
    if "mynetworks" not in values or _families(values, settings) == (4,):
        return
    text, place = values["mynetworks"]
    networks = filter(None, re.split(r"[\s,]+", text))
    yield from listed("postfix mynetworks", ((word[0] != "!", word.lstrip("!"), place) for word in networks))


POSTFIX = Daemon(
    name="postfix",
    read=_read,
    habits=_HABITS,
    programs=("postfix", "master", "postfix start-fg", "postfix start"),
    files=("/etc/postfix/main.cf",),
    ports=("tcp/25",),
    source="measured 3.5, 3.7, 3.10; postconf(5), master(5)",
    examples=tuple(
        Example(f"{each}\n")
        for each in (
            "inet_protocols = all",
            "inet_protocols = ipv4",
            "inet_protocols = ipv6",
            "inet_interfaces = loopback-only",
            "inet_interfaces = localhost",
        )
    ),
    both=Example("inet_protocols = all\ninet_interfaces = all"),
    access=_access,
)
