"""Every client reaches every server: listening, connecting and relaying over IPv4 and IPv6.

Names are imported when they are first used, so that `import dualstack` costs next to nothing.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dualstack.core.access.access_list import AccessList, Decision, Verdict
    from dualstack.core.address.address import Address
    from dualstack.core.address.endpoint import Endpoint
    from dualstack.core.address.in6 import (
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
    from dualstack.core.address.sockaddr import SocketAddress
    from dualstack.core.dial.history import History
    from dualstack.core.dial.steps import DialStep
    from dualstack.core.host.facts import HostFacts
    from dualstack.core.oracle.oracle import Call, Case, Prediction, Sock, Step, predict
    from dualstack.core.oracle.systems import STACKS
    from dualstack.core.ping.report import AddressReport, PingReport
    from dualstack.core.planning.configuration import Configuration, Link, Port, Service
    from dualstack.core.planning.planner import Plan, plan
    from dualstack.core.simulation.host import Host, Network
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
    from dualstack.net.dial.asyncio_calls import connect, open_connection
    from dualstack.net.dial.blocking_calls import create_connection
    from dualstack.net.dial.dialer import Dialer
    from dualstack.net.dial.handshakes import DialCertificateRefused, DialHandshakeFailed
    from dualstack.net.dial.shared_history import SharedHistory
    from dualstack.net.launch import run
    from dualstack.net.listen import bind_socket, bind_sockets
    from dualstack.net.names.getaddrinfo import (
        getaddrinfo,
        getaddrinfo_async,
        getnameinfo,
        getnameinfo_async,
        getnameinfo_timeo,
    )
    from dualstack.net.ping import ping, ping_async
    from dualstack.net.server import Server, start_server
    from dualstack.net.udp_server import Datagram, DatagramServer, open_datagram

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
    "run",
    "start_server",
]

_HOMES = {
    "core.address.address": ("Address",),
    "core.access.access_list": ("AccessList", "Decision", "Verdict"),
    "core.planning.configuration": ("Configuration", "Link", "Port", "Service"),
    "core.address.endpoint": ("Endpoint",),
    "core.dial.history": ("History",),
    "core.host.facts": ("HostFacts",),
    "core.simulation.host": ("Host", "Network"),
    "core.ping.report": ("AddressReport", "PingReport"),
    "core.planning.planner": ("Plan", "plan"),
    "core.address.sockaddr": ("SocketAddress",),
    "core.dial.steps": ("DialStep",),
    "core.oracle.oracle": ("Call", "Case", "Prediction", "Sock", "Step", "predict"),
    "core.oracle.systems": ("STACKS",),
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
    "net.udp_server": ("Datagram", "DatagramServer", "open_datagram"),
    "net.dial.asyncio_calls": ("connect", "open_connection"),
    "net.dial.blocking_calls": ("create_connection",),
    "net.dial.dialer": ("Dialer",),
    "net.dial.handshakes": ("DialCertificateRefused", "DialHandshakeFailed"),
    "net.dial.shared_history": ("SharedHistory",),
    "net.listen": ("bind_socket", "bind_sockets"),
    "net.names.getaddrinfo": (
        "getaddrinfo",
        "getaddrinfo_async",
        "getnameinfo",
        "getnameinfo_async",
        "getnameinfo_timeo",
    ),
    "net.ping": ("ping", "ping_async"),
    "net.server": ("Server", "start_server"),
    "net.launch": ("run",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "__version__":
        value: object = _version()
    elif name in __all__:
        home = f"dualstack.{_HOME_OF.get(name, 'core.address.in6')}"
        value = getattr(__import__(home, fromlist=(name,)), name)  # `importlib` takes as long as ten of our modules
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
