"""Monit: `set httpd port N use address A` (its manual, src/http/engine.c)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Ends, Listen, Place
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["MONIT"]

_HABITS = replace(LENIENT, nothing=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-c", "-d", "-l", "-p", "-s", "-g").last("-c") or settings.path
    document = settings.main()
    text = re.sub(r"#[^\n]*", "", document.text)
    match = re.search(r"(?is)\bset\s+httpd\b(.*?)(?=\n\s*(?:set|check|include)\b|\Z)", text)
    if match is None:
        return []
    port = re.search(r"(?i)\bport\s+(\d+)", match[1])
    address = re.search(r"(?i)\baddress\s+\"?([^\s\"]+)", match[1])
    place = Place(document.path, text.count("\n", 0, match.start()) + 1)
    if port is None:
        return []
    hosts = [address[1]] if address is not None else ["0.0.0.0", "::"]
    return [Listen(host, int(port[1]), _HABITS, place=place) for host in hosts]


MONIT = Daemon(
    name="monit",
    read=_read,
    habits=_HABITS,
    programs=("monit",),
    files=("/etc/monit/monitrc", "/etc/monitrc"),
    config_options=("-c",),
    source="measured 5.33; src/http/engine.c",
    examples=tuple(Example(f"set httpd port 2812{each}\n") for each in ("", " use address 0.0.0.0", " use address ::")),
    both=Example("set httpd port 2812"),
)
