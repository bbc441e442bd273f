"""Prosody: `interfaces`, `local_interfaces`, `use_ipv4`, `use_ipv6`, `c2s_ports` (core/portmanager.lua)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen, Names, NotUnderstood, Place
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["PROSODY"]

_HABITS = replace(
    STRICT,
    names=Names.FIRST,
    no_family=Ends.SKIPPED,
    no_address=Ends.SKIPPED,
    in_use=Ends.SKIPPED,
    none_left=Ends.SKIPPED,
    nothing=Ends.SKIPPED,
)
_ASSIGN = re.compile(r"(?ms)^\s*(\w+)\s*=\s*(\{[^{}]*\}|\"[^\"\n]*\"|'[^'\n]*'|[\w.]+)")
# Modules that listen: key, ports, and whether on the loopback alone by default.
_SERVICES = (
    ("c2s", "c2s", (5222,), False),
    ("c2s", "c2s_direct_tls", (), False),
    ("s2s", "s2s", (5269,), False),
    ("http", "http", (5280,), True),
    ("component", "component", (5347,), True),
    ("admin_telnet", "console", (5582,), True),
)
_ALWAYS = ("s2s", "c2s")


def _read(settings: Settings) -> Sequence[Listen]:
    values = _values(settings.main())
    enabled = {*_ALWAYS, *_list(values, "modules_enabled")} - set(_list(values, "modules_disabled"))
    if "c2s" not in _list(values, "modules_enabled") and "modules_enabled" in values:
        enabled.discard("c2s" if "c2s" in _list(values, "modules_disabled") else "")
    rows: list[Listen] = []
    for module, key, default, is_local in _SERVICES:
        if module not in enabled:
            continue
        ports = [int(text) for text in _list(values, f"{key}_ports") if text.isdigit()] or list(default)
        for host, place in _interfaces(values, key, is_local=is_local):
            rows += [Listen(host, port, _HABITS, place=place, is_aside=module != "c2s") for port in ports]
    return rows


def _values(document: Document) -> dict[str, tuple[str, Place]]:
    """The assignments of the file's own level; `VirtualHost` and `Component` end it."""
    text = re.sub(r"--\[\[.*?\]\]", lambda match: "\n" * match[0].count("\n"), document.text, flags=re.DOTALL)
    text = re.sub(r"--[^\n]*", "", text)
    text = re.split(r"(?m)^\s*(?:VirtualHost|Component)\b", text)[0]
    found = {}
    for match in _ASSIGN.finditer(text):
        found[match[1]] = (match[2], Place(document.path, text.count("\n", 0, match.start(1)) + 1))
    return found


def _list(values: dict[str, tuple[str, Place]], key: str) -> list[str]:
    """The strings and numbers of a table, or the one that stands alone."""
    text, place = values.get(key, ("{}", None))
    if re.search(r"\.\.|\b(os|require|function)\b", text):
        raise NotUnderstood(f"{key} is computed", place)
    return [match[1] or match[2] or match[3] or "" for match in re.finditer(r"\"([^\"]*)\"|'([^']*)'|(\b\d+\b)", text)]


def _interfaces(values: dict[str, tuple[str, Place]], key: str, *, is_local: bool) -> list[tuple[str, Place | None]]:
    for name in (
        f"{key}_interfaces",
        f"{key}_interface",
        "local_interfaces" if is_local else "interfaces",
        "interface",
    ):
        if name in values and (name != "interface" or not is_local):
            return [
                ({"*": "0.0.0.0"}.get(each, each), values[name][1]) for each in _list(values, name) if each[:1] != "["
            ]
    wanted = [("127.0.0.1", "::1"), ("0.0.0.0", "::")][not is_local]
    off = [f"use_ipv{family}" for family in (4, 6) if values.get(f"use_ipv{family}", ("", None))[0] == "false"]
    return [(host, None) for host in wanted if f"use_ipv{6 if ':' in host else 4}" not in off]


PROSODY = Daemon(
    name="prosody",
    read=_read,
    habits=_HABITS,
    programs=("prosody",),
    files=("/etc/prosody/prosody.cfg.lua",),
    source="measured 0.11, 0.12, 13.0; core/portmanager.lua",
    ports=("tcp/5222",),
    examples=tuple(
        Example(f'modules_enabled = {{ "c2s"; }}\nmodules_disabled = {{ "s2s"; "http"; }}\n{each}\n')
        for each in ("", 'interfaces = { "*" }', 'interfaces = { "::" }', 'interfaces = { "*", "::" }')
    ),
    both=Example('interfaces = { "*", "::" }'),
)
