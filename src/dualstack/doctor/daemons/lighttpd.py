"""lighttpd: `server.bind`, `server.port` and `$SERVER["socket"]` (network.c, sock_addr.c)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Habits, Listen, Names, NotUnderstood, Place, Refused
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["LIGHTTPD"]

_HABITS = replace(STRICT, names=Names.IPV4)
_ASSIGN = re.compile(r'\s*([\w.-]+)\s*:?=\s*("[^"]*"|[\w.]+)\s*$')
_SOCKET = re.compile(r'\s*(?:else\s+)?\$SERVER\["socket"\]\s*==\s*"([^"]*)"\s*\{(.*)$')
_INCLUDE = re.compile(r'\s*include(_shell)?\s+"([^"]*)"(.*)$')
_DEBIAN = "use-ipv6.pl"


@dataclass(slots=True)
class _Scope:
    """The settings outside of a block or in one for a socket; `name` is that socket's."""

    name: str = ""
    place: Place | None = None
    values: dict[str, tuple[str, Place]] = field(default_factory=dict)

    def value(self, key: str) -> str | None:
        return self.values[key][0] if key in self.values else None


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-f", "-m", "-i").last("-f") or settings.path
    top = _Scope()
    sockets: list[_Scope] = []
    _collect(settings, settings.main(), top, sockets)
    port = int(top.value("server.port") or 80)
    rows = [] if top.value("server.bind") == "/dev/null" else [_main(settings, top, port)]
    for scope in sockets:
        text = scope.name if scope.name != _DEBIAN else f"[::]:{port}"
        if not text.startswith("/"):
            rows += _socket(settings, scope, text, port, top)
    return list({(row.host, row.port): row for row in reversed(rows)}.values())[::-1]


def _collect(settings: Settings, document: Document, top: _Scope, sockets: list[_Scope]) -> None:
    scope, depth = top, 0
    for number, line in document.lines():
        text = re.sub(r"(?:^|\s)#.*$", "", line)
        place = Place(document.path, number)
        include = _INCLUDE.match(text)
        socket = _SOCKET.match(text)
        if include is not None and depth == 0:
            _include(settings, include, place, top, sockets)
        elif socket is not None and depth == 0:
            scope, depth, text = _Scope(socket[1], place), 1, socket[2]
            sockets.append(scope)
        for part in re.split(r"[{};\n]", text) if scope is not top or depth == 0 else []:
            assigned = _ASSIGN.match(part)
            if assigned is not None and include is None:
                scope.values[assigned[1]] = (assigned[2].strip('"'), place)
        depth += text.count("{") - text.count("}")
        if depth <= 0:
            scope, depth = top, 0


def _include(settings: Settings, include: re.Match[str], place: Place, top: _Scope, sockets: list[_Scope]) -> None:
    if include[1] is None:

        def read(document: Document) -> list[None]:
            _collect(settings, document, top, sockets)
            return []

        settings.included(include[2], place, read)
    elif _DEBIAN in include[2]:
        # Debian's script prints `$SERVER["socket"] == "[::]:PORT" { }` where a socket of AF_INET6 can be made.
        if settings.host.has_socket:
            sockets.append(_Scope(_DEBIAN, place))
    elif not re.search(r"(create-mime|include-conf-enabled)", include[2]):
        raise NotUnderstood(f"what {include[2]!r} prints is not known, for it is not run", place)


def _main(settings: Settings, top: _Scope, port: int) -> Listen:
    """The socket of `server.bind`; without brackets it is looked up as IPv4."""
    host = top.value("server.bind") or ""
    place = next(
        (top.values[key][1] for key in ("server.bind", "server.use-ipv6", "server.port") if key in top.values), None
    )
    habits = _habits(settings, top)
    if host in {"", "*"}:
        if host and settings.before(1, 4, 60):
            raise Refused("getaddrinfo failed: Name or service not known '*'", place)
        return Listen("::" if top.value("server.use-ipv6") == "enable" else "0.0.0.0", port, habits, place=place)
    if not host.startswith("[") and host.count(":") > 1 and top.value("server.use-ipv6") != "enable":
        raise Refused(f"getaddrinfo failed: Address family for hostname not supported '{host}'", place)
    found, number = host_port(host, port, place) if host.startswith("[") or host.count(":") == 1 else (host, port)
    return Listen(found, number, habits, place=place)


def _socket(settings: Settings, scope: _Scope, text: str, port: int, top: _Scope) -> list[Listen]:
    host, number = host_port(text, port, scope.place)
    merged = _Scope(values={**{k: v for k, v in top.values.items() if k == "server.set-v6only"}, **scope.values})
    is_six = scope.value("server.use-ipv6") == "enable"
    host = host if host not in {"", "*"} else "::" if is_six else "0.0.0.0"
    return [Listen(host, number, _habits(settings, merged), place=scope.place)]


def _habits(settings: Settings, scope: _Scope) -> Habits:
    """Since 1.4.76 a server without AF_INET6 goes on without that socket (measured: 1.4.69 does not, 1.4.79 does)."""
    v6only = None if scope.value("server.set-v6only") == "disable" else True
    skips = not settings.before(1, 4, 76)
    ends = Ends.SKIPPED if skips else Ends.FATAL
    return replace(_HABITS, v6only=v6only, no_family=ends, none_left=ends, nothing=ends)


LIGHTTPD = Daemon(
    name="lighttpd",
    read=_read,
    habits=_HABITS,
    programs=("lighttpd",),
    files=("/etc/lighttpd/lighttpd.conf",),
    config_options=("-f",),
    source="measured 1.4.59, 1.4.69, 1.4.79; network.c",
    examples=tuple(
        Example(f"{each}\n")
        for each in (
            "server.port = 80",
            'server.bind = "[::]"',
            'server.use-ipv6 = "enable"',
            'server.port = 80\n$SERVER["socket"] == "[::]:80" { }',
        )
    ),
    both=Example('$SERVER["socket"] == "[::]:80" { }'),
)
