"""uWSGI: `http-socket`, `http`, `socket`, by its command line (its documentation, core/socket.c bind_to_tcp)."""

# dualstack: ignore-file - what stands here is what the daemon does

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import SYSCTL
from dualstack.doctor.listening import Listen, Names, NotUnderstood
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["UWSGI"]

_HABITS = replace(SYSCTL, names=Names.IPV4)
_OPTIONS = ("--http-socket", "--socket", "-s", "--uwsgi-socket", "--fastcgi-socket", "--scgi-socket", "--https-socket")
_FILES = ("--ini", "--yaml", "--yml", "--xml", "--json", "--http", "--https")


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options(
        *_OPTIONS, *_FILES, "--wsgi-file", "--module", "-w", "--processes", "-p", "--plugin", "--chdir"
    )
    if options.has(*_FILES) or any(word.endswith((".ini", ".yaml", ".xml")) for word in options.words):
        raise NotUnderstood("a file of settings, or the http router, of uWSGI", COMMAND)
    rows = []
    for text in options.all(*_OPTIONS):
        if ":" not in text:
            continue
        host, port = host_port(text, 0, COMMAND)
        rows.append(Listen(host or "0.0.0.0", port, _HABITS, place=COMMAND))
    return rows


UWSGI = Daemon(
    name="uwsgi",
    read=_read,
    habits=_HABITS,
    programs=("uwsgi", "uwsgi-core"),
    source="measured 2.0.21; core/socket.c",
    examples=tuple(Example(command=f"uwsgi --http-socket {each}") for each in (":8000", "0.0.0.0:8000", "[::]:8000")),
    both=Example(command="uwsgi --http-socket [::]:8000"),
)
