"""Tor: `SocksPort`, `ORPort`, `DirPort`, `DNSPort`, `TransPort`, `ControlPort` (tor(1), src/app/config)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.entries import entries
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Listen, Names
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["TOR"]

_HABITS = replace(STRICT, names=Names.IPV4)

_LOCAL = ("socksport", "dnsport", "transport", "natdport", "controlport", "httptunnelport")


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-f", "--defaults-torrc").last("-f") or settings.path
    found = list(entries(settings.main(), separator=r"\s+", inline=True))
    rows: list[Listen] = []
    if not any(each.key.casefold() == "socksport" for each in found):
        rows.append(Listen("127.0.0.1", 9050, STRICT))
    for each in found:
        key = each.key.casefold()
        words = each.words
        if (key not in {*_LOCAL, "orport", "dirport"}) or not words or words[0].startswith("unix:") or words[0] == "0":
            continue
        host, port = host_port(words[0], 9050, each.place)
        proto = "udp" if key == "dnsport" else "tcp"
        row = Listen(host, port, _HABITS, proto=proto, place=each.place)
        if host:
            rows.append(row)
        elif key in _LOCAL:
            rows.append(replace(row, host="127.0.0.1"))
        else:
            families = [4] * ("IPv6Only" not in words) + [6] * ("IPv4Only" not in words and key == "orport")
            rows += [replace(row, host="::" if family == 6 else "0.0.0.0") for family in families]
    return rows


TOR = Daemon(
    name="tor",
    read=_read,
    habits=STRICT,
    programs=("tor",),
    files=("/etc/tor/torrc",),
    config_options=("-f",),
    source="measured 0.4.9; src/app/config/config.c port_parse_config",
    examples=tuple(
        Example(f"{each}\n")
        for each in ("", "SocksPort 0.0.0.0:9050", "SocksPort [::]:9050", "SocksPort 0\nORPort 9050")
    ),
    both=Example("SocksPort 127.0.0.1:9050\nSocksPort [::1]:9050"),
)
