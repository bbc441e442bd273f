"""syslog-ng: the sources `network`, `tcp`, `tcp6`, `udp`, `udp6`, `syslog` (its administration guide, afinet.c)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.doctor.assumed_host import literal
from dualstack.doctor.habits import SYSCTL
from dualstack.doctor.listening import Listen, Names, Place, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["SYSLOG_NG"]

_HABITS = replace(SYSCTL, names=Names.FIRST)
_SOURCE = re.compile(r"\bsource\s+[\w-]+\s*\{")
_DRIVER = re.compile(r"\b(network|syslog|tcp6?|udp6?|default-network-drivers)\s*\(")
_DEFAULTS = {"network": 514, "syslog": 601, "tcp": 514, "udp": 514}


def _read(settings: Settings) -> Sequence[Listen]:
    document = settings.main()
    text = re.sub(r"#[^\n]*", "", document.text)
    rows: list[Listen] = []
    for source in _SOURCE.finditer(text):
        body = text[source.end() : _closing(text, source.end(), "{}")]
        for driver in _DRIVER.finditer(body):
            place = Place(document.path, text.count("\n", 0, source.end() + driver.start()) + 1)
            inside = body[driver.end() : _closing(body, driver.end(), "()")]
            rows += _rows(driver[1], inside, place)
    return rows


def _closing(text: str, start: int, pair: str) -> int:
    depth = 1
    for index in range(start, len(text)):
        depth += (text[index] == pair[0]) - (text[index] == pair[1])
        if depth == 0:
            return index
    return len(text)


def _rows(driver: str, inside: str, place: Place) -> list[Listen]:
    values = {key: value.strip().strip("\"'") for key, value in re.findall(r"([\w-]+)\s*\(\s*([^()]*)\s*\)", inside)}
    if driver == "default-network-drivers":
        # It is scl.conf that defines it; a file without that include does not know the word.
        raise Refused("syntax error, unexpected LL_IDENTIFIER: default-network-drivers is not included", place)
    name = driver.removesuffix("6")
    proto = "udp" if "udp" in (name, values.get("transport", "tcp")) else "tcp"
    is_six = driver.endswith("6") or values.get("ip-protocol") == "6"
    host = values.get("ip", values.get("localip", "")) or ("::" if is_six else "0.0.0.0")
    address = literal(host)
    if address == UNSPECIFIED[6] and not is_six:
        raise Refused(f"Error resolving IPv4 address {host}: ip-protocol(6) is missing", place)
    port = int(values.get("port", values.get("localport", "0")) or 0) or (
        6514 if values.get("transport") == "tls" else _DEFAULTS[name]
    )
    return [Listen(host, port, _HABITS, proto=proto, place=place, family=6 if is_six else 4)]


SYSLOG_NG = Daemon(
    name="syslog-ng",
    read=_read,
    habits=_HABITS,
    programs=("syslog-ng",),
    files=("/etc/syslog-ng/syslog-ng.conf",),
    source="measured 3.38; modules/afsocket",
    examples=tuple(
        Example(f"source s {{ {each} }};\n")
        for each in (
            'network(transport("udp"));',
            'network(transport("udp") ip-protocol(6));',
            "tcp(port(514)); tcp6(port(514));",
        )
    ),
    both=Example('network(transport("udp") ip-protocol(6));'),
)
