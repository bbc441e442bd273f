"""Caddy: site addresses, `bind`, `default_bind`, the admin endpoint (Caddyfile; Go's net.Listen)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.blocks import Statement, statements
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import GO
from dualstack.doctor.listening import Habits, Listen, NotUnderstood, Place
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["CADDY"]

_NETWORKS = {"tcp": None, "tcp4": 4, "tcp6": 6}
_ADDRESS = re.compile(r"(?:(?P<scheme>https?)://)?(?P<host>\[[^\]]*\]|[^:/\s]*)(?::(?P<port>\d+))?(?:/\S*)?$")


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("--config", "--adapter", "-c", "-a").last("--config", "-c") or settings.path
    rows: dict[tuple[str, int], Listen] = {}
    binds: list[tuple[str, Place]] = []
    admin = Listen("localhost", 2019, GO)
    is_admin = True
    for index, each in enumerate(statements(settings.main(), by_line=True)):
        if each.block is None:
            raise NotUnderstood(f"{' '.join(each.words)}: a site without braces, or an import", each.place)
        if not each.words and index == 0:
            is_admin, admin = _admin(each, admin)
            binds = _binds(each, "default_bind")
        elif not each.name.startswith("("):
            for row in _site(each, binds):
                rows.setdefault((row.host, row.port), row)
    return [*([admin] if is_admin else []), *_merged(list(rows.values()))]


def _admin(options: Statement, admin: Listen) -> tuple[bool, Listen]:
    for each in options.block or []:
        if each.name == "admin" and each.arguments:
            if each.arguments[0] == "off":
                return False, admin
            host, port = host_port(each.arguments[0], 2019, each.place)
            return True, replace(admin, host=host or "::", port=port, place=each.place)
    return True, admin


def _binds(block: Statement, name: str) -> list[tuple[str, Place]]:
    return [(text, each.place) for each in block.block or [] if each.name == name for text in each.arguments]


def _site(site: Statement, default: Sequence[tuple[str, Place]]) -> list[Listen]:
    ports: list[int] = []
    for text in re.split(r"[,\s]+", " ".join(site.words)):
        if not text:
            continue
        match = _ADDRESS.match(text)
        if match is None or "{" in text:
            raise NotUnderstood(f"the site address {text!r}", site.place)
        ports += _ports(match)
    binds = _binds(site, "bind") or default or [("", site.place)]
    return [_row(text, port, place) for port in dict.fromkeys(ports) for text, place in binds]


def _ports(match: re.Match[str]) -> list[int]:
    """HTTPS by default, with HTTP beside it for redirects; a port that is named says it all."""
    if match["port"]:
        return [int(match["port"])]
    if match["scheme"] == "http":
        return [80]
    return [443, 80]


def _row(text: str, port: int, place: Place) -> Listen:
    network, slash, rest = text.partition("/")
    family = None
    if slash:
        if network not in _NETWORKS:
            raise NotUnderstood(f"bind {text}", place)
        family, text = _NETWORKS[network], rest
    return _wildcard(Listen(text.strip("[]"), port, GO, place=place, family=family))


def _wildcard(row: Listen) -> Listen:
    """Any wildcard is `::` for both, but where tcp4 or tcp6 is said."""
    if row.host not in {"", "0.0.0.0", "::"}:
        return row
    if row.family == 4:
        return replace(row, host="0.0.0.0")
    habits: Habits = replace(GO, v6only=True, falls_back=False) if row.family == 6 else GO
    return replace(row, host="::", habits=habits)


def _merged(rows: list[Listen]) -> list[Listen]:
    """The same wildcard is opened once."""
    return list({(row.host, row.port, row.family): row for row in rows}.values())


CADDY = Daemon(
    name="caddy",
    read=_read,
    habits=GO,
    programs=("caddy",),
    files=("/etc/caddy/Caddyfile",),
    config_options=("--config",),
    source="measured 2.6; caddyserver.com/docs/caddyfile, net/ipsock_posix.go",
    examples=tuple(
        Example(f"{{\n admin off\n}}\n:80 {{\n{each} respond ok\n}}\n")
        for each in ("", " bind 0.0.0.0\n", " bind ::\n", " bind tcp4/0.0.0.0\n")
    ),
    both=Example(":80 {\n}"),
)
