"""Icecast: the `listen-socket`s of icecast.xml (its documentation, src/net/sock.c)."""

# dualstack: ignore-file - what stands here is what the daemon does

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.xml_elements import Element, elements
from dualstack.doctor.habits import DUAL
from dualstack.doctor.listening import Ends, Listen, Names, Place
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["ICECAST"]

_HABITS = replace(
    DUAL, names=Names.FIRST, addrconfig=True, no_address=Ends.SKIPPED, in_use=Ends.SKIPPED, none_left=Ends.SKIPPED
)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-c").last("-c") or settings.path
    found = elements(settings.main())
    default = next((each for each in found if each.parents == ("icecast",) and each.name == "port"), None)
    host = next((each for each in found if each.parents == ("icecast",) and each.name == "bind-address"), None)
    rows = [_row(each, settings) for each in found if each.name == "listen-socket"]
    if rows:
        # Measured: beside `::`, which serves both, `0.0.0.0` is the one that finds its port taken, in either order.
        return sorted(rows, key=lambda row: row.host == "0.0.0.0")
    port = int(default.text) if default is not None else 8000
    return [
        _listen("" if host is None else host.text.strip(), port, None if default is None else default.place, settings)
    ]


def _row(element: Element, settings: Settings) -> Listen:
    port, host = element.child("port"), element.child("bind-address")
    number = int(port.text) if port is not None else 8000
    return _listen("" if host is None else host.text.strip(), number, element.place, settings)


def _listen(host: str, port: int, place: Place | None, settings: Settings) -> Listen:
    """Without an address `0.0.0.0`; its lookup has AI_ADDRCONFIG, which knows no `::` where there is no IPv6."""
    habits = _HABITS
    if ":" in host and not settings.host.has_ipv6:
        habits = replace(habits, no_family=Ends.FATAL, nothing=Ends.FATAL)
        return Listen(host, port, habits, place=place, wanted=lambda _: False)
    return Listen(host or "0.0.0.0", port, habits, place=place)


ICECAST = Daemon(
    name="icecast2",
    read=_read,
    habits=_HABITS,
    programs=("icecast2", "icecast"),
    files=("/etc/icecast2/icecast.xml", "/etc/icecast.xml"),
    config_options=("-c",),
    source="measured 2.4.4; src/connection.c, src/net/sock.c",
    examples=tuple(
        Example(f"<icecast><listen-socket><port>8000</port>{each}</listen-socket></icecast>\n")
        for each in ("", "<bind-address>0.0.0.0</bind-address>", "<bind-address>::</bind-address>")
    ),
    both=Example("<bind-address>::</bind-address>"),
)
