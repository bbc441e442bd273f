"""Node: `listen` of net, http and https, and dgram's `bind`, in a program's source (lib/net.js)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.habits import DUAL, SYSCTL
from dualstack.doctor.listening import Listen, Names, NotUnderstood, Place, Refused
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["NODE"]

_HABITS = replace(DUAL, names=Names.FIRST)
_TEXT = r"\"([^\"]*)\"|'([^']*)'|`([^`$]*)`"
_LISTEN = re.compile(rf"\.listen\(\s*(?:(\d+)\s*(?:,\s*(?:{_TEXT}))?\s*[,)]|\{{([^{{}}]*)\}}\s*[,)])")
_SOCKET = re.compile(r"createSocket\(\s*[\"'](udp[46])[\"'][^)]*\)(?:\.bind\(\s*(\d+)(?:\s*,\s*[\"']([^\"']*)[\"'])?)?")


def _read(settings: Settings) -> Sequence[Listen]:
    words = settings.options("-r", "--require", "-e").words
    settings.path = words[0] if words and settings.tree.has(words[0]) else settings.path
    document = settings.main()
    text = re.sub(r"(?m)^\s*//.*$", "", document.text)
    rows: list[Listen] = []
    for match in _LISTEN.finditer(text):
        place = Place(document.path, text.count("\n", 0, match.start()) + 1)
        host = next((each for each in match.groups()[1:4] if each is not None), None)
        rows.append(_row(int(match[1]), host, place) if match[1] else _options(match[5], place))
    rows += _datagrams(document, text)
    if not rows or len(_LISTEN.findall(text)) != len(re.findall(r"\.listen\(", text)):
        raise NotUnderstood("a listen() whose arguments are computed", Place(document.path, 1))
    return rows


def _options(text: str, place: Place) -> Listen:
    """`{port, host, ipv6Only}`; ipv6Only counts for a host alone."""
    values = {key: value.strip() for key, value in re.findall(r"(\w+)\s*:\s*([^,]+)", text)}
    port, host = values.get("port", ""), values.get("host")
    if not port.isdigit() or (host is not None and host[0] not in "\"'`"):
        raise NotUnderstood(f"listen({{{text}}})", place)
    row = _row(int(port), None if host is None else host[1:-1], place)
    if values.get("ipv6Only") == "true" and host is not None and host[1:-1]:
        return replace(row, habits=replace(row.habits, v6only=True, falls_back=False))
    return row


def _row(port: int, host: str | None, place: Place) -> Listen:
    """Without a host `::` for both, else 0.0.0.0; `*` is a name that nobody has."""
    if not host:
        return Listen("::", port, replace(_HABITS, falls_back=True), place=place)
    if host == "*":
        raise Refused("getaddrinfo ENOTFOUND *", place)
    return Listen(host, port, _HABITS, place=place)


def _datagrams(document: Document, text: str) -> list[Listen]:
    rows = []
    for match in _SOCKET.finditer(text):
        place = Place(document.path, text.count("\n", 0, match.start()) + 1)
        if match[2] is None:
            raise NotUnderstood("a datagram socket whose bind() stands elsewhere", place)
        host = match[3] or ("::" if match[1] == "udp6" else "0.0.0.0")
        habits = replace(SYSCTL, names=Names.FIRST, v6only=True if re.search(r"ipv6Only\s*:\s*true", text) else None)
        rows.append(Listen(host, int(match[2]), habits, proto="udp", place=place, family=int(match[1][-1])))
    return rows


NODE = Daemon(
    name="node",
    read=_read,
    habits=_HABITS,
    programs=("node", "nodejs"),
    source="measured 18.20, 20.19; lib/net.js",
    examples=tuple(
        Example(f"server.listen({each})\n") for each in ("8000", '8000, "0.0.0.0"', '8000, "::"', '8000, "localhost"')
    ),
    both=Example("server.listen(8000)"),
)
