"""Names asked of name servers directly, service records included. Needs dnspython, and nothing else here does.

>>> from dualstack import Dialer
>>> Dialer(resolver=DnsResolver(["192.0.2.53"]), service="https").knows_services
True

The hosts file comes first whatever nsswitch.conf says. Servers, search domains and `options ndots` are resolv.conf's,
read again when it changes. Nothing else of the system's is asked: no mDNS, NIS, LDAP. Nothing is cached.
"""

import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any, cast

import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
from dns.rdtypes.svcbbase import ParamKey

from dualstack.core.address import Address
from dualstack.core.endpoint import parse_target
from dualstack.core.service_records import ServiceRecord
from dualstack.errors import AddressError
from dualstack.net.hosts import HostsFile, ParsedFile, addresses_in_hosts_file
from dualstack.net.names import AddressInfo, NameServer

__all__ = ["DnsResolver"]

_RESOLV_CONF = Path("/etc/resolv.conf")
_PORT = 53
_TYPES = {6: "AAAA", 4: "A"}
# The resolver of this host, where resolv.conf(5) names no other.
_HERE = "127.0.0.1"
# RFC 9715: what goes through without fragments.
_PAYLOAD_BYTES = 1232


class DnsResolver:
    """Asks name servers for A, AAAA, HTTPS and SVCB records: a `resolver` for `Dialer` and for `getaddrinfo`.

    Args:
        servers: their addresses, with a port where it is not 53; those of resolv.conf by default.
        lifetime: seconds for one question, all servers and repetitions together.
        resolv_conf: whose servers and search domains count.
        hosts: what the hosts file says.

    Raises:
        AddressError: a server is no address.
    """

    def __init__(
        self,
        servers: Iterable[str] = (),
        *,
        lifetime: float = 10.0,
        resolv_conf: Path = _RESOLV_CONF,
        hosts: HostsFile = addresses_in_hosts_file,
    ) -> None:
        self._servers = tuple(map(_server, servers))
        self._lifetime = lifetime
        self._hosts = hosts
        self._configured = ParsedFile(resolv_conf, self._parse)
        self._unconfigured = self._parse("")

    def getaddrinfo(  # noqa: PLR0917 - the signature it has in socket
        self,
        host: bytes | str | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the name it has in socket
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddressInfo]:
        """As `socket.getaddrinfo`, each family by itself; what is no name is read by the system.

        Raises:
            socket.gaierror: there is no such name, no address of that family, or no server answers.
        """
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or flags & socket.AI_NUMERICHOST or _is_address(name):
            return _read(host, port, (family, type, proto, flags))
        families = [6, 4] if family == socket.AF_UNSPEC else [6 if family == socket.AF_INET6 else 4]
        found: list[AddressInfo] = []
        for version in families:
            try:
                for address in self._addresses(name, version):
                    found += _read(str(address), port, (0, type, proto, flags | socket.AI_NUMERICHOST))
            except socket.gaierror:
                if not found and version == families[-1]:
                    raise
        return found

    def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:  # noqa: ANN401 - what socket takes
        """As `socket.getnameinfo`, which is asked."""
        return socket.getnameinfo(sockaddr, flags)

    def in_hosts_file(self, name: str) -> tuple[Address, ...]:
        """The addresses of a name that no server is asked for."""
        return self._hosts.of(name)

    def server_for(self, name: str) -> NameServer | None:
        """The first server, where it may be asked for the name as it stands: no search domain comes before."""
        resolver = self._resolver()
        ndots = 1 if resolver.ndots is None else resolver.ndots
        if not name.endswith(".") and name.count(".") < ndots:
            return None
        first = resolver.nameservers[0]
        if isinstance(first, dns.nameserver.Do53Nameserver):
            return NameServer(Address(first.address), first.port)
        # resolv.conf may have what dnspython reads and we do not: the address of a server over HTTPS.
        return NameServer(Address(first), _PORT) if isinstance(first, str) and _is_address(first) else None

    def records(self, name: str, kind: str) -> Sequence[ServiceRecord]:
        """The HTTPS or SVCB records of a name, be they none.

        Raises:
            socket.gaierror: no server answers.
        """
        try:
            answer = self._resolver().resolve(name, kind, search=True, lifetime=self._lifetime)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except dns.exception.DNSException as error:
            raise socket.gaierror(socket.EAI_AGAIN, _words(error)) from error
        return [_record(_text(answer.canonical_name), rdata) for rdata in answer]

    def _addresses(self, name: str, version: int) -> list[Address]:
        known = [address for address in self.in_hosts_file(name) if address.version == version]
        if known:
            return known
        try:
            answer = self._resolver().resolve(name, _TYPES[version], search=True, lifetime=self._lifetime)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer) as error:
            raise socket.gaierror(socket.EAI_NONAME, _words(error)) from error
        except dns.exception.DNSException as error:
            raise socket.gaierror(socket.EAI_AGAIN, _words(error)) from error
        return [Address(rdata.address) for rdata in answer]

    def _resolver(self) -> dns.resolver.Resolver:
        return self._configured() or self._unconfigured

    def _parse(self, resolv_conf: str) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.use_edns(0, 0, _PAYLOAD_BYTES)
        resolver.nameservers = [_HERE]
        with suppress(dns.resolver.NoResolverConfiguration, ValueError):
            resolver.read_resolv_conf(StringIO(resolv_conf))
        if self._servers:
            resolver.nameservers = list(self._servers)
        return resolver


def _server(text: str) -> dns.nameserver.Nameserver:
    endpoint = parse_target(text, port=_PORT)
    if not isinstance(endpoint.host, Address):
        raise AddressError(text, "a name server is given by its address")
    return dns.nameserver.Do53Nameserver(str(endpoint.host), endpoint.port)


def _is_address(name: str) -> bool:
    try:
        Address(name)
    except AddressError:
        return False
    return True


def _read(
    host: bytes | str | None, port: str | bytes | int | None, hints: tuple[int, int, int, int]
) -> list[AddressInfo]:
    """What is no name, by the system."""
    return cast("list[AddressInfo]", socket.getaddrinfo(host, port, *hints))


def _record(owner: str, rdata: Any) -> ServiceRecord:  # noqa: ANN401 - dnspython makes its classes at run time
    """A record of dnspython's as a value of ours."""
    params = rdata.params

    def of(key: ParamKey, name: str) -> tuple[Any, ...]:
        found = params.get(key)
        return () if found is None else tuple(getattr(found, name))

    port = params.get(ParamKey.PORT)
    hints = (*of(ParamKey.IPV6HINT, "addresses"), *of(ParamKey.IPV4HINT, "addresses"))
    return ServiceRecord(
        owner=owner,
        priority=rdata.priority,
        target=_text(rdata.target),
        port=None if port is None else port.port,
        alpn=tuple(name.decode("latin-1") for name in of(ParamKey.ALPN, "ids")),
        no_default_alpn=ParamKey.NO_DEFAULT_ALPN in params,
        hints=tuple(map(Address, hints)),
        mandatory=tuple(map(int, of(ParamKey.MANDATORY, "keys"))),
        has_ech=ParamKey.ECH in params,
    )


def _text(name: dns.name.Name) -> str:
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True)


def _words(error: dns.exception.DNSException) -> str:
    """What dnspython says of it, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
