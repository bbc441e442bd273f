"""What Domino's notes.ini means for a gateway (D9): named ports, and the servers on them as services.

The file says who listens where, and never where a gateway's connections go: the targets are given. It says nothing of
port numbers but NRPC's, of TLS, nor of links: Domino keeps those in its Directory, so numbers are the defaults of
`core.domino.keys` unless given, and TLS is served where a target is given for it. Only what a document defines is
read; every other key is listed as not read. With IPv6 off, Domino would listen over IPv4 where an IPv6 address is
written: here that is an error, as it is everywhere in this program (D6.1).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Wildcard, parse_host_port
from dualstack.core.domino.keys import NRPC, NRPC_NUMBER, SERVERS, Server
from dualstack.core.domino.notes_ini import NotesIni, Setting
from dualstack.core.planning.configuration import Configuration, Port, Service
from dualstack.core.planning.targets import Target
from dualstack.core.suggestion import those_known
from dualstack.errors import AddressError, ConfigError

__all__ = ["Domino", "Given", "domino"]


@dataclass(frozen=True, slots=True)
class Given:
    """What the file does not say, by names of services: `nrpc`, and those of `core.domino.keys.SERVERS`.

    Args:
        targets: where the connections go.
        numbers: port numbers of Internet servers, as the Server document has them.
        without: services that are left out.
    """

    targets: Mapping[str, Target] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.targets or self.numbers or self.without)


@dataclass(frozen=True, slots=True)
class Domino:
    """A notes.ini as a configuration.

    Args:
        configuration: what it means; a service whose target is not given has none.
        origins: where parts of it come from, by their keys in the TOML form, such as `ports.TCPIP.bind`.
        notes: what people should know.
        not_read: settings that mean nothing here.
    """

    configuration: Configuration
    origins: Mapping[str, str]
    notes: tuple[str, ...] = ()
    not_read: tuple[Setting, ...] = ()

    @property
    def untargeted(self) -> tuple[str, ...]:
        """The services whose target is not given."""
        return tuple(service.name for service in self.configuration.services if service.target is None)

    def check_targets(self) -> None:
        """Refuse to go on without a target.

        Raises:
            ConfigError: some service has none.
        """
        if self.untargeted:
            names = ", ".join(self.untargeted)
            to = " ".join(f"--to {name}=HOST:PORT" for name in self.untargeted)
            why = f"no target for {names}, and Domino's file has none; add {to}, or leave some out by --without NAME"
            raise ConfigError(self.configuration.where, "", why)


def domino(ini: NotesIni, given: Given, where: str) -> Domino:
    """What `ini` means with what is `given` beside it; `where` names the file in errors.

    Raises:
        ConfigError: it means nothing, or a name that is given is no service's.
    """
    return _Reading(ini, given, where).read()


class _Reading:
    """One file while it is read."""

    def __init__(self, ini: NotesIni, given: Given, where: str) -> None:
        self._ini, self._given, self._where = ini, given, where
        self._taken: set[str] = set()
        self._origins: dict[str, str] = {}
        self._notes: list[str] = []
        self._numbers: dict[str, int] = {}
        self._known = [NRPC, *(server.name for server in SERVERS)]

    def read(self) -> Domino:
        disabled = self._take("DisabledPorts")
        self._disabled = {name.casefold() for name in (disabled.items if disabled else ())}
        self._ipv6 = self._is_ipv6_on()
        self._zone = self._take("TCP_DefaultZone")
        self._ports = {port.key: port for port in self._read_ports()}
        services = (*self._nrpc(), *self._internet_servers())
        self._check_names()
        configuration = Configuration(services, tuple(self._ports.values()), where=self._where, ipv6=self._ipv6)
        return Domino(configuration, self._origins, tuple(self._all_notes(services)), tuple(self._untaken()))

    def _take(self, key: str) -> Setting | None:
        self._taken.add(key.casefold())
        return self._ini.get(key)

    def _untaken(self) -> Iterator[Setting]:
        return (setting for setting in self._ini.settings if setting.key.casefold() not in self._taken)

    def _wrong(self, setting: Setting, why: str) -> ConfigError:
        return ConfigError(self._where, f"line {setting.number}: {setting.key}", why)

    def _is_ipv6_on(self) -> bool:
        setting = self._take("TCP_EnableIPv6")
        if setting is None:
            self._origins["ipv6"] = "no TCP_EnableIPv6"
            return False
        if setting.value not in {"0", "1"}:
            raise self._wrong(setting, f"{setting.value!r}: expected 1, which turns IPv6 on, or 0")
        self._origins["ipv6"] = str(setting)
        return setting.value == "1"

    def _read_ports(self) -> Iterator[Port]:
        listed = self._take("Ports")
        if listed is None or not listed.items:
            raise ConfigError(
                self._where, "Ports", "is missing, so no port is up; write Ports=TCPIP and TCPIP=TCP,0,15,0"
            )
        names = {name.casefold(): name for name in listed.items}
        ports = [port for name in names.values() if (port := self._port(name, listed)) is not None]
        if not ports:
            raise self._wrong(listed, "names no port for TCP; write one as NAME=TCP,0,15,0")
        yield from ports

    def _port(self, name: str, listed: Setting) -> Port | None:
        if "/" in name or not name.isprintable():
            raise self._wrong(listed, f"{name!r}: a name has no / and no control characters; rename it")
        if name.casefold() in self._disabled:
            raise self._wrong(listed, f"{name} stands in DisabledPorts too; take it out of one of them")
        driver = self._take(name)
        if driver is None:
            raise self._wrong(listed, f"there is no line {name}=TCP,0,15,0; add it, or take {name} out")
        if driver.value.partition(",")[0].strip().casefold() != "tcp":
            self._notes.append(f"{driver}: no TCP port, left out")
            return None
        self._origins[f"ports.{name}"] = f"{listed}; {driver}"
        address = self._take(f"{name}_TcpIpAddress")
        if address is None:
            self._origins[f"ports.{name}.bind"] = "bound to no address"
            self._numbers[name] = NRPC_NUMBER
            return Port(name)
        self._origins[f"ports.{name}.bind"] = str(address)
        bind, number = self._bound(address)
        self._numbers[name] = NRPC_NUMBER if number is None else number
        return Port(name, bind)

    def _bound(self, setting: Setting) -> tuple[Address | Wildcard, int | None]:
        """The address and the port number of `0,ADDRESS:PORT`; the address 0 is any."""
        first, comma, text = (part.strip() for part in setting.value.partition(","))
        is_any = re.fullmatch(r"0(:[0-9]+)?", text) is not None
        try:
            host, number = parse_host_port(f"*{text[1:]}" if is_any else text)
        except AddressError as error:
            raise self._wrong(setting, str(error)) from error
        if (
            not comma
            or first != "0"
            or isinstance(host, Wildcard) is not is_any
            or isinstance(host, str)
            or number == 0
        ):
            raise self._wrong(setting, f"{setting.value!r}: expected 0,ADDRESS or 0,ADDRESS:PORT, IPv6 in brackets")
        return (host if isinstance(host, Wildcard) else self._zoned(host, setting)), number

    def _zoned(self, address: Address, setting: Setting) -> Address:
        if address.canonical.version == 6 and not address.is_unspecified and not self._ipv6:
            raise self._wrong(setting, f"{address} is IPv6, which is off; write TCP_EnableIPv6=1, or bind IPv4")
        if self._zone is None or not address.needs_scope or address.scope is not None:
            return address
        try:
            return Address(f"{address}%{self._zone.value}")
        except AddressError as error:
            raise self._wrong(self._zone, str(error)) from error

    def _nrpc(self) -> Iterator[Service]:
        """Notes' own protocol on every port; ports with a number of their own make a service of their own."""
        by_number: dict[int, list[Port]] = {}
        for port in self._ports.values():
            by_number.setdefault(self._numbers[port.name], []).append(port)
        for position, (number, ports) in enumerate(by_number.items()):
            name = f"{NRPC}-{number}" if position else NRPC
            self._known += [name] if position else []
            if not self._given.without & {NRPC, name}:
                where = "; ".join(self._origins[f"ports.{port.name}.bind"] for port in ports)
                target = self._given.targets.get(name, self._given.targets.get(NRPC))
                yield self._service(name, target, ports, number, "every port serves NRPC", where)

    def _internet_servers(self) -> Iterator[Service]:
        for server in SERVERS:
            setting = self._take(server.key)
            asked = server.name in self._given.targets
            if server.name in self._given.without or not (asked or (setting and not server.is_tls)):
                continue
            number = self._given.numbers.get(server.name)
            told = f"its default ({server.source})" if number is None else "as given"
            ports, where = self._ports_of(server, setting)
            target = self._given.targets.get(server.name)
            yield self._service(server.name, target, ports, server.number if number is None else number, where, told)

    def _service(  # noqa: PLR0917 - what a service is made of, in its own order
        self, name: str, target: Target | None, ports: list[Port], number: int, ports_from: str, number_from: str
    ) -> Service:
        self._origins[f"services.{name}.ports"] = ports_from
        self._origins[f"services.{name}.port"] = number_from
        return Service(name, target, ports=tuple(port.name for port in ports), port=number)

    def _ports_of(self, server: Server, setting: Setting | None) -> tuple[list[Port], str]:
        """Where a server listens, and which line says so."""
        if setting is not None and setting.items:
            up = {name.casefold(): name for name in setting.items if name.casefold() not in self._disabled}
            if not up:
                raise self._wrong(setting, "all of its ports stand in DisabledPorts; name one that is up")
            down = [name for name in setting.items if name.casefold() in self._disabled]
            self._notes += [f"{setting}: {name} stands in DisabledPorts, left out" for name in down]
            return [self._port_named(name, setting) for name in up.values()], str(setting)
        if not server.uses_first_port:
            why = f"is missing, and where {server.name} listens then stands in the Server document, which is not read"
            raise ConfigError(self._where, server.key, f"{why}; write {server.key}=NAME")
        first = next(iter(self._ports.values()))
        return [first], f"no {server.key}: the first of Ports"

    def _port_named(self, name: str, setting: Setting) -> Port:
        port = self._ports.get(name.casefold())
        if port is None:
            known = those_known(name, [port.name for port in self._ports.values()])
            raise self._wrong(setting, f"there is no port {name!r}; there are: {known}")
        return port

    def _check_names(self) -> None:
        """Refuse names that are no service's; a number is an Internet server's alone, as NRPC's is in the file."""
        for name in (*self._given.targets, *self._given.without):
            if name not in self._known:
                raise ConfigError(
                    "", "", f"no service {name!r} in {self._where}; there are: {those_known(name, self._known)}"
                )
        known = [server.name for server in SERVERS]
        for name in self._given.numbers:
            if name not in known:
                raise ConfigError("", "", f"no port number is taken for {name!r}, but for: {', '.join(known)}")

    def _all_notes(self, services: tuple[Service, ...]) -> Iterator[str]:
        yield from self._notes
        for earlier, last in self._ini.replaced():
            if last.key.casefold() in self._taken:
                yield f"{earlier}: replaced by line {last.number}"
        if self._ini.strange:
            yield f"no settings of [Notes], left out: line {', '.join(map(str, self._ini.strange))}"
        for service in services:
            if service.target is None:
                yield f"{service.name}: no target; to run it, add --to {service.name}=HOST:PORT"
