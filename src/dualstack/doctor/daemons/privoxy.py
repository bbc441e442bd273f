"""Privoxy: `listen-address` (its user manual 7.4.1, jbsockets.c bind_port)."""

# dualstack: ignore-file - what stands here is what the daemon does

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.entries import entries
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import SYSCTL
from dualstack.doctor.listening import Listen, Names
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["PRIVOXY"]

_HABITS = replace(SYSCTL, names=Names.FIRST, freebind=True)


def _read(settings: Settings) -> Sequence[Listen]:
    words = settings.options("--pidfile", "--user", "--chroot").words
    settings.path = words[-1] if words else settings.path
    listed = [each for each in entries(settings.main(), separator=r"\s+", inline=True) if each.key == "listen-address"]
    if not listed:
        return [Listen("127.0.0.1", 8118, _HABITS)]
    rows = []
    for each in listed:
        host, port = host_port(each.value, 8118, each.place)
        rows.append(Listen(host or "0.0.0.0", port, _HABITS, place=each.place))
    return rows


PRIVOXY = Daemon(
    name="privoxy",
    read=_read,
    habits=_HABITS,
    programs=("privoxy",),
    files=("/etc/privoxy/config",),
    source="measured 3.0.34; jbsockets.c",
    examples=tuple(
        Example(f"listen-address {each}\n") for each in (":8118", "[::]:8118", "127.0.0.1:8118", "localhost:8118")
    ),
    both=Example("listen-address [::]:8118"),
)
