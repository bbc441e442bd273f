"""Every client reaches every server: listening, connecting and relaying over IPv4 and IPv6.

Names are imported when they are first used, so that `import dualstack` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dualstack.core.access import AccessList, Decision, Verdict
    from dualstack.core.address import Address
    from dualstack.core.configuration import Configuration, Link, Port, Service
    from dualstack.core.endpoint import Endpoint
    from dualstack.core.history import History
    from dualstack.core.hostfacts import HostFacts
    from dualstack.core.in6 import (
        IN6_IS_ADDR_LINKLOCAL,
        IN6_IS_ADDR_LOOPBACK,
        IN6_IS_ADDR_MC_GLOBAL,
        IN6_IS_ADDR_MC_LINKLOCAL,
        IN6_IS_ADDR_MC_NODELOCAL,
        IN6_IS_ADDR_MC_ORGLOCAL,
        IN6_IS_ADDR_MC_SITELOCAL,
        IN6_IS_ADDR_MULTICAST,
        IN6_IS_ADDR_SITELOCAL,
        IN6_IS_ADDR_UNSPECIFIED,
        IN6_IS_ADDR_V4COMPAT,
        IN6_IS_ADDR_V4MAPPED,
    )
    from dualstack.core.model import Host, Network
    from dualstack.core.oracle import Call, Case, Prediction, Sock, Step, predict
    from dualstack.core.ping_report import AddressReport, PingReport
    from dualstack.core.planner import Plan, plan
    from dualstack.core.sockaddr import SocketAddress
    from dualstack.core.stacks import STACKS
    from dualstack.core.steps import DialStep
    from dualstack.errors import (
        AddressError,
        AttemptFailed,
        CaseError,
        ConfigError,
        ControlError,
        DialError,
        DialRefused,
        DialTimedOut,
        DualstackError,
        ListenError,
        LookupFailed,
        PingError,
        RuleError,
        TargetError,
        UnknownBehaviour,
    )
    from dualstack.kernel.facts import read_facts
    from dualstack.net.datagram import Datagram, DatagramServer, open_datagram
    from dualstack.net.dial import connect, open_connection
    from dualstack.net.dial_blocking import create_connection
    from dualstack.net.dialer import Dialer, SharedHistory
    from dualstack.net.handshakes import DialCertificateRefused, DialHandshakeFailed
    from dualstack.net.listen import bind_socket, bind_sockets
    from dualstack.net.names import (
        getaddrinfo,
        getaddrinfo_async,
        getnameinfo,
        getnameinfo_async,
        getnameinfo_timeo,
    )
    from dualstack.net.ping import ping, ping_async
    from dualstack.net.server import Server, start_server

    __version__: str

__all__ = [
    "IN6_IS_ADDR_LINKLOCAL",
    "IN6_IS_ADDR_LOOPBACK",
    "IN6_IS_ADDR_MC_GLOBAL",
    "IN6_IS_ADDR_MC_LINKLOCAL",
    "IN6_IS_ADDR_MC_NODELOCAL",
    "IN6_IS_ADDR_MC_ORGLOCAL",
    "IN6_IS_ADDR_MC_SITELOCAL",
    "IN6_IS_ADDR_MULTICAST",
    "IN6_IS_ADDR_SITELOCAL",
    "IN6_IS_ADDR_UNSPECIFIED",
    "IN6_IS_ADDR_V4COMPAT",
    "IN6_IS_ADDR_V4MAPPED",
    "STACKS",
    "AccessList",
    "Address",
    "AddressError",
    "AddressReport",
    "AttemptFailed",
    "Call",
    "Case",
    "CaseError",
    "ConfigError",
    "Configuration",
    "ControlError",
    "Datagram",
    "DatagramServer",
    "Decision",
    "DialCertificateRefused",
    "DialError",
    "DialHandshakeFailed",
    "DialRefused",
    "DialStep",
    "DialTimedOut",
    "Dialer",
    "DualstackError",
    "Endpoint",
    "History",
    "Host",
    "HostFacts",
    "Link",
    "ListenError",
    "LookupFailed",
    "Network",
    "PingError",
    "PingReport",
    "Plan",
    "Port",
    "Prediction",
    "RuleError",
    "Server",
    "Service",
    "SharedHistory",
    "Sock",
    "SocketAddress",
    "Step",
    "TargetError",
    "UnknownBehaviour",
    "Verdict",
    "__version__",
    "bind_socket",
    "bind_sockets",
    "connect",
    "create_connection",
    "getaddrinfo",
    "getaddrinfo_async",
    "getnameinfo",
    "getnameinfo_async",
    "getnameinfo_timeo",
    "open_connection",
    "open_datagram",
    "ping",
    "ping_async",
    "plan",
    "predict",
    "read_facts",
    "start_server",
]

_HOMES = {
    "core.address": ("Address",),
    "core.access": ("AccessList", "Decision", "Verdict"),
    "core.configuration": ("Configuration", "Link", "Port", "Service"),
    "core.endpoint": ("Endpoint",),
    "core.history": ("History",),
    "core.hostfacts": ("HostFacts",),
    "core.model": ("Host", "Network"),
    "core.ping_report": ("AddressReport", "PingReport"),
    "core.planner": ("Plan", "plan"),
    "core.sockaddr": ("SocketAddress",),
    "core.steps": ("DialStep",),
    "core.oracle": ("Call", "Case", "Prediction", "Sock", "Step", "predict"),
    "core.stacks": ("STACKS",),
    "errors": (
        "AddressError",
        "AttemptFailed",
        "CaseError",
        "ConfigError",
        "ControlError",
        "DialError",
        "DialRefused",
        "DialTimedOut",
        "DualstackError",
        "ListenError",
        "LookupFailed",
        "PingError",
        "RuleError",
        "TargetError",
        "UnknownBehaviour",
    ),
    "kernel.facts": ("read_facts",),
    "net.datagram": ("Datagram", "DatagramServer", "open_datagram"),
    "net.dial": ("connect", "open_connection"),
    "net.dial_blocking": ("create_connection",),
    "net.dialer": ("Dialer", "SharedHistory"),
    "net.handshakes": ("DialCertificateRefused", "DialHandshakeFailed"),
    "net.listen": ("bind_socket", "bind_sockets"),
    "net.names": ("getaddrinfo", "getaddrinfo_async", "getnameinfo", "getnameinfo_async", "getnameinfo_timeo"),
    "net.ping": ("ping", "ping_async"),
    "net.server": ("Server", "start_server"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "__version__":
        value: object = _version()
    elif name in __all__:
        value = getattr(importlib.import_module(f"dualstack.{_HOME_OF.get(name, 'core.in6')}"), name)
    else:
        raise AttributeError(f"module 'dualstack' has no attribute {name!r}")
    globals()[name] = value
    return value


def _version() -> str:
    """What is installed; a tree that nobody has installed says so (PEP 440: a local version)."""
    from importlib.metadata import PackageNotFoundError, version  # it takes longer than all else here

    try:
        return version("dualstack")
    except PackageNotFoundError:
        return "0+uninstalled"


def __dir__() -> list[str]:
    return sorted(__all__)
