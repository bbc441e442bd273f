"""Apache's httpd: `Listen` (mpm_common, listen.c of the server)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.doctor.access.access_list import OWN, AccessList, listed, whole
from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import Entry, entries
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import DUAL
from dualstack.doctor.listening import Listen, NotUnderstood, Refused
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["APACHE"]

_HABITS = replace(DUAL, addrconfig=True, falls_back=True)
_TAG = re.compile(r"</?(\w+)\s*([^>]*)>")


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-f", "-d", "-c", "-C", "-D", "-k", "-e", "-E").last("-f") or settings.path
    rows: list[Listen] = []
    for entry in _entries(settings, settings.main()):
        if entry.key.casefold() in {"listen", "port"}:
            rows = _add(rows, entry, settings)
    if not rows:
        raise Refused("no listening sockets available, shutting down")
    return rows


def _entries(settings: Settings, document: Document) -> list[Entry]:
    """The directives with those of included files; blocks of IfModule are taken where Debian has the module loaded."""
    found: list[Entry] = []
    modules = _modules(settings)
    skipped: list[str] = []
    blocks: list[str] = []
    for entry in entries(document, separator=r"\s+"):
        tag = _TAG.match(f"{entry.key} {entry.value}".strip())
        if tag is not None:
            _enter(skipped, tag, modules, is_end=entry.key.startswith("</"))
            _step(blocks, tag, entry)
        elif "" in skipped:
            continue
        elif entry.key.casefold() in {"include", "includeoptional"}:
            path = re.sub(r"\$\{?(\w+)\}?", lambda name: settings.environ.get(name[1], ""), entry.value)
            base = _server_root(found) or settings.directory
            found += settings.included(path, entry.place, lambda inner: _entries(settings, inner), base=base)
        else:
            found.append(replace(entry, section=" ".join(blocks)))
    return found


def _step(blocks: list[str], tag: re.Match[str], entry: Entry) -> None:
    """Keep the names of the blocks around, each with its line, so that two of a name are two."""
    if entry.key.startswith("</"):
        del blocks[-1:]
    else:
        blocks.append(f"{tag[1].casefold()}:{entry.place.file}:{entry.place.line}")


def _enter(skipped: list[str], tag: re.Match[str], modules: frozenset[str], *, is_end: bool) -> None:
    """Keep the stack of blocks; an empty word in it means that what stands inside does not count."""
    if is_end:
        del skipped[-1:]
        return
    name, argument = tag[1].casefold(), tag[2].strip()
    is_out = name == "ifdefine" and not argument.startswith("!")
    if name == "ifmodule" and argument.lstrip("!") in {"ssl_module", "mod_ssl.c", "mod_gnutls.c", "gnutls_module"}:
        is_out = (argument.lstrip("!") in modules) is argument.startswith("!")
    skipped.append("" if is_out else name)


def _modules(settings: Settings) -> frozenset[str]:
    """Those of TLS that are enabled in Debian's way: ports.conf listens on 443 with them alone."""
    enabled = {
        "ssl": ("ssl_module", "mod_ssl.c"),
        "gnutls": ("mod_gnutls.c", "gnutls_module"),
    }
    directory = settings.beside("mods-enabled")
    there = [name for name in enabled if settings.tree.has(f"{directory}/{name}.load")]
    return frozenset(word for name in there for word in enabled[name])


def _server_root(found: Sequence[Entry]) -> str:
    roots = [entry.value for entry in found if entry.key.casefold() == "serverroot"]
    return roots[-1] if roots else ""


def _add(rows: list[Listen], entry: Entry, settings: Settings) -> list[Listen]:
    words = entry.words
    if not words or "$" in words[0]:
        raise NotUnderstood(f"Listen {entry.value}", entry.place)
    if not words[0].startswith("[") and words[0].count(":") > 1:
        # apr_parse_addr_port takes what stands behind the last colon as the port: `::80` is the host `:`.
        raise Refused(f"Listen setup failed: {words[0]}", entry.place)
    host, port = host_port(words[0], 80, entry.place)
    is_any = host in {"", "*"}
    if is_any:
        # alloc_listener: no address is `::` where getaddrinfo(AI_ADDRCONFIG) has it, else `0.0.0.0`.
        host = "::" if settings.host.has_ipv6 else "0.0.0.0"
    elif literal(host) == UNSPECIFIED[6] and not settings.host.has_socket:
        raise Refused(f"alloc_listener: failed to set up sockaddr for {host}", entry.place)
    if any((row.host, row.port) == (host, port) and row.place != entry.place for row in rows):
        raise Refused("Cannot define multiple Listeners on the same IP:port", entry.place)
    row = Listen(host, port, _HABITS, place=entry.place)
    return _merged([*rows, row])


def _merged(rows: list[Listen]) -> list[Listen]:
    """`0.0.0.0` beside `::` is left out, for the one socket receives both (ap_listen_open's default_pass)."""
    sixes = {row.port for row in rows if row.host == "::"}
    return [row for row in rows if not (row.host == "0.0.0.0" and row.port in sixes)]


def _access(settings: Settings) -> Iterator[AccessList]:
    """`Require ip` (mod_authz_host): any that fits lets in, and whom none names is refused.

    What also asks for something else (a user, a host's name, all of several) is left alone.
    """
    by_block: dict[str, list[Entry]] = {}
    for entry in _entries(settings, settings.main()):
        if entry.key.casefold() == "require":
            by_block.setdefault(entry.section, []).append(entry)
    for block, required in by_block.items():
        asks = [(entry, entry.words) for entry in required]
        is_plain = all(words and words[0].casefold() in {"ip", "local"} for _, words in asks)
        if not is_plain or re.search(r"(?:^| )require(?:all|none):", block):
            continue
        named = [each for _, words in asks for each in (words[1:] if words[0].casefold() == "ip" else OWN)]
        yield from listed("apache2", ((True, whole(each), required[0].place) for each in named))


APACHE = Daemon(
    name="apache2",
    read=_read,
    habits=_HABITS,
    programs=("apache2", "httpd"),
    files=("/etc/apache2/apache2.conf", "/etc/httpd/conf/httpd.conf", "/etc/apache2/httpd.conf"),
    config_options=("-f",),
    source="measured 2.4.67, 2.4.71; server/listen.c",
    examples=tuple(Example(f"Listen {each}\n") for each in ("80", "0.0.0.0:80", "[::]:80", "*:80")),
    both=Example("Listen 80"),
    access=_access,
)
