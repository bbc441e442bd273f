"""bip: `ip` and `port` of bip.conf (bip.conf(5), src/connection.c listen_new)."""

# dualstack: ignore-file - what stands here is what the daemon does

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.blocks import statements
from dualstack.doctor.habits import DUAL
from dualstack.doctor.listening import Listen, Names
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["BIP"]

_HABITS = replace(DUAL, names=Names.FIRST)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-f", "-s").last("-f") or settings.path
    values = {}
    for each in statements(settings.main()):
        key, equals, value = " ".join(each.words).partition("=")
        if equals and each.block is None:
            values[key.strip()] = (value.strip(), each.place)
    host, place = values.get("ip", ("0.0.0.0", None))
    port = values.get("port", ("7778", None))[0]
    return [Listen("0.0.0.0" if host in {"", "*"} else host, int(port), _HABITS, place=place)]


BIP = Daemon(
    name="bip",
    read=_read,
    habits=_HABITS,
    programs=("bip",),
    files=("/etc/bip.conf",),
    config_options=("-f",),
    source="measured 0.9.3; src/connection.c",
    examples=tuple(Example(f"{each}\n") for each in ("port = 7778;", 'ip = "0.0.0.0";', 'ip = "::";', 'ip = "*";')),
    both=Example('ip = "::";'),
)
