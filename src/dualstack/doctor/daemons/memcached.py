"""memcached: `-l`, `-p`, `-U` of its command, or of Debian's file of options (memcached.c server_sockets)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND, Arguments, arguments
from dualstack.doctor.formats.host_port import host_port, port_number
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["MEMCACHED"]

_HABITS = replace(STRICT, no_family=Ends.SKIPPED)
_TAKES = (
    "-l",
    "--listen",
    "-p",
    "--port",
    "-U",
    "--udp-port",
    "-u",
    "--user",
    "-m",
    "-c",
    "-t",
    "-o",
    "-M",
    "-P",
    "-f",
    "-n",
)


def _read(settings: Settings) -> Sequence[Listen]:
    options = _options(settings)
    tcp = port_number(options.last("-p", "--port") or "11211", COMMAND)
    udp = port_number(options.last("-U", "--udp-port") or "0", COMMAND)
    listed = [each for text in options.all("-l", "--listen") for each in text.split(",") if each]
    rows: list[Listen] = []
    for proto, port in (("tcp", tcp), ("udp", udp)):
        if not port:
            continue
        if not listed:
            rows += [
                Listen(host, port, replace(_HABITS, none_left=Ends.SKIPPED), proto=proto) for host in ("::", "0.0.0.0")
            ]
        for text in listed:
            rows += _rows(text, port, proto)
    return rows


def _options(settings: Settings) -> Arguments:
    """Those of the command, or of Debian's /etc/memcached.conf, which has one option a line."""
    if settings.path and not settings.argv:
        lines = (line.split("#")[0].split() for _, line in settings.main().lines())
        return arguments(["memcached", *(word for words in lines for word in words)], _TAKES)
    return settings.options(*_TAKES)


def _rows(text: str, port: int, proto: str) -> list[Listen]:
    host, number = host_port(text, port, COMMAND)
    if host == "*":
        habits = replace(_HABITS, none_left=Ends.SKIPPED)
        return [Listen(each, number, habits, proto=proto, place=COMMAND) for each in ("::", "0.0.0.0")]
    return [Listen(host, number, _HABITS, proto=proto, place=COMMAND)]


MEMCACHED = Daemon(
    name="memcached",
    read=_read,
    habits=_HABITS,
    programs=("memcached",),
    files=("/etc/memcached.conf",),
    source="measured 1.6.9, 1.6.18, 1.6.38; memcached.c server_socket",
    examples=tuple(
        Example(command=f"memcached{each}")
        for each in ("", " -l 0.0.0.0", " -l ::", " -l 0.0.0.0,::", " -l localhost", " -l '*'")
    ),
    both=Example(command="memcached -l 0.0.0.0,::"),
)
