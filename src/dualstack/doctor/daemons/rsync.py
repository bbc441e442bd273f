"""rsync --daemon: `address`, `port`, `--address`, `-4`, `-6` (rsyncd.conf(5), socket.c open_socket_in)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import entries, last
from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Listen
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["RSYNC"]

_HABITS = replace(LENIENT)


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("--config", "--address", "--port", "-M", "--log-file")
    settings.path = options.last("--config") or settings.path
    found = [each for each in entries(settings.main(), comments="#;", has_sections=True) if not each.section]
    entry, port = last(found, "address"), last(found, "port")
    number = int(options.last("--port") or (port.value if port is not None else "873"))
    family = 4 if options.has("-4", "--ipv4") else 6 if options.has("-6", "--ipv6") else None
    host = options.last("--address") or ("" if entry is None else entry.value)
    place = COMMAND if options.has("--address") else None if entry is None else entry.place
    if host:
        return [Listen(host, number, _HABITS, place=place, family=family)]
    return [Listen(each, number, _HABITS) for each in ("::", "0.0.0.0") if family in {None, 6 if ":" in each else 4}]


RSYNC = Daemon(
    name="rsyncd",
    read=_read,
    habits=_HABITS,
    programs=("rsync --daemon", "rsync"),
    files=("/etc/rsyncd.conf",),
    config_options=("--config",),
    source="measured 3.2.3, 3.5.0; socket.c",
    examples=tuple(Example(f"{each}\n[x]\npath = /srv\n") for each in ("", "address = 0.0.0.0", "address = ::")),
    both=Example("[x]\npath = /srv"),
)
