"""Names asked of name servers directly, service records included. Needs dnspython, and nothing else here does.

>>> from dualstack import Dialer
>>> Dialer(resolver=DnsResolver(["192.0.2.53"]), service="https").knows_services
True

The hosts file comes first whatever nsswitch.conf says. Servers, search domains and options (`ndots`, `timeout`,
`attempts`, `rotate`, `use-vc`) are resolv.conf's, read again when it changes. Both families are asked of one full name,
and the first that has either is meant. Nothing else of the system's is asked: no mDNS, NIS, LDAP. Nothing is cached.
"""

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, cast

import dns.exception
import dns.message
import dns.name
import dns.rcode
from dns.rdtypes.svcbbase import ParamKey

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import is_localhost, parse_target
from dualstack.core.address.well_known import LOOPBACK, LOOPBACKS
from dualstack.core.dial.egress import FAMILY_NAMES
from dualstack.core.dial.resolv_conf import ResolvConf, candidates
from dualstack.core.dial.service_records import ServiceRecord
from dualstack.errors import AddressError, LookupFailed
from dualstack.net.names.dns_exchange import Answered, Exchange, Unanswered
from dualstack.net.names.files import ParsedFile
from dualstack.net.names.host_looks import LOOKS
from dualstack.net.names.hosts_file import HostsFile, addresses_in_hosts_file
from dualstack.net.names.looks import Files
from dualstack.net.names.resolver import QUICK_S, AddressInfo, NameServer
from dualstack.net.names.search import Found, again, is_missing, worst
from dualstack.net.names.system_names import RESOLV_CONF, resolv_conf_of_this_host
from dualstack.wire.dns import read

__all__ = ["DnsResolver"]

_PORT = 53
_VERSIONS: dict[int, tuple[int, ...]] = {socket.AF_UNSPEC: (6, 4), socket.AF_INET6: (6,), socket.AF_INET: (4,)}
_RECORD_TYPES = {"SVCB": 64, "HTTPS": 65}
# The resolver of this host, where resolv.conf(5) names no other.
# How long a server has where resolv.conf says nothing of it; the C library waits for 5 s.
_PATIENCE_S = 2.0


class DnsResolver:
    """Asks name servers for A, AAAA, HTTPS and SVCB records: a `resolver` for `Dialer` and for `getaddrinfo`.

    Args:
        servers: their addresses, with a port where it is not 53; those of resolv.conf by default.
        lifetime: seconds for one name, all servers, repetitions and search domains together.
        resolv_conf: whose servers, search domains and options count.
        hosts: what the hosts file says.

    Raises:
        AddressError: a server is no address.
    """

    def __init__(
        self,
        servers: Iterable[str | Address] = (),
        *,
        lifetime: float = 10.0,
        resolv_conf: Path | str = RESOLV_CONF,
        hosts: HostsFile = addresses_in_hosts_file,
    ) -> None:
        if isinstance(servers, str):
            raise AddressError(servers, f"the servers are a list, of which this is one: write [{servers!r}]")
        parse = partial(_configured, tuple(map(_server, servers)))
        self._lifetime = lifetime
        self._hosts = hosts
        self._configured = ParsedFile(Path(resolv_conf), parse)
        self._unconfigured = parse("")
        self.files = Files((self._configured, *hosts.files, *LOOKS))

    def getaddrinfo(  # noqa: PLR0917 - the signature it has in socket
        self,
        host: bytes | str | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the name it has in socket
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddressInfo]:
        """As `socket.getaddrinfo`; what is no name is read by the system.

        Raises:
            socket.gaierror: there is no such name, no address of that family, or no server answers.
        """
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or flags & socket.AI_NUMERICHOST or _is_address(name):
            return _read(host, port, (family, type, proto, flags))
        families = _VERSIONS.get(family, (4,))
        hints = (0, type, proto, flags & ~socket.AI_CANONNAME | socket.AI_NUMERICHOST)
        found = [info for address in self._addresses(name, families) for info in _read(str(address), port, hints)]
        if flags & socket.AI_CANONNAME:
            found[0] = (*found[0][:3], name, found[0][4])
        return found

    def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:  # noqa: ANN401 - what socket takes
        """As `socket.getnameinfo`, which is asked."""
        return socket.getnameinfo(sockaddr, flags)

    def in_hosts_file(self, name: str) -> tuple[Address, ...]:
        """The addresses of a name that no server is asked for, as of the last look at the file."""
        return self._hosts.of_at_hand(name)

    def server_for(self, name: str) -> NameServer | None:
        """The first server, where it may be asked for the name as it stands: no search domain comes before."""
        conf, exchange = self._at_hand
        if self._lifetime <= QUICK_S:  # the second that the loop waits would be all of it
            return None
        if exchange.uses_tcp or candidates(name, conf)[:1] != (f"{name.removesuffix('.')}.",):
            return None
        first = exchange.servers[0]
        return first if exchange.has_edns(first) else first._replace(has_edns=False)

    def candidates(self, name: str) -> Sequence[str]:
        """The full names that it may mean, as of the last look at resolv.conf."""
        return candidates(name, self._at_hand[0])

    def addresses(self, name: str, family: int) -> tuple[Address, ...]:
        """The addresses of a full name, of one family.

        Raises:
            LookupFailed: there are none, no server answers (`timed_out`), or none of them can (EAI_AGAIN).
        """
        return self.for_one_name().addresses(name, family)

    def for_one_name(self) -> "_OneName":
        """Who is asked for all the full names that one may mean, within the lifetime that begins now."""
        return _OneName(self, monotonic() + self._lifetime)

    def addresses_by(self, deadline: float, name: str, family: int) -> tuple[Address, ...]:
        """As `addresses`, until time is up on the monotonic clock."""
        (found,) = self._asked(name, (family,), deadline)
        if isinstance(found, LookupFailed):
            raise again(found)
        return found

    def records(self, name: str, kind: str) -> Sequence[ServiceRecord]:
        """The HTTPS or SVCB records of a name, be they none.

        Raises:
            socket.gaierror: no server answers.
        """
        conf, exchange = self._now()
        deadline = monotonic() + self._lifetime
        for candidate in candidates(name, conf):
            (answer,) = exchange.ask([(candidate, _RECORD_TYPES[kind])], deadline)
            if isinstance(answer, Unanswered):
                raise socket.gaierror(socket.EAI_AGAIN, answer.why)
            found = _records_in(answer)
            if found:
                return found
        return ()

    def _addresses(self, name: str, families: Sequence[int]) -> list[Address]:
        """The addresses of a name as people write it: the hosts file's, or those of the first full name that exists."""
        if is_localhost(name):
            return [address for address in LOOPBACKS if address.version in families]
        known = [address for address in self._hosts.of(name) if address.version in families]
        if known:
            return known
        deadline = monotonic() + self._lifetime
        answers: list[Found] = []
        for candidate in candidates(name, self._now()[0]):
            answers += (new := self._asked(candidate, families, deadline))
            if not is_missing(new):
                break
        found = [address for answer in answers if not isinstance(answer, LookupFailed) for address in answer]
        if found:
            return found
        raise worst(answers)

    def _asked(self, name: str, families: Sequence[int], deadline: float) -> list[Found]:
        try:
            answers = self._now()[1].ask([(name, family) for family in families], deadline)
        except ValueError as error:
            return [LookupFailed(name, str(error), errno=socket.EAI_NONAME) for _ in families]
        return [_found(name, family, answer) for family, answer in zip(families, answers, strict=True)]

    def _now(self) -> tuple[ResolvConf, Exchange]:
        return self._configured() or self._unconfigured

    @property
    def _at_hand(self) -> tuple[ResolvConf, Exchange]:
        return self._configured.at_hand or self._unconfigured


def _configured(servers: tuple[NameServer, ...], text: str) -> tuple[ResolvConf, Exchange]:
    """What a resolv.conf says, and how these servers, or those that it names, are asked."""
    conf = resolv_conf_of_this_host(text)
    exchange = Exchange(
        servers or tuple(NameServer(address, _PORT) for address in conf.servers) or (NameServer(LOOPBACK[4], _PORT),),
        timeout_s=conf.timeout_s or _PATIENCE_S,
        attempts=conf.attempts,
        rotates=conf.rotates,
        uses_tcp=conf.uses_tcp,
    )
    return conf, exchange


@dataclass(frozen=True, slots=True)
class _OneName:
    """The lookups of one name, search domains included, which have one lifetime together.

    Args:
        resolver: who is asked.
        deadline: when time is up, on the monotonic clock.
    """

    resolver: DnsResolver
    deadline: float

    def candidates(self, name: str) -> Sequence[str]:
        """As `Namer.candidates`."""
        return self.resolver.candidates(name)

    def addresses(self, name: str, family: int) -> tuple[Address, ...]:
        """As `Namer.addresses`."""
        return self.resolver.addresses_by(self.deadline, name, family)


def _found(name: str, family: int, answer: Answered | Unanswered) -> Found:
    """What an answer means."""
    if isinstance(answer, Unanswered):
        return LookupFailed(name, answer.why, errno=socket.EAI_AGAIN, timed_out=not answer.was_failed)
    reply = read(answer.packet, answer.question, family)
    if reply is None:
        return LookupFailed(name, "the server's answer cannot be read", errno=socket.EAI_AGAIN)
    if reply.addresses:
        return reply.addresses
    why = "there is no such name" if reply.is_missing else f"it has no {FAMILY_NAMES[family]} address"
    return LookupFailed(name, why, errno=socket.EAI_NONAME)


def _records_in(answer: Answered) -> list[ServiceRecord]:
    try:
        message = dns.message.from_wire(answer.packet)
        if not isinstance(message, dns.message.QueryMessage) or message.rcode() != dns.rcode.NOERROR:
            return []
        chain = message.resolve_chaining()
    except dns.exception.DNSException as error:
        raise socket.gaierror(socket.EAI_AGAIN, f"the server's answer cannot be read: {_words(error)}") from error
    return [_record(_text(chain.canonical_name), rdata) for rdata in chain.answer or ()]


def _server(text: str | Address) -> NameServer:
    if isinstance(text, Address):
        return NameServer(text, _PORT)
    if not isinstance(text, str):
        raise AddressError(text, "a name server is a text, such as '192.0.2.53:53'")
    endpoint = parse_target(text, port=_PORT)
    if not isinstance(endpoint.host, Address):
        raise AddressError(text, "a name server is given by its address")
    return NameServer(endpoint.host, endpoint.port)


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
