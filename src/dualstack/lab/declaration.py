"""What a lab is to be: its hosts, names, faults and programs, from Python or from TOML, checked key by key."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import cast

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.core.suggestion import suggestion
from dualstack.errors import AddressError, ConfigError
from dualstack.kernel.text_files import parse_table, read_text
from dualstack.lab.faults import FAMILIES, Fault, parse_fault

__all__ = [
    "DEFAULT_LINK",
    "DOMAIN",
    "HOSTS",
    "NOTHING",
    "RESOLVER",
    "Declaration",
    "HostDeclaration",
    "Kind",
    "Program",
    "host_declared",
    "load",
    "name_declared",
    "parse",
]

DEFAULT_LINK = "lan"
RESOLVER = "resolver"
DOMAIN = "test"  # RFC 6761 section 6.2: never anybody's
DEFAULT_ROUND_TRIP_S = 0.002
DEFAULT_TIMEOUT_S = 60.0
_HOST_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_LABEL = r"[A-Za-z0-9_-]{1,63}"
_NAME = re.compile(rf"(?=.{{1,200}}\Z){_LABEL}(?:\.{_LABEL})*")


class Kind(Enum):
    """What a host is, in the words of a declaration."""

    IPV4_ONLY = "ipv4-only"
    IPV6_ONLY = "ipv6-only"
    DUAL = "dual"
    GATEWAY = "gateway"
    RESOLVER = "resolver"

    @property
    def families(self) -> tuple[int, ...]:
        """Those that the host has."""
        return {Kind.IPV4_ONLY: (4,), Kind.IPV6_ONLY: (6,)}.get(self, (4, 6))


@dataclass(frozen=True, slots=True)
class HostDeclaration:
    """A host, its kind, and the link that it is on; a gateway is on all of them and routes between them."""

    name: str
    kind: Kind
    link: str = DEFAULT_LINK


@dataclass(frozen=True, slots=True)
class Program:
    """A command line on a host; a server runs until the others have ended."""

    host: str
    argv: tuple[str, ...]
    is_server: bool = False

    def __str__(self) -> str:
        return shlex.join(self.argv)


@dataclass(frozen=True, slots=True)
class Declaration:
    """A whole lab.

    Args:
        hosts: those that are there from the start.
        names: more names, each with the hosts whose addresses it has.
        records: what names have beside addresses, each as a zone file has it.
        faults: what is broken from the start.
        programs: what `lab run` runs, servers first.
        ipv4: the range that its links take their IPv4 prefixes from; None: one that this machine does not use.
        ipv6: likewise.
        round_trip_s: what a round trip over the wire takes.
        timeout_s: how long each program of `run` may take.
    """

    hosts: tuple[HostDeclaration, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    records: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    faults: tuple[Fault, ...] = ()
    programs: tuple[Program, ...] = ()
    ipv4: Prefix | None = None
    ipv6: Prefix | None = None
    round_trip_s: float = DEFAULT_ROUND_TRIP_S
    timeout_s: float = DEFAULT_TIMEOUT_S


NOTHING = Declaration()
"""No host yet; ranges and times as they are by default."""

HOSTS: tuple[HostDeclaration, ...] = (
    HostDeclaration("client4", Kind.IPV4_ONLY),
    HostDeclaration("client6", Kind.IPV6_ONLY),
    HostDeclaration("client", Kind.DUAL),
    HostDeclaration("server4", Kind.IPV4_ONLY),
    HostDeclaration("server6", Kind.IPV6_ONLY),
    HostDeclaration("server", Kind.DUAL),
    HostDeclaration("gateway", Kind.GATEWAY),
)
"""The hosts of Figure 12.5, and the gateway between them."""


def load(path: str | Path) -> Declaration:
    """Read and check the file at `path`.

    Raises:
        ConfigError: it cannot be read, is no TOML, or a key or value is wrong.
    """
    return parse(read_text(path), str(path))


def parse(text: str, where: str) -> Declaration:
    """Check the TOML `text`; `where` names it in errors.

    Raises:
        ConfigError: as `load` says.
    """
    table = parse_table(text, where)
    return _Reader(where, table).declaration()


def host_declared(name: str, kind: object, link: object = DEFAULT_LINK, where: str = "") -> HostDeclaration:
    """A host, from words that are yet to be checked; `where` names their file in errors.

    Raises:
        ConfigError: a word is wrong.
    """
    key = f"hosts.{name}"
    if not _HOST_NAME.fullmatch(name):
        raise ConfigError(where, key, "a host's name has small letters, digits and -, a letter first, and 32 at most")
    if name in FAMILIES:
        raise ConfigError(where, key, "means a family in a fault; call the host something else")
    kinds = {each.value: each for each in Kind}
    if not isinstance(kind, Kind | str) or not (isinstance(kind, Kind) or kind in kinds):
        raise ConfigError(where, key, f"{kind!r}: no kind of host; {_hint(str(kind), kinds)}")
    if not isinstance(link, str) or not link:
        raise ConfigError(where, f"{key}.link", f"{link!r}: expected the name of a link")
    return HostDeclaration(name, kind if isinstance(kind, Kind) else kinds[kind], link)


def name_declared(name: str, where: str = "") -> str:
    """One more name, as the resolver knows it: in small letters, without the domain.

    Raises:
        ConfigError: no lookup could ask for it.
    """
    if not _NAME.fullmatch(name):
        why = "a name is labels of letters, digits, - and _, 63 at most each, with dots between"
        raise ConfigError(where, f"names.{name}", why)
    return name.lower().removesuffix(f".{DOMAIN}")


class _Reader:
    """Takes the keys out of a table, and names them in errors."""

    def __init__(self, where: str, table: Mapping[str, object]) -> None:
        self._where = where
        self._table = table

    def declaration(self) -> Declaration:
        for key in self._table:
            if key not in _KEYS:
                raise ConfigError(self._where, key, f"unknown key; {_hint(key, _KEYS)}")
        hosts = tuple(self._host(name, value) for name, value in self._of("hosts", dict, {}).items())
        if not hosts:
            raise ConfigError(self._where, "hosts", 'is missing: write hosts.NAME = "dual" for each host')
        named = [host.name for host in hosts]
        # The resolver is there without being declared, and can be broken as any other.
        breakable = named if any(host.kind is Kind.RESOLVER for host in hosts) else [*named, RESOLVER]
        return Declaration(
            hosts,
            names={
                name_declared(name, self._where): self._hosts(f"names.{name}", value, named)
                for name, value in self._of("names", dict, {}).items()
            },
            records={
                name: self._texts(f"records.{name}", value) for name, value in self._of("records", dict, {}).items()
            },
            faults=tuple(
                parse_fault(text, breakable, self._where)
                for text in self._texts("faults", self._of("faults", list, []))
            ),
            programs=(*self._programs("serve", named), *self._programs("run", named)),
            ipv4=self._prefix("ipv4", 4, 24),
            ipv6=self._prefix("ipv6", 6, 64),
            round_trip_s=self._seconds("round_trip", DEFAULT_ROUND_TRIP_S),
            timeout_s=self._seconds("timeout", DEFAULT_TIMEOUT_S),
        )

    def _of(self, key: str, kind: type, default: object) -> "dict[str, object]":
        value = self._table.get(key, default)
        if not isinstance(value, kind):
            raise ConfigError(self._where, key, f"{value!r}: expected {_WORDS[kind]}")
        return cast("dict[str, object]", value)

    def _host(self, name: str, value: object) -> HostDeclaration:
        key = f"hosts.{name}"
        table = value if isinstance(value, dict) else {"kind": value}
        for inner in table:
            if inner not in _HOST_KEYS:
                raise ConfigError(self._where, f"{key}.{inner}", f"unknown key; {_hint(inner, _HOST_KEYS)}")
        return host_declared(name, table.get("kind"), table.get("link", DEFAULT_LINK), self._where)

    def _hosts(self, key: str, value: object, hosts: list[str]) -> tuple[str, ...]:
        named = self._texts(key, value)
        for name in named:
            if name not in hosts:
                raise ConfigError(self._where, key, f"there is no host {name!r}; {_hint(name, hosts)}")
        return named

    def _texts(self, key: str, value: object) -> tuple[str, ...]:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ConfigError(self._where, key, f"{value!r}: expected a text or a list of texts")
        return tuple(texts)

    def _programs(self, key: str, hosts: list[str]) -> Iterator[Program]:
        for host, value in self._of(key, dict, {}).items():
            where = f"{key}.{host}"
            if host not in hosts:
                raise ConfigError(self._where, where, f"there is no host {host!r}; {_hint(host, hosts)}")
            for text in self._texts(where, value):
                yield Program(host, self._split(where, text), is_server=key == "serve")

    def _split(self, key: str, text: str) -> tuple[str, ...]:
        try:
            argv = tuple(shlex.split(text))
        except ValueError as error:
            raise ConfigError(self._where, key, f"{text!r}: its words cannot be split: {error}") from error
        if not argv:
            raise ConfigError(self._where, key, "names no command")
        return argv

    def _prefix(self, key: str, version: int, links: int) -> Prefix | None:
        text = self._table.get(key)
        if text is None:
            return None
        try:
            prefix = Prefix.parse(str(text))
        except AddressError as error:
            raise ConfigError(self._where, key, str(error)) from error
        if prefix.network.version != version or prefix.length > links or prefix.network.scope:
            why = f"{text!r}: expected an IPv{version} prefix of /{links} or shorter, such as {_RANGES[version]}"
            raise ConfigError(self._where, key, why)
        return prefix

    def _seconds(self, key: str, default: float) -> float:
        value = self._table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise ConfigError(self._where, key, f"{value!r}: expected seconds, 0 or more")
        return float(value)


_KEYS = ("hosts", "names", "records", "faults", "serve", "run", "ipv4", "ipv6", "round_trip", "timeout")
_HOST_KEYS = ("kind", "link")
_WORDS: dict[type, str] = {dict: "a table", list: "a list of texts"}
_RANGES = {4: Prefix(Address("10.64.0.0"), 16), 6: Prefix(Address("2001:db8:64::"), 48)}


def _hint(word: str, known: "Mapping[str, object] | tuple[str, ...] | list[str]") -> str:
    return suggestion(word, known)
