"""Net-SNMP's snmpd: `agentaddress`, addresses on its command line, SMUX beside (snmpd(8), snmplib/transports)."""

# dualstack: ignore-file - what stands here is what the daemon does

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import entries, last
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen, Names, Place
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["SNMPD"]

_HABITS = replace(STRICT, names=Names.FIRST)
_SPEC = re.compile(r"(?:(udp|tcp|udp6|tcp6|udpv6|tcpv6|udpipv6|tcpipv6):)?(.*)$")


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-c", "-L", "-p", "-u", "-g", "-I", "-x", "-D", "-A", "-m", "-M", "-n")
    settings.path = options.last("-c") or settings.path
    entry = last(entries(settings.main(), separator=r"\s+", inline=True), "agentaddress")
    texts = [text for text in (entry.value if entry is not None else "").split(",") if text] + list(options.words)
    place = COMMAND if entry is None else entry.place
    rows = [_row(text.strip(), place) for text in texts] or [Listen("0.0.0.0", 161, _HABITS, proto="udp")]
    # Debian builds it with SMUX, on 199 of IPv4 (smuxsocket changes it).
    smux = replace(_HABITS, in_use=Ends.SKIPPED, no_address=Ends.SKIPPED)
    return [*rows, Listen("0.0.0.0", 199, smux, is_aside=True)]


def _row(text: str, place: Place) -> Listen:
    match = _SPEC.match(text)
    transport, rest = (match[1] or "udp", match[2]) if match is not None else ("udp", text)
    is_six = "6" in transport
    host, port = _split(rest)
    address = literal(host) if host else None
    is_six = is_six or (address is not None and address.version == 6)
    default = "::" if is_six else "0.0.0.0"
    family = 6 if is_six else 4
    return Listen(host or default, port, _HABITS, proto=transport[:3], place=place, family=family)


def _split(text: str) -> tuple[str, int]:
    match = re.match(r"\[([^\]]*)\](?::(\d+))?$", text)
    if match is not None:
        return match[1], int(match[2] or 161)
    if text.isdigit():
        return "", int(text)
    host, colon, port = text.rpartition(":")
    return (host, int(port)) if colon and port.isdigit() and literal(text) is None else (text, 161)


SNMPD = Daemon(
    name="snmpd",
    read=_read,
    habits=_HABITS,
    programs=("snmpd",),
    files=("/etc/snmp/snmpd.conf",),
    config_options=("-c",),
    source="measured 5.9.3; snmpd(8), LISTENING ADDRESSES",
    examples=tuple(
        Example(f"agentaddress {each}\n") for each in ("udp:161", "udp6:161", "udp:161,udp6:161", "127.0.0.1,[::1]")
    ),
    both=Example("agentaddress udp:161,udp6:161"),
)
