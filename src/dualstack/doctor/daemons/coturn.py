"""coturn's turnserver: `listening-ip`, `listening-port` (turnserver(1), src/apps/relay/mainrelay.c)."""

# dualstack: ignore-file - what stands here is what the daemon does

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.habits import DUAL
from dualstack.doctor.listening import Ends, Listen, Names, Place
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["COTURN"]

_HABITS = replace(
    DUAL,
    names=Names.FIRST,
    no_family=Ends.SKIPPED,
    no_address=Ends.SKIPPED,
    in_use=Ends.SKIPPED,
    none_left=Ends.SKIPPED,
    nothing=Ends.SKIPPED,
)


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-c", "-L", "-p", "--listening-ip", "--listening-port")
    settings.path = options.last("-c") or settings.path
    found = list(entries(settings.main(), inline=True))
    found += [Entry("listening-ip", value, COMMAND) for value in options.all("-L", "--listening-ip")]
    entry = last(found, "listening-port")
    port = int(options.last("-p", "--listening-port") or (entry.value if entry is not None else "3478"))
    hosts: list[tuple[str, Place | None]] = [(each.value, each.place) for each in found if each.key == "listening-ip"]
    listed: list[tuple[str, Place | None]] = hosts or [(str(address), None) for address in settings.host.addresses()]
    off = {proto for proto in ("udp", "tcp") if last(found, f"no-{proto}") is not None}
    rows: list[Listen] = []
    for host, place in listed:
        # The next port is for RFC 5780, which wants an address of its own and so has none on a wildcard.
        address = literal(host)
        ports = [port] if address is not None and address.is_unspecified else [port, port + 1]
        rows += [
            Listen(host, number, _HABITS, proto=proto, place=place, is_aside=number != port)
            for number in ports
            for proto in ("udp", "tcp")
            if proto not in off
        ]
    return rows


COTURN = Daemon(
    name="coturn",
    read=_read,
    habits=_HABITS,
    programs=("turnserver",),
    files=("/etc/turnserver.conf",),
    config_options=("-c",),
    source="measured 4.6.1; mainrelay.c, netengine.c",
    examples=tuple(Example(f"{each}\n") for each in ("listening-ip=0.0.0.0", "listening-ip=::")),
    both=Example("listening-ip=::"),
)
