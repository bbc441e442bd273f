"""Programs in Python whose servers are calls in their source: read as a syntax tree, never run.

A call counts where the name that it goes by is imported from the library; an argument that is no constant is not
understood.
"""

# dualstack: ignore-file - what stands here is what the daemon does

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.habits import ASYNCIO, DUAL, STRICT, SYSCTL
from dualstack.doctor.listening import Ends, Habits, Listen, Names, NotUnderstood, Place, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = [
    "AIOHTTP",
    "AIOSMTPD",
    "ASYNCIO_PROGRAM",
    "CHERRYPY",
    "PYFTPDLIB",
    "SANIC",
    "SOCKETSERVER",
    "SOCKET_PROGRAM",
    "TORNADO",
    "WERKZEUG",
]

_BY_COLON = replace(SYSCTL, names=Names.IPV4, passive=False)
_FIRST = replace(SYSCTL, names=Names.FIRST)
_MISSING = object()


@dataclass(frozen=True, slots=True)
class _Call:
    """A call: its node, and the constants of the file by name."""

    node: ast.Call
    path: str
    constants: Mapping[str, object]

    @property
    def place(self) -> Place:
        return Place(self.path, self.node.lineno)

    def argument(self, position: int | None, *names: str) -> object:
        """An argument's value; `_MISSING` where it is not given."""
        for keyword in self.node.keywords:
            if keyword.arg in names:
                return self.value(keyword.value)
            if keyword.arg is None:
                raise NotUnderstood("arguments as **...", self.place)
        if position is not None and len(self.node.args) > position:
            return self.value(self.node.args[position])
        return _MISSING

    def value(self, node: ast.expr) -> object:
        """A constant, a list or tuple of them, or a name that is one.

        Raises:
            NotUnderstood: it is computed.
        """
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Tuple | ast.List):
            return tuple(self.value(each) for each in node.elts)
        if isinstance(node, ast.Name) and node.id in self.constants:
            return self.constants[node.id]
        if isinstance(node, ast.Attribute):
            return node.attr
        raise NotUnderstood(f"{ast.unparse(node)} is computed", self.place)


_Rows = Callable[[_Call, Settings], Sequence[Listen]]


def _reader(calls: Mapping[str, _Rows]) -> Callable[[Settings], Sequence[Listen]]:
    def read(settings: Settings) -> Sequence[Listen]:
        words = [word for word in settings.argv[1:] if word.endswith(".py")]
        settings.path = words[0] if words and settings.tree.has(words[0]) else settings.path
        document = settings.main()
        try:
            tree = ast.parse(document.text)
        except (SyntaxError, ValueError, RecursionError) as error:
            raise Refused(f"invalid syntax: {error}", Place(document.path, getattr(error, "lineno", 1) or 1)) from None
        constants = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        rows: list[Listen] = []
        for node in ast.walk(tree):
            name = _name(node.func) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in calls:
                call = _Call(node, document.path, constants)
                rows += [replace(row, place=call.place) for row in calls[name](call, settings)]
        if not rows:
            raise NotUnderstood("no call that opens a server is in it", Place(document.path, 1))
        return rows

    return read


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _hosts(value: object, call: _Call) -> list[str]:
    """The hosts of an argument that is a text, None or a sequence of texts."""
    if value in {None, "", _MISSING} if isinstance(value, str | None) or value is _MISSING else False:
        return ["0.0.0.0", "::"]
    found = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(each, str) for each in found):
        raise NotUnderstood(f"the host {value!r}", call.place)
    return [host for each in found for host in ([str(each)] if each else ["0.0.0.0", "::"])]


def _port(value: object, default: int, call: _Call) -> int:
    if value is _MISSING or value is None:
        return default
    if isinstance(value, str) and value.isdigit():
        return int(value)
    if not isinstance(value, int):
        raise NotUnderstood(f"the port {value!r}", call.place)
    return value


def _start_server(call: _Call, _: Settings) -> Sequence[Listen]:
    hosts = _hosts(call.argument(1, "host"), call)
    port = _port(call.argument(2, "port"), 0, call)
    return [Listen(each, port, ASYNCIO) for each in hosts]


def _run_app(call: _Call, _: Settings) -> Sequence[Listen]:
    hosts = _hosts(call.argument(None, "host"), call)
    return [Listen(each, _port(call.argument(None, "port"), 8080, call), ASYNCIO) for each in hosts]


def _site(call: _Call, _: Settings) -> Sequence[Listen]:
    hosts = _hosts(call.argument(1, "host"), call)
    return [Listen(each, _port(call.argument(2, "port"), 8080, call), ASYNCIO) for each in hosts]


def _tornado(call: _Call, settings: Settings) -> Sequence[Listen]:
    """netutil.bind_sockets: no AF_INET6 is passed over, and ::1 of `localhost` where it is not there."""
    port, address = _port(call.argument(0, "port"), 0, call), call.argument(1, "address")
    hosts = _hosts(address, call)
    skips = hosts == ["localhost"] and not settings.host.has_ipv6
    habits = replace(ASYNCIO, no_address=Ends.SKIPPED) if skips else ASYNCIO
    return [Listen(each, port, habits) for each in hosts]


def _controller(call: _Call, settings: Settings) -> Sequence[Listen]:
    """It connects to itself once it listens, on `::1` for any: without it the start fails (_trigger_server)."""
    host = call.argument(1, "hostname")
    port = _port(call.argument(2, "port"), 8025, call)
    default = "::1" if settings.host.has_ipv6 else "127.0.0.1"
    hosts = [default] if host in {None, _MISSING} else _hosts(host, call)
    if len(hosts) == 1 and ":" in hosts[0] and not settings.host.has_ipv6:
        raise Refused(f"it cannot connect to itself on {hosts[0]}", call.place)
    return [Listen(each, port, ASYNCIO) for each in hosts]


def _pair(call: _Call, position: int, *names: str) -> tuple[str, int]:
    value = call.argument(position, *names)
    match value:
        case (str(host), int(port)) | (str(host), int(port), _, _):
            return host, port
    raise NotUnderstood(f"the address {value!r}", call.place)


def _create_server(call: _Call, settings: Settings) -> Sequence[Listen]:
    """socket.create_server: IPV6_V6ONLY as `dualstack_ipv6` says; AF_INET by default, which knows no `::`."""
    host, port = _pair(call, 0, "address")
    is_six = call.argument(None, "family") == "AF_INET6"
    is_dual = call.argument(None, "dualstack_ipv6") is True
    if is_dual and not settings.host.has_socket:
        raise Refused("dualstack_ipv6 not supported on this platform", call.place)
    if is_dual and not is_six:
        raise Refused("dualstack_ipv6 requires AF_INET6 family", call.place)
    address = literal(host) if host else None
    if address is not None and address.version != (6 if is_six else 4):
        raise Refused("Address family for hostname not supported", call.place)
    habits = replace(DUAL if is_dual else STRICT, names=Names.FIRST)
    return [Listen(host or ("::" if is_six else "0.0.0.0"), port, habits, family=6 if is_six else 4)]


def _socketserver(call: _Call, settings: Settings) -> Sequence[Listen]:
    """The class's `address_family` decides; it sets no IPV6_V6ONLY."""
    host, port = _pair(call, 0, "server_address")
    text = settings.main().text
    is_six = "address_family = socket.AF_INET6" in text or "address_family = AF_INET6" in text
    address = literal(host) if host else None
    if address is not None and address.version != (6 if is_six else 4):
        raise Refused("Address family for hostname not supported", call.place)
    return [Listen(host or ("::" if is_six else "0.0.0.0"), port, _FIRST, family=6 if is_six else 4)]


def _ftp_server(call: _Call, _: Settings) -> Sequence[Listen]:
    """pyftpdlib: an empty host is AF_INET's, a name the first of getaddrinfo (ioloop.bind_af_unspecified)."""
    host, port = _pair(call, 0, "address_or_socket")
    return [Listen(host or "0.0.0.0", port, _FIRST)]


def _run_simple(call: _Call, _: Settings) -> Sequence[Listen]:
    host, port = call.argument(0, "hostname"), _port(call.argument(1, "port"), 0, call)
    return [Listen(_hosts(host, call)[0], port, _BY_COLON)]


def _sanic(call: _Call, _: Settings) -> Sequence[Listen]:
    host = call.argument(0, "host")
    default = host in {None, _MISSING, ""}
    return [Listen("127.0.0.1" if default else str(host), _port(call.argument(1, "port"), 8000, call), _BY_COLON)]


def _cherrypy(call: _Call, settings: Settings) -> Sequence[Listen]:
    """`server.socket_host` and `server.socket_port` of config.update (cheroot: IPV6_V6ONLY cleared for `::`)."""
    values: dict[str, object] = {}
    for node in ast.walk(ast.parse(settings.main().text)):
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            values |= {
                str(key.value): call.value(value)
                for key, value in pairs
                if isinstance(key, ast.Constant) and "socket_" in str(key.value)
            }
    host = str(values.get("server.socket_host", "127.0.0.1"))
    port = _port(values.get("server.socket_port", 8080), 8080, call)
    return [Listen(host, port, replace(DUAL, names=Names.FIRST))]


def _daemon(  # noqa: PLR0917 - a row of the table below
    name: str, calls: Mapping[str, _Rows], habits: Habits, source: str, examples: Sequence[str], both: str
) -> Daemon:
    return Daemon(
        name=name,
        read=_reader(calls),
        habits=habits,
        source=f"measured {source}",
        examples=tuple(Example(f"{each}\n") for each in examples),
        both=Example(both),
    )


_HOSTS = ('""', '"0.0.0.0"', '"::"', '"localhost"')
AIOHTTP = _daemon(
    "aiohttp",
    {"run_app": _run_app, "TCPSite": _site},
    ASYNCIO,
    "3.14; web.py, asyncio's create_server",
    [f"web.run_app(app, host={host}, port=8000)" for host in ("None", *_HOSTS[1:])],
    "web.run_app(app, host=None)",
)
ASYNCIO_PROGRAM = _daemon(
    "python-asyncio",
    {"start_server": _start_server, "create_server": _start_server},
    ASYNCIO,
    "3.11; asyncio/base_events.py",
    [f"asyncio.start_server(serve, {host}, 8000)" for host in ("None", *_HOSTS[1:])],
    "asyncio.start_server(serve, None, 8000)",
)
TORNADO = _daemon(
    "tornado",
    {"listen": _tornado, "bind": _tornado, "bind_sockets": _tornado},
    ASYNCIO,
    "6.6; netutil.py bind_sockets",
    [f"app.listen(8000, {host})" for host in _HOSTS],
    "app.listen(8000)",
)
AIOSMTPD = _daemon(
    "aiosmtpd",
    {"Controller": _controller},
    ASYNCIO,
    "1.4.6; controller.py",
    [f"Controller(handler, hostname={host}, port=8025)" for host in _HOSTS],
    'Controller(handler, hostname="")',
)
SOCKET_PROGRAM = _daemon(
    "python-socket",
    {"create_server": _create_server},
    STRICT,
    "3.11; Lib/socket.py create_server",
    [
        'socket.create_server(("", 8000))',
        'socket.create_server(("", 8000), family=socket.AF_INET6)',
        'socket.create_server(("", 8000), family=socket.AF_INET6, dualstack_ipv6=True)',
    ],
    'socket.create_server(("", 8000), family=socket.AF_INET6, dualstack_ipv6=True)',
)
SOCKETSERVER = _daemon(
    "python-socketserver",
    dict.fromkeys(
        ("S", "TCPServer", "ThreadingTCPServer", "Server", "HTTPServer", "ThreadingHTTPServer"), _socketserver
    ),
    _FIRST,
    "3.11; Lib/socketserver.py",
    ['TCPServer(("", 8000), Handler)'],
    "address_family = socket.AF_INET6",
)
PYFTPDLIB = _daemon(
    "pyftpdlib",
    {"FTPServer": _ftp_server, "ThreadedFTPServer": _ftp_server},
    _FIRST,
    "2.2; ioloop.py",
    [f"FTPServer(({host}, 2121), handler)" for host in _HOSTS],
    'FTPServer(("::", 2121), handler)',
)
WERKZEUG = _daemon(
    "werkzeug",
    {"run_simple": _run_simple},
    _BY_COLON,
    "3.1; serving.py select_address_family",
    [f"run_simple({host}, 8000, app)" for host in _HOSTS[1:]],
    'run_simple("::", 8000, app)',
)
SANIC = _daemon(
    "sanic",
    {"run": _sanic},
    _BY_COLON,
    "25.12; server/socket.py bind_socket",
    [f"app.run(host={host}, port=8000, single_process=True)" for host in _HOSTS],
    'app.run(host="::", port=8000)',
)
CHERRYPY = _daemon(
    "cherrypy",
    {"quickstart": _cherrypy, "start": _cherrypy},
    DUAL,
    "18.10; cheroot/server.py",
    [f'cherrypy.config.update({{"server.socket_host": {host}}})\ncherrypy.quickstart()' for host in _HOSTS[1:]],
    'cherrypy.config.update({"server.socket_host": "::"})',
)
