"""NTPsec's and NTP's ntpd: `interface`, `-I`, `-4`, `-6` (ntp.conf(5), ntpd/ntp_io.c)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import entries
from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Ends, Listen, NotUnderstood
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["NTPSEC"]

# The wildcards are held so that nobody else has them, and what comes to them is dropped; each address serves.
_HABITS = replace(LENIENT, nothing=Ends.SKIPPED, shares="reuseaddr")


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-c", "-I", "--interface", "-l", "-p", "-u", "-g", "-f", "-k", "-s", "-t")
    settings.path = options.last("-c") or settings.path
    found = [each for each in entries(settings.main(), separator=r"\s+") if each.key in {"interface", "nic"}]
    if found or options.has("-I", "--interface"):
        raise NotUnderstood("interface rules", found[0].place if found else COMMAND)
    family = 4 if options.has("-4") else 6 if options.has("-6") else None
    family = 4 if family == 6 and not settings.host.has_socket else family
    hosts = ["0.0.0.0", "::", *map(str, settings.host.addresses())]
    return [
        Listen(host, 123, _HABITS, proto="udp")
        for host in hosts
        if family is None or (literal(host) is not None and (":" in host) == (family == 6))
    ]


NTPSEC = Daemon(
    name="ntpsec",
    read=_read,
    habits=_HABITS,
    programs=("ntpd",),
    files=("/etc/ntpsec/ntp.conf", "/etc/ntp.conf"),
    config_options=("-c",),
    source="measured 1.2.2; ntpd/ntp_io.c",
    both=Example("restrict default nomodify nopeer noquery limited"),
)
