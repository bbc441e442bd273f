"""RabbitMQ and ejabberd, with Erlang's port mapper beside them (inet_drv.c leaves IPV6_V6ONLY alone)."""

# dualstack: ignore-file - what stands here is what the daemon does

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import Entry, entries
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import LENIENT, SYSCTL
from dualstack.doctor.listening import Ends, Habits, Listen, Names, NotUnderstood, Place
from dualstack.doctor.opening import open_all
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["EJABBERD", "RABBITMQ"]

_HABITS = replace(SYSCTL, names=Names.FIRST)
_MAPPER = [Listen(host, 4369, replace(LENIENT, none_left=Ends.SKIPPED), is_aside=True) for host in ("0.0.0.0", "::")]
_NODE = Listen("0.0.0.0", 25672, LENIENT, is_aside=True)


def _rabbitmq(settings: Settings) -> Sequence[Listen]:
    found = [each for each in entries(settings.main()) if re.match(r"listeners\.(tcp|ssl)\.", each.key)]
    rows = [_listener(each) for each in found if each.value != "none"]
    if not any(each.key.startswith("listeners.tcp") for each in found):
        rows.insert(0, Listen("::", 5672, replace(_HABITS, falls_back=True)))
    # A listener that fails ends the node while the port mapper stays.
    return [*_MAPPER, *([_NODE, *rows] if open_all(rows, settings.host).starts else [])]


def _listener(entry: Entry) -> Listen:
    host, port = host_port(entry.value, 5672, entry.place, last_colon=True)
    if not host:
        return Listen("::", port, replace(_HABITS, falls_back=True), place=entry.place)
    if literal(host) is None:
        raise NotUnderstood(f"a name in {entry.key}", entry.place)
    return Listen(host.strip("[]"), port, _HABITS, place=entry.place)


def _ejabberd(settings: Settings) -> Sequence[Listen]:
    rows = [_row(each) for each in _listeners(settings.main())]
    return [*_MAPPER, *rows]


def _row(values: dict[str, tuple[str, Place]]) -> Listen:
    """`ip` is 0.0.0.0 unless said; an address that is in use is logged, one without AF_INET6 is fatal."""
    if "port" not in values or not values["port"][0].isdigit():
        raise NotUnderstood("a listener whose port is no number", next(iter(values.values()), ("", None))[1])
    host, place = values.get("ip", ("0.0.0.0", values["port"][1]))
    proto = values.get("transport", ("tcp", place))[0]
    habits: Habits = replace(_HABITS, in_use=Ends.SKIPPED, none_left=Ends.SKIPPED)
    address = literal(host)
    if address is None:
        raise NotUnderstood(f"ip: {host}", values.get("ip", ("", place))[1])
    return Listen(host, int(values["port"][0]), habits, proto=proto, place=place)


def _listeners(document: Document) -> list[dict[str, tuple[str, Place]]]:
    """The items of the list `listen`, which stand deeper than their dashes."""
    found: list[dict[str, tuple[str, Place]]] = []
    is_inside, depth = False, -1
    for number, line in document.lines():
        text = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        if not text.strip():
            continue
        indent = len(text) - len(text.lstrip())
        if re.match(r"\S", text) and not text.startswith("-"):
            is_inside = text.startswith("listen:")
            continue
        if not is_inside:
            continue
        dash = re.match(r"\s*-\s*(.*)$", text)
        if dash is not None and (depth < 0 or indent <= depth):
            found.append({})
            depth, text = indent, dash[1]
        pair = re.match(r"\s*(\w+)\s*:\s*[\"']?([^\"']*)[\"']?$", text)
        if pair is not None and found and pair[1] not in found[-1]:
            found[-1][pair[1]] = (pair[2].strip(), Place(document.path, number))
    return found


RABBITMQ = Daemon(
    name="rabbitmq",
    read=_rabbitmq,
    habits=_HABITS,
    programs=("rabbitmq-server",),
    files=("/etc/rabbitmq/rabbitmq.conf",),
    source="measured 3.10.8; rabbit_networking.erl",
    examples=tuple(Example(f"listeners.tcp.1 = {each}\n") for each in ("0.0.0.0:5672", ":::5672", "127.0.0.1:5672")),
    both=Example("listeners.tcp.1 = :::5672"),
)
EJABBERD = Daemon(
    name="ejabberd",
    read=_ejabberd,
    habits=_HABITS,
    programs=("ejabberdctl", "ejabberd"),
    files=("/etc/ejabberd/ejabberd.yml",),
    source="measured 23.01; ejabberd_listener.erl",
    examples=tuple(
        Example(f"listen:\n  -\n    port: 5222\n{each}    module: ejabberd_c2s\n")
        for each in ("", '    ip: "::"\n', '    ip: "0.0.0.0"\n')
    ),
    both=Example('ip: "::"'),
)
