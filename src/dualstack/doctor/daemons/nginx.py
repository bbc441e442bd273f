"""nginx: `listen` in the servers of http, mail and stream (ngx_http_core_module, ngx_stream_core_module)."""

# dualstack: ignore-file - what stands here is what the daemon does

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dualstack.doctor.access.access_list import AccessList, Entry, prefix_of
from dualstack.doctor.formats.blocks import Statement, statements, walk
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Listen, Names, NotUnderstood, Refused
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["NGINX"]

# Options that make nginx bind an address by itself, although a wildcard of its family has the port.
_BINDS = (
    "bind",
    "backlog=",
    "rcvbuf=",
    "sndbuf=",
    "ipv6only=",
    "reuseport",
    "deferred",
    "so_keepalive",
    "accept_filter=",
)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-c", "-p", "-g", "-e").last("-c") or settings.path
    rows: dict[tuple[str, int, str], tuple[Listen, bool]] = {}
    for statement in walk(_statements(settings, settings.main())):
        if statement.name != "listen" or statement.parents[-1:] != ("server",):
            continue
        _add(rows, settings, statement)
    for server in _without_listen(settings):
        _put(rows, Listen("0.0.0.0", 80, STRICT, place=server.place), binds=False)
    return _without_covered(rows)


def _statements(settings: Settings, document: Document) -> list[Statement]:
    """The statements of a file with those it includes, paths of the configuration's own directory."""
    return list(_spliced(settings, statements(document)))


def _spliced(settings: Settings, found: Sequence[Statement]) -> Iterator[Statement]:
    for each in found:
        if each.block is not None:
            each.block = list(_spliced(settings, each.block))
        if each.name == "include" and each.arguments:
            yield from settings.included(
                each.arguments[0],
                each.place,
                lambda document: _statements(settings, document),
                base=settings.directory,
            )
        else:
            yield each


def _without_listen(settings: Settings) -> list[Statement]:
    """Servers of http that name no port: `*:80`, for nginx is started as root."""
    found = walk(_statements(settings, settings.main()))
    servers = [each for each in found if each.name == "server" and each.parents == ("http",) and each.block is not None]
    return [each for each in servers if all(inner.name != "listen" for inner in each.block or [])]


def _add(rows: dict[tuple[str, int, str], tuple[Listen, bool]], settings: Settings, statement: Statement) -> None:
    if not statement.arguments:
        raise Refused('invalid number of arguments in "listen" directive', statement.place)
    text, *options = statement.arguments
    if text.startswith("unix:"):
        return
    if "$" in text:
        raise NotUnderstood(f"a variable in listen {text}", statement.place)
    if not text.startswith("[") and text.count(":") > 1:
        raise Refused(f'invalid port in "{text}" of the "listen" directive', statement.place)
    host, port = host_port(text, 80, statement.place)
    habits = replace(STRICT, v6only=_v6only(settings, options))
    if settings.before(1, 15, 10):
        habits = replace(habits, names=Names.FIRST)
    if "reuseport" in options:
        habits = replace(habits, shares="reuseport")
    proto = "udp" if {"udp", "quic"} & set(options) else "tcp"
    host = "0.0.0.0" if host in {"", "*"} else host
    binds = any(option.startswith(_BINDS) for option in options)
    _put(rows, Listen(host, port, habits, proto=proto, place=statement.place), binds=binds)


def _put(rows: dict[tuple[str, int, str], tuple[Listen, bool]], row: Listen, *, binds: bool) -> None:
    """The same address in several servers is one socket, with the options of the one that has them."""
    key = (row.host, row.port, row.proto)
    if key not in rows or (binds and not rows[key][1]):
        rows[key] = (row, binds)


def _v6only(settings: Settings, options: Sequence[str]) -> bool:
    """On by default since 1.3.4 (CHANGES); off before."""
    said = [option.partition("=")[2] for option in options if option.startswith("ipv6only=")]
    return said[-1] != "off" if said else not settings.before(1, 3, 4)


def _without_covered(rows: dict[tuple[str, int, str], tuple[Listen, bool]]) -> list[Listen]:
    """Without addresses whose port a wildcard of their family has (ngx_http_init_listening)."""
    wildcards = {(":" in host, port, proto) for host, port, proto in rows if host in {"0.0.0.0", "::"}}
    return [
        row
        for (host, port, proto), (row, binds) in rows.items()
        if binds or host in {"0.0.0.0", "::"} or (":" in host, port, proto) not in wildcards
    ]


def _access(settings: Settings) -> Iterator[AccessList]:
    """`allow` and `deny` of a block, the first that fits; whom none names comes in (ngx_http_access_module)."""
    for each in walk(_statements(settings, settings.main())):
        rules = [inner for inner in each.block or [] if inner.name in {"allow", "deny"} and len(inner.words) == 2]
        entries = [
            Entry(rule.name == "allow", prefix_of(rule.words[1]), rule.place)
            for rule in rules
            if rule.words[1] == "all" or prefix_of(rule.words[1]) is not None
        ]
        if entries:
            yield AccessList("nginx", entries, lets_in_others=True, place=each.place)


NGINX = Daemon(
    name="nginx",
    read=_read,
    habits=STRICT,
    programs=("nginx",),
    files=("/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf"),
    config_options=("-c",),
    source="measured 1.18, 1.22, 1.26; ngx_http_core_module, CHANGES of 1.3.4 and 1.15.10",
    examples=tuple(
        Example(f"events {{}}\nhttp {{ server {{ {listen} }} }}\n")
        for listen in ("listen 80;", "listen [::]:80;", "listen [::]:80 ipv6only=off;", "listen 80; listen [::]:80;")
    ),
    aliases=("nginx-stream", "openresty"),
    both=Example("listen 80;\nlisten [::]:80;"),
    access=_access,
)
