"""Varnish: `-a` of varnishd (varnishd(1), bin/varnishd/mgt/mgt_acceptor.c)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["VARNISH"]

_WILD = replace(STRICT, no_family=Ends.SKIPPED, none_left=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options(
        "-a", "-b", "-f", "-s", "-n", "-T", "-p", "-t", "-l", "-S", "-i", "-P", "-h", "-j", "-I", "-M"
    )
    rows: list[Listen] = []
    for text in options.all("-a") or [":80"]:
        named = [part for part in text.split(",") if "=" not in part or part.partition("=")[0].startswith("[")]
        endpoint = next((part.partition("=")[2] if "=" in part else part for part in named), "")
        if "=" in text.split(",")[0]:
            endpoint = text.split(",")[0].partition("=")[2]
        if endpoint.startswith(("/", "@")):
            continue
        host, port = host_port(endpoint, 80, COMMAND)
        rows += (
            [Listen(host, port, STRICT, place=COMMAND)]
            if host not in {"", "*"}
            else [Listen(each, port, _WILD, place=COMMAND) for each in ("0.0.0.0", "::")]
        )
    return rows


VARNISH = Daemon(
    name="varnish",
    read=_read,
    habits=STRICT,
    programs=("varnishd",),
    files=("/etc/varnish/default.vcl",),
    source="measured 7.1, 7.7; mgt_acceptor.c, lib/libvarnish/vtcp.c VTCP_bind",
    examples=tuple(Example(command=f"varnishd{each}") for each in (" -a :6081", " -a 0.0.0.0:6081", " -a [::]:6081")),
    both=Example(command="varnishd -a :6081"),
)
