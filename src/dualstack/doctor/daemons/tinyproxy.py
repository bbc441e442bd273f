"""tinyproxy: `Port` and `Listen` (tinyproxy.conf(5), src/sock.c listen_sock)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dualstack.doctor.access.access_list import AccessList, listed
from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import entries, last
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["TINYPROXY"]

_WILD = replace(STRICT, no_family=Ends.SKIPPED, no_address=Ends.SKIPPED, none_left=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-c").last("-c") or settings.path
    found = list(entries(settings.main(), separator=r"\s+"))
    port = last(found, "Port")
    if port is None:
        raise Refused("You MUST set a Port in the config file.")
    number = int(port.value)
    listed = [each for each in found if each.key.casefold() == "listen"]
    if not listed:
        return [Listen(host, number, _WILD, place=port.place) for host in ("::", "0.0.0.0")]
    for each in listed:
        if literal(each.value) is None or each.value.startswith("["):
            raise Refused(f"Syntax error on line {each.place.line}: Listen takes an address", each.place)
    return [Listen(each.value, number, STRICT, place=each.place) for each in listed]


_RULES = ("allow", "deny")


def _access(settings: Settings) -> Iterator[AccessList]:
    """`Allow` and `Deny`, the first that fits; with any of them, whom none names is refused (tinyproxy.conf(5))."""
    found = entries(settings.main(), separator=r"\s+")
    rules = [(each.key.casefold(), each) for each in found]
    yield from listed("tinyproxy", ((key == "allow", each.value, each.place) for key, each in rules if key in _RULES))


TINYPROXY = Daemon(
    name="tinyproxy",
    read=_read,
    habits=STRICT,
    programs=("tinyproxy",),
    files=("/etc/tinyproxy/tinyproxy.conf", "/etc/tinyproxy.conf"),
    config_options=("-c",),
    source="measured 1.10, 1.11; src/conf.c, src/sock.c",
    examples=tuple(
        Example(f"Port 8888\n{each}") for each in ("", "Listen 0.0.0.0\n", "Listen ::\n", "Listen 0.0.0.0\nListen ::\n")
    ),
    both=Example("Port 8888"),
    access=_access,
)
