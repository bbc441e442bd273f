"""Puma: `-b tcp://HOST:PORT`, `-p` (its README, lib/puma/binder.rb; Ruby's TCPServer)."""

# dualstack: ignore-file - what stands here is what the daemon does

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.habits import SYSCTL
from dualstack.doctor.listening import Ends, Listen, Names, NotUnderstood
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["PUMA"]

_HABITS = replace(SYSCTL, names=Names.FIRST)


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-b", "--bind", "-p", "--port", "-t", "-w", "-e", "-C", "--config", "-S", "--dir")
    if options.has("-C", "--config"):
        raise NotUnderstood("a configuration of puma, which is a program", COMMAND)
    said = options.all("-b", "--bind")
    if not said:
        port = int(options.last("-p", "--port") or settings.environ.get("PORT", "9292"))
        return [Listen("0.0.0.0", port, _HABITS, place=COMMAND if options.has("-p", "--port") else None)]
    return [row for text in said for row in _rows(text, settings)]


def _rows(text: str, settings: Settings) -> list[Listen]:
    """`localhost` is each loopback address that the host has (Binder#loopback_addresses)."""
    url = urlsplit(text)
    if url.scheme not in {"tcp", "ssl"}:
        return []
    host, port = url.hostname or "0.0.0.0", url.port or 0
    if host != "localhost":
        return [Listen(host, port, _HABITS, place=COMMAND)]
    habits = replace(_HABITS, no_address=Ends.SKIPPED, none_left=Ends.SKIPPED)
    loopbacks = ("127.0.0.1", "::1") if settings.host.has_ipv6 else ("127.0.0.1",)
    return [Listen(each, port, habits, place=COMMAND) for each in loopbacks]


PUMA = Daemon(
    name="puma",
    read=_read,
    habits=_HABITS,
    programs=("puma",),
    source="measured 5.6, 6.6; lib/puma/binder.rb",
    examples=tuple(Example(command=f"puma -b tcp://{each}:9292") for each in ("0.0.0.0", "[::]", "localhost")),
    both=Example(command="puma -b tcp://[::]:9292"),
)
