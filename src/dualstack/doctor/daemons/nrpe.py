"""Nagios' NRPE: `server_address`, `server_port`, `-4`, `-6` (nrpe.cfg, src/nrpe.c)."""

# dualstack: ignore-file - what stands here is what the daemon does

from collections.abc import Iterator, Sequence

from dualstack.doctor.access.access_list import AccessList, listed
from dualstack.doctor.formats.entries import entries, last
from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Listen
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["NRPE"]


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-c")
    settings.path = options.last("-c") or settings.path
    found = list(entries(settings.main()))
    port, host = last(found, "server_port"), last(found, "server_address")
    family = 4 if options.has("-4") else 6 if options.has("-6") else None
    number = int(port.value) if port is not None else 5666
    if host is not None:
        return [Listen(host.value, number, LENIENT, place=host.place, family=family)]
    return [Listen(each, number, LENIENT) for each in ("0.0.0.0", "::") if family in {None, 6 if ":" in each else 4}]


def _access(settings: Settings) -> Iterator[AccessList]:
    """`allowed_hosts`; everybody without."""
    entry = last(entries(settings.main()), "allowed_hosts")
    if entry is not None:
        yield from listed("nrpe allowed_hosts", ((True, word.strip(), entry.place) for word in entry.value.split(",")))


NRPE = Daemon(
    name="nrpe",
    read=_read,
    habits=LENIENT,
    programs=("nrpe",),
    files=("/etc/nagios/nrpe.cfg", "/etc/nrpe.cfg"),
    config_options=("-c",),
    source="measured 4.1; src/nrpe.c create_listener",
    examples=tuple(
        Example(f"server_port=5666\n{each}\n") for each in ("", "server_address=0.0.0.0", "server_address=::")
    ),
    both=Example("server_port=5666"),
    access=_access,
)
