"""Hosts on one machine and the links between them, all gone when the block ends, or this process, however it does."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import cache
from types import MappingProxyType, TracebackType
from typing import Self

from dualstack.lab.declaration import DEFAULT_LINK, NOTHING, Declaration, Kind, host_declared
from dualstack.lab.faults import Fault
from dualstack.lab.host import Host
from dualstack.lab.orders import NetworkError, Orders
from dualstack.lab.wired import ActiveFault, Wired

__all__ = ["Network", "NetworkError", "why_no_network"]

HOSTS = "127.0.0.1 localhost\n::1 localhost\n"
RESOLV_CONF = "nameserver 127.0.0.1\n"
# Neither nss-resolve nor nscd, whose sockets would answer from outside.
NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"
# A new address is tentative, and cannot be bound, until nobody else is known to have it.
_NO_DAD = {"net.ipv6.conf.all.accept_dad": "0", "net.ipv6.conf.default.accept_dad": "0"}


@cache
def why_no_network() -> str:
    """Why this machine or user can have no lab, with the remedy; empty where they can."""
    try:
        with Network() as network:
            network.namespace()
    except NetworkError as error:
        return str(error)
    return ""


class Network:
    """A lab of its own; what is declared is there once it is entered, and more can be added.

    Raises:
        NetworkError: on entering: no namespaces here, or something that cannot be made.
        ConfigError: likewise: a range that this machine uses, more hosts than there is room for.
    """

    def __init__(self, declaration: Declaration = NOTHING) -> None:
        self._declaration = declaration
        self._undo = ExitStack()
        self._namespaces: dict[str, Host] = {}
        self._wired: Wired | None = None

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._orders = Orders()
            undo.callback(self._orders.close)
            undo.enter_context(self._undo)
            if self._declaration.hosts:
                self._on_wire().add(self._declaration.hosts)
            for name, hosts in self._declaration.names.items():
                self.name(name, *hosts)
            for name, texts in self._declaration.records.items():
                self.record(name, *texts)
            for fault in self._declaration.faults:
                self.fault(str(fault))
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take it all down."""
        self._undo.close()

    @property
    def pid(self) -> int:
        """The process that holds it all, and without which nothing of it goes on."""
        return self._orders.pid

    @property
    def hosts(self) -> Mapping[str, Host]:
        """The hosts on the wire, by name, the resolver first."""
        return MappingProxyType(self._on_wire().hosts)

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What each host on the wire is."""
        return {name: each.kind for name, each in self._on_wire().declared.items()}

    def addresses(self, host: str) -> Mapping[int, tuple[str, ...]]:
        """Those of a host on the wire, by family."""
        return self._on_wire().addresses(host)

    def host(self, name: str, kind: Kind | str = Kind.DUAL, *, link: str = DEFAULT_LINK) -> Host:
        """A host on the wire, known to all as `name.test`.

        The first one brings a resolver with it. A gateway routes between all links, and is everybody's default router.

        Args:
            name: its own in this network.
            kind: `ipv4-only`, `ipv6-only`, `dual`, `gateway` or `resolver`.
            link: the link that it is on; a gateway and the resolver are on all.

        Raises:
            ConfigError: the name is taken, or there is no such kind.
        """
        self._on_wire().add([host_declared(name, kind, link)])
        return self.hosts[name]

    def name(self, name: str, *hosts: str) -> None:
        """One more name, `name.test`, that has the addresses of all these hosts, in their order."""
        self._on_wire().name(name, hosts)

    def record(self, name: str, *texts: str) -> None:
        """What `name.test` has beside addresses, from now on: `HTTPS 1 svc port=8443`, as a zone file has it.

        Raises:
            ConfigError: a text says no record.
        """
        self._on_wire().record(name, texts)

    def fault(self, text: str) -> ActiveFault:
        """Break something from now on, until it is cleared: `dropped ipv6 server`, `lookup-late 1s aaaa`.

        Raises:
            ConfigError: the text says nothing that can be done here.
            NetworkError: a program that it needs is missing.
        """
        return self._on_wire().fault(text)

    def heal(self, *texts: str) -> None:
        """Mend these faults, or everything.

        Raises:
            ConfigError: one of them is not on.
        """
        self._on_wire().heal(texts)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is broken now."""
        return tuple(self._on_wire().faults)

    def _on_wire(self) -> Wired:
        if self._wired is None:
            base = Host(self._orders, "", {})
            self._undo.callback(base.close)
            self._wired = Wired(
                self.namespace, self._cable, base, self._declaration, is_ordinary=self._orders.is_ordinary
            )
        return self._wired

    def namespace(
        self,
        name: str = "",
        *,
        hosts: str = HOSTS,
        resolv_conf: str = RESOLV_CONF,
        sysctls: Mapping[str, int | str] | None = None,
        loopback: bool = True,
    ) -> Host:
        """A host that is linked to nothing yet.

        Args:
            name: its name, its own in this network; empty: one is made up.
            hosts: what its /etc/hosts says.
            resolv_conf: what its /etc/resolv.conf says.
            sysctls: settings such as `{"net.ipv6.bindv6only": 1}`, made before any interface is up.
            loopback: whether `lo` is up.
        """
        name = name or f"host{len(self._namespaces) + 1}"
        if name in self._namespaces:
            raise NetworkError(f"host {name}: the name is taken in this network")
        answer, _ = self._orders.give(
            "new",
            name=name,
            hostname=name,
            files={"hosts": hosts, "resolv.conf": resolv_conf, "nsswitch.conf": NSSWITCH},
            sysctls={**_NO_DAD, **{key: str(value) for key, value in (sysctls or {}).items()}},
            loopback=loopback,
        )
        host = Host(self._orders, name, answer["namespaces"])  # type: ignore[arg-type]
        self._undo.callback(host.close)
        self._namespaces[name] = host
        return host

    def link(
        self,
        a: Host,
        b: Host,
        *,
        names: tuple[str, str] = ("eth0", "eth0"),
        addresses: tuple[Iterable[str], Iterable[str]] = ((), ()),
    ) -> None:
        """A cable from `a` to `b`, without delay: its interfaces' names, and their addresses as ip(8) reads them.

        Such as `fd00::1/64`, or `10.0.0.1 peer 10.9.9.9/32`.
        """
        ends = list(zip((a, b), names, addresses, strict=True))
        self._cable((a.name, names[0]), (b.name, names[1]))
        for host, name, mine in ends:
            host.set([*(["address", "add", name, *_address(text)] for text in mine), ["up", name]])
        for host, name, _ in ends:
            host.set([["settle", name]])

    def _cable(self, a: tuple[str, str], b: tuple[str, str]) -> None:
        self._orders.give("cable", ends=[a, b])


def _address(text: str) -> list[str]:
    here, _, peer = text.partition(" peer ")
    return [here, *([peer] if peer else [])]
