"""PHP: the development server `php -S`, and FPM's `listen` (php.net, main/network.c, sapi/fpm/fpm_sockets.c)."""

# dualstack: ignore-file - what stands here is what the daemon does

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import Entry, entries
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import SYSCTL
from dualstack.doctor.listening import Listen, Names
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["PHP", "PHP_FPM"]

_HABITS = replace(SYSCTL, names=Names.FIRST)


def _php(settings: Settings) -> Sequence[Listen]:
    text = settings.options("-S", "-t", "-d", "-c").last("-S") or ""
    host, port = host_port(text, 0, COMMAND)
    return [Listen(host or "0.0.0.0", port, _HABITS, place=COMMAND)]


def _fpm(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-y", "--fpm-config", "-c", "-d", "-p", "-g")
    said = options.last("-y", "--fpm-config")
    settings.path = said if said and settings.tree.has(said) else settings.path
    return [row for entry in _entries(settings, settings.main()) if entry.key == "listen" for row in _rows(entry)]


def _entries(settings: Settings, document: Document) -> list[Entry]:
    found: list[Entry] = []
    for entry in entries(document, comments="#;", has_sections=True):
        if entry.key == "include":
            found += settings.included(entry.value, entry.place, lambda inner: _entries(settings, inner))
        else:
            found.append(entry)
    return found


def _rows(entry: Entry) -> list[Listen]:
    """A port alone is `::` where AF_INET6 is there, else 0.0.0.0; `*` the first of getaddrinfo: loopback."""
    if entry.value.startswith("/"):
        return []
    host, port = host_port(entry.value, 9000, entry.place)
    if not host:
        return [Listen("::", port, replace(_HABITS, falls_back=True), place=entry.place)]
    if host == "*":
        host = "localhost"
    return [Listen(host, port, _HABITS, place=entry.place)]


PHP = Daemon(
    name="php-S",
    read=_php,
    habits=_HABITS,
    programs=("php", "php8.2"),
    source="measured 8.2; sapi/cli/php_cli_server.c",
    examples=tuple(Example(command=f"php -S {each}:8000") for each in ("0.0.0.0", "[::]", "localhost")),
    both=Example(command="php -S [::]:8000"),
)
PHP_FPM = Daemon(
    name="php-fpm",
    read=_fpm,
    habits=_HABITS,
    programs=("php-fpm", *(f"php-fpm{version}" for version in ("7.4", "8.1", "8.2", "8.3", "8.4"))),
    files=(
        *(f"/etc/php/{version}/fpm/php-fpm.conf" for version in ("8.4", "8.3", "8.2", "8.1", "7.4")),
        "/etc/php-fpm.conf",
    ),
    config_options=("-y", "--fpm-config"),
    source="measured 8.2; fpm_sockets.c",
    examples=tuple(Example(f"[www]\nlisten = {each}\n") for each in ("9000", "[::]:9000", "*:9000", "0.0.0.0:9000")),
    both=Example("listen = 9000"),
)
