"""vsftpd: `listen`, `listen_ipv6`, `listen_address`, `listen_address6`, `listen_port` (vsftpd.conf(5))."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import entries, last
from dualstack.doctor.habits import SYSCTL
from dualstack.doctor.listening import Listen, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["VSFTPD"]

_HABITS = replace(SYSCTL)
_TRUE = ("YES", "TRUE", "1")


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-o")
    settings.path = options.words[0] if options.words else settings.path
    found = list(entries(settings.main(), separator="="))
    four, six = ({key: last(found, key) for key in ("listen", "listen_ipv6")}).values()
    is_four = four is not None and four.value.upper() in _TRUE
    is_six = six is not None and six.value.upper() in _TRUE
    if is_four and is_six:
        raise Refused("run two copies of vsftpd for IPv4 and IPv6", None if six is None else six.place)
    if not is_four and not is_six:
        raise Refused("vsftpd: not configured for standalone, must be started from inetd", None)
    port = last(found, "listen_port")
    key = "listen_address6" if is_six else "listen_address"
    entry = last(found, key)
    host = ("::" if is_six else "0.0.0.0") if entry is None else entry.value
    address = literal(host)
    if address is None or address.version != (6 if is_six else 4) or host.startswith("["):
        raise Refused(f"bad {key}: {host}", None if entry is None else entry.place)
    place = entry.place if entry is not None else (six if is_six else four).place  # type: ignore[union-attr]
    return [Listen(host, int(port.value) if port is not None else 21, _HABITS, place=place)]


VSFTPD = Daemon(
    name="vsftpd",
    read=_read,
    habits=_HABITS,
    programs=("vsftpd",),
    files=("/etc/vsftpd.conf", "/etc/vsftpd/vsftpd.conf"),
    source="measured 3.0.3, 3.0.5; standalone.c, sysutil.c",
    examples=tuple(
        Example(f"{each}\n")
        for each in ("listen=YES", "listen=NO\nlisten_ipv6=YES", "listen=YES\nlisten_ipv6=YES", "listen=NO")
    ),
    both=Example("listen=NO\nlisten_ipv6=YES"),
)
