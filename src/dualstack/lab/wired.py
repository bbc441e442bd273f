"""The declared hosts of a network: plugged into a wire that takes its time, named by a resolver, broken as told."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from types import TracebackType
from typing import Self

from dualstack.core.suggestion import those_known
from dualstack.errors import ConfigError
from dualstack.kernel.facts import read_facts
from dualstack.lab.addressing import Addressing, Interface
from dualstack.lab.carrier import carrier
from dualstack.lab.declaration import DEFAULT_LINK, RESOLVER, Declaration, HostDeclaration, Kind, name_declared
from dualstack.lab.faults import Effects, Fault, effects, parse_fault
from dualstack.lab.host import Host
from dualstack.lab.orders import NetworkError
from dualstack.lab.records import checked_records
from dualstack.lab.service import Service

__all__ = ["ActiveFault", "Wired"]

_RESOLVER = HostDeclaration(RESOLVER, Kind.RESOLVER)
_OFF = ("all", "default", "lo")
_SYSCTLS = {
    Kind.IPV4_ONLY: {f"net.ipv6.conf.{which}.disable_ipv6": 1 for which in _OFF},
    Kind.GATEWAY: {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1},
}
# However often a fault is met, each time is told: Linux holds back all but one error a second to each host.
_UNLIMITED = {"net.ipv4.icmp_ratelimit": 0, "net.ipv6.icmp.ratelimit": 0}
# So that anybody may ping; a user namespace of one user has one group.
_PING_GROUPS = {False: "0 2147483647", True: "0 0"}
_LOOPBACK_NAMES = {4: "127.0.0.1 localhost\n", 6: "::1 localhost\n"}
_DEFAULT_ROUTE = {4: "0.0.0.0/0", 6: "::/0"}

MakeNamespace = Callable[..., Host]
Cable = Callable[[tuple[str, str], tuple[str, str]], None]


class ActiveFault:
    """A fault that is on, until `clear` or the end of its block."""

    def __init__(self, fault: Fault, clear: Callable[[Fault], None]) -> None:
        self.fault = fault
        self._clear = clear

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Mend it."""
        self._clear(self.fault)


class Wired:
    """The hosts on the wire of one network.

    Args:
        namespace: makes a host that is linked to nothing.
        cable: joins two interfaces, each a host's name and its own.
        base: where the far ends of all cables are.
        ranges: whose ranges of addresses and round trip count; its hosts are added by `add`.
        is_ordinary: the lab is of a user namespace.
    """

    def __init__(
        self,
        namespace: MakeNamespace,
        cable: Cable,
        base: Host,
        ranges: Declaration,
        *,
        is_ordinary: bool,
    ) -> None:
        self._namespace, self._cable, self._base = namespace, cable, base
        self._ping_groups = _PING_GROUPS[is_ordinary]
        used = (address for each in read_facts().interfaces for address in each.addresses)
        self.addressing = Addressing(ranges.ipv4, ranges.ipv6, used)
        self.declared: dict[str, HostDeclaration] = {}
        self.hosts: dict[str, Host] = {}
        self.names: dict[str, tuple[str, ...]] = {}
        self.records: dict[str, tuple[str, ...]] = {}
        self.faults: list[Fault] = []
        self._done = Effects({}, {}, frozenset(), ())
        self._rules: dict[str, tuple[str, ...]] = {}
        self._plugs: list[tuple[str, str, str]] = []
        self._dead_now: dict[str, str] = {}
        self._links: list[str] = []
        self._interfaces: dict[str, list[Interface]] = {}
        base.set([["set_sysctls", {"net.ipv6.conf.default.disable_ipv6": "1"}]])
        self._wire = carrier(base, ranges.round_trip_s)
        self._resolver: Service | None = None

    def add(self, declarations: Sequence[HostDeclaration]) -> None:
        """Hosts on their links, known to the resolver, and routed by the gateways that there are.

        Raises:
            ConfigError: a name is taken, or there is no room.
        """
        resolvers = [each for each in declarations if each.kind is Kind.RESOLVER]
        if self._resolver is None:
            first = next((each.link for each in declarations if not _is_everywhere(each)), DEFAULT_LINK)
            self._start_resolver(replace(resolvers.pop(0) if resolvers else _RESOLVER, link=first))
        if resolvers:
            why = "a lab has one resolver; declare it with the first host, or leave it out"
            raise ConfigError("", f"hosts.{resolvers[0].name}", why)
        for each in declarations:
            if each.kind is not Kind.RESOLVER:
                if each.name in self.declared:
                    raise ConfigError("", f"hosts.{each.name}", "the name is taken in this lab")
                self._add(each)
        self._tell_resolver()
        if self.faults:  # some are of the new hosts too
            self._enact()

    def _add(self, declaration: HostDeclaration) -> None:
        self._make(declaration)
        if _is_everywhere(declaration):
            for link in self._links:
                self._join(declaration, link)
        else:
            self._join(declaration, declaration.link)
        self._route(declaration)

    def name(self, name: str, hosts: Iterable[str]) -> None:
        """A name that has the addresses of all these hosts.

        Raises:
            ConfigError: no lookup could ask for it, or there is no such host.
        """
        hosts = tuple(hosts)
        for host in hosts:
            if host not in self.declared:
                raise ConfigError(
                    "", f"names.{name}", f"there is no host {host}; there are {those_known(host, self.declared)}"
                )
        self.names[name_declared(name)] = hosts
        self._tell_resolver()

    def record(self, name: str, texts: Iterable[str]) -> None:
        """What a name has beside addresses, from now on.

        Raises:
            ConfigError: a text says no record.
        """
        name, self.records[name.lower()] = checked_records(name, texts)
        self._tell_resolver()

    def addresses(self, host: str) -> dict[int, tuple[str, ...]]:
        """Those of a host, by family."""
        mine = self._interfaces.get(host, [])
        return {f: tuple(str(i.address) for i in mine if i.address.version == f) for f in (4, 6)}

    def fault(self, text: str) -> ActiveFault:
        """Break something, from now on.

        Raises:
            ConfigError: the text says nothing that can be done.
            NetworkError: nft is needed, and missing.
        """
        fault = parse_fault(text, list(self.declared))
        if fault.kind == "no-default-router" and not self._gateways():
            raise ConfigError("", f"fault {text!r}", "there is no router here; declare a host of kind gateway")
        self.faults.append(fault)
        try:
            self._enact()
        except BaseException:
            self.faults.remove(fault)
            self._enact()  # what was done of it already
            raise
        return ActiveFault(fault, self._clear)

    def heal(self, texts: Sequence[str]) -> None:
        """Mend these, or all.

        Raises:
            ConfigError: one of them is not on.
        """
        faults = [parse_fault(text, list(self.declared)) for text in texts]
        for fault in faults:
            if fault not in self.faults:
                on = "; ".join(map(str, self.faults)) or "nothing"
                raise ConfigError("", f"fault {str(fault)!r}", f"is not on; what is broken: {on}")
        self.faults = [each for each in self.faults if faults and each not in faults]
        self._enact()

    def _clear(self, fault: Fault) -> None:
        if fault in self.faults:
            self.faults.remove(fault)
            self._enact()

    def _start_resolver(self, declaration: HostDeclaration) -> None:
        host = self._make(declaration)
        self._resolver_name = declaration.name
        self._join(declaration, declaration.link)
        self._resolver = Service(host.serve("dualstack.lab.resolver:main"), "the resolver")

    def _make(self, declaration: HostDeclaration) -> Host:
        families = declaration.kind.families
        sysctls = {**_UNLIMITED, "net.ipv4.ping_group_range": self._ping_groups, **_SYSCTLS.get(declaration.kind, {})}
        host = self._namespace(
            declaration.name,
            hosts="".join(_LOOPBACK_NAMES[family] for family in families),
            resolv_conf=self._resolv_conf(declaration),
            sysctls=sysctls,
        )
        if 4 not in families:
            host.set([["address", "del", "lo", "127.0.0.1/8"]])
        self.declared[declaration.name] = declaration
        self.hosts[declaration.name] = host
        self._interfaces[declaration.name] = []
        return host

    def _resolv_conf(self, declaration: HostDeclaration) -> str:
        """One name server, over IPv4 where the host has that; the resolver is the first host, and on every link."""
        family = declaration.kind.families[0]
        return f"search test\nnameserver {self.addressing.interface(1, declaration.link, family).address}\n"

    def _number(self, name: str) -> int:
        return list(self.declared).index(name) + 1

    def _links_of(self, name: str) -> list[str]:
        return [link for host, _, link in self._plugs if host == name]

    def _gateways(self) -> list[HostDeclaration]:
        return [each for each in self.declared.values() if each.kind is Kind.GATEWAY]

    def _join(self, declaration: HostDeclaration, link: str) -> None:
        if link not in self._links:
            self._links.append(link)
            for other in [each for each in self.declared.values() if each is not declaration and _is_everywhere(each)]:
                self._join(other, link)
        host = self.hosts[declaration.name]
        here, there = f"eth{len(self._links_of(declaration.name))}", f"w{len(self._plugs)}"
        mine = [self.addressing.interface(self._number(host.name), link, f) for f in declaration.kind.families]
        self._cable((host.name, here), (self._base.name, there))
        self._base.set([["up", there]])
        host.set([*(["address", "add", here, str(each)] for each in mine), ["up", here]])
        self._base.set([["settle", there]])
        host.set([["settle", here]])
        self._wire.plug(there, host.name, link)
        self._plugs.append((host.name, here, link))
        self._interfaces[host.name] += mine

    def _route(self, declaration: HostDeclaration) -> None:
        """Default routes: to the first gateway for a new host, and for all others to the first that comes."""
        if declaration.kind is not Kind.GATEWAY:
            self._route_by_gateway("add", declaration, declaration.kind.families)
        elif len(self._gateways()) == 1:
            for each in self.declared.values():
                if each.kind is not Kind.GATEWAY:
                    self._route_by_gateway("add", each, each.kind.families)

    def _route_by_gateway(self, call: str, declaration: HostDeclaration, families: Iterable[int]) -> None:
        if not self._gateways():
            return
        number = self._number(self._gateways()[0].name)
        self.hosts[declaration.name].set(
            [
                [
                    "route",
                    call,
                    _DEFAULT_ROUTE[family],
                    str(self.addressing.interface(number, declaration.link, family).address),
                ]
                for family in families
            ]
        )

    def _tell_resolver(self) -> None:
        assert self._resolver is not None  # noqa: S101 - it is there before any host
        by_host = {name: [str(each.address) for each in mine] for name, mine in self._interfaces.items()}
        more = {name: [text for host in hosts for text in by_host[host]] for name, hosts in self.names.items()}
        self._resolver.tell(
            {
                "listen": by_host[self._resolver_name],
                "names": {**by_host, **more},
                "records": self.records,
                "dead": self._dead(),
                "faults": [asdict(fault) for fault in self._done.lookups],
            }
        )

    def _dead(self) -> dict[str, dict[int, str]]:
        return {
            str(each.address): {other.address.version: str(other.dead) for other in mine}
            for mine in self._interfaces.values()
            for each in mine
        }

    def _enact(self) -> None:
        """Tell each what has changed."""
        wanted = effects(self.faults, {name: self.addresses(name) for name in self.hosts})
        rules = {**wanted.rules, **self._set_dead(wanted)}
        for name in {*self._rules, *rules}:
            if rules.get(name, ()) != self._rules.get(name, ()):
                _filter(self.hosts[name], rules.get(name, ()))
                self._rules[name] = rules.get(name, ())
        if wanted.shapes != self._done.shapes:
            self._wire.shape(wanted.shapes)
        for name, family in wanted.routerless ^ self._done.routerless:
            declaration = self.declared[name]
            if family in declaration.kind.families:
                call = "del" if (name, family) in wanted.routerless else "add"
                self._route_by_gateway(call, declaration, [family])
        for name, address in wanted.blackholes ^ self._done.blackholes:
            if name != self._resolver_name:  # it answers the host's questions still
                self.hosts[name].set([["blackhole", "add" if (name, address) in wanted.blackholes else "del", address]])
        changed = wanted.lookups != self._done.lookups
        self._done = wanted
        if changed:
            self._tell_resolver()

    def _set_dead(self, wanted: Effects) -> Mapping[str, tuple[str, ...]]:
        """The dead addresses are the resolver's, which lets nothing in for them: neighbours that never answer."""
        is_wanted = any(fault.kind == "lookup-dead-first" for fault in wanted.lookups)
        dead = self._beside_everybody() if is_wanted else {}
        resolver = self.hosts[self._resolver_name]
        gone = [["address", "del", place, address] for address, place in self._dead_now.items() if address not in dead]
        come = [["address", "add", place, address] for address, place in dead.items() if address not in self._dead_now]
        if gone or come:
            resolver.set([*gone, *come])
        self._dead_now = dead
        rules = (f"{'ip6' if ':' in each else 'ip'} daddr {each} meta l4proto != icmpv6 drop" for each in dead)
        return {resolver.name: (*wanted.rules.get(resolver.name, ()), *rules)} if dead else {}

    def _beside_everybody(self) -> dict[str, str]:
        """All dead addresses, each with the resolver's interface on its link."""
        name = self._resolver_name
        places = [place for host, place, _ in self._plugs if host == name for _ in self.declared[name].kind.families]
        dead = [each.dead for mine in self._interfaces.values() for each in mine]
        return {
            str(address): place
            for place, mine in zip(places, self._interfaces[name], strict=True)
            for address in dead
            if mine.is_link_of(address)
        }


def _is_everywhere(declaration: HostDeclaration) -> bool:
    return declaration.kind in {Kind.RESOLVER, Kind.GATEWAY}


def _filter(host: Host, rules: Iterable[str]) -> None:
    """Put the rules in place of those that were, in one step."""
    lines = "\n".join(rules)
    table = f"table inet lab {{\nchain input {{\ntype filter hook input priority -10; policy accept;\n{lines}\n}}\n}}\n"
    text = "table inet lab\ndelete table inet lab\n" + (table if lines else "")
    try:
        done = host.run(["nft", "-f", "-"], stdin=text, check=False)
    except NetworkError as error:
        raise NetworkError(f"faults of packets need nft, which is not there (Debian: nftables): {error}") from error
    if done.returncode:
        raise NetworkError(f"nft refused the rules of {host.name}: {done.stderr.strip()}")
