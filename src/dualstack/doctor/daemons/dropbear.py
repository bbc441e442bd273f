"""Dropbear: `-p [ADDRESS:]PORT` (dropbear(8), src/netio.c dropbear_listen)."""

from collections.abc import Sequence

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Listen
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["DROPBEAR"]


def _read(settings: Settings) -> Sequence[Listen]:
    said = settings.options("-p", "-r", "-d", "-b", "-P", "-I", "-K", "-W", "-T", "-c", "-l").all("-p")
    rows: list[Listen] = []
    for text in said or ["22"]:
        host, port = host_port(text, 22, COMMAND)
        place = COMMAND if said else None
        rows += [Listen(each, port, LENIENT, place=place) for each in ([host] if host else ["0.0.0.0", "::"])]
    return rows


DROPBEAR = Daemon(
    name="dropbear",
    read=_read,
    habits=LENIENT,
    programs=("dropbear",),
    source="measured 2022.83; netio.c",
    examples=tuple(Example(command=f"dropbear -p {each}") for each in ("22", "0.0.0.0:22", "[::]:22", "localhost:22")),
    both=Example(command="dropbear -p 22"),
)
