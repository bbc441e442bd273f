"""socat: its LISTEN addresses, `bind=`, `pf=`, `ipv6only`, `-4`, `-6`, SOCAT_DEFAULT_LISTEN_IP (socat(1))."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.host_port import port_number
from dualstack.doctor.habits import SYSCTL
from dualstack.doctor.listening import Listen, Names, NotUnderstood, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["SOCAT"]

_HABITS = replace(SYSCTL, names=Names.FIRST)
_KIND = re.compile(r"(TCP|UDP|SCTP|DCCP|OPENSSL|SSL)([46]?)-?(?:DTLS-)?(LISTEN|L|RECV|RECVFROM)$", re.IGNORECASE)


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-b", "-t", "-T", "-L", "-W", "-lf", "-r", "-R")
    default = (
        "6" if options.has("-6") else "4" if options.has("-4") else settings.environ.get("SOCAT_DEFAULT_LISTEN_IP", "4")
    )
    rows: list[Listen] = []
    for word in options.words:
        kind, _, rest = word.partition(":")
        match = _KIND.match(kind)
        if match is not None:
            rows.append(_row(match, rest, default))
    return rows


def _row(match: re.Match[str], rest: str, default: str) -> Listen:
    port, *pairs = re.split(r",(?![^\[]*\])", rest)
    values = {key.casefold(): value for key, _, value in (pair.partition("=") for pair in pairs)}
    said = values.get("pf", values.get("protocol-family", ""))
    family = int(said[-1]) if said[-1:] in {"4", "6"} else int(match[2] or default)
    host = values.get("bind", "").strip("[]") or ("::" if family == 6 else "0.0.0.0")
    address = literal(host)
    if address is not None and address.version != family:
        raise Refused("Address family for hostname not supported", COMMAND)
    if values.get("bind", "").count(":") == 1:
        raise NotUnderstood(f"bind={values['bind']}", COMMAND)
    only = values.get("ipv6only", values.get("ipv6-v6only", values.get("v6only")))
    habits = _HABITS if only is None else replace(_HABITS, v6only=only != "0")
    proto = "udp" if match[1].upper() == "UDP" else "tcp"
    return Listen(host, port_number(port, COMMAND), habits, proto=proto, place=COMMAND, family=family)


SOCAT = Daemon(
    name="socat",
    read=_read,
    habits=_HABITS,
    programs=("socat",),
    source="measured 1.7.4, 1.8.0 (Debian keeps IPv4 as the default); socat(1)",
    examples=tuple(
        Example(command=f"socat {each} EXEC:cat")
        for each in ("TCP-LISTEN:8000", "TCP4-LISTEN:8000", "TCP6-LISTEN:8000", "TCP6-LISTEN:8000,ipv6only=1")
    ),
    both=Example(command="socat TCP6-LISTEN:8000,ipv6only=0,fork EXEC:cat"),
)
