"""Words of the command line of which the shell can offer some at a Tab, since they are known when it asks.

Whoever presses Tab has not asked to be told of errors: where a gateway, a lab or a file does not answer, nothing is
offered. What is asked is asked then, so that help and verbs pay nothing for it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, cast

import click

from dualstack.errors import DualstackError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = [
    "CHECK",
    "CHECKS",
    "DAEMON",
    "DIRECTORY",
    "FAULT",
    "FILE",
    "FINDING",
    "INTERFACE",
    "LAB",
    "LAB_HOST",
    "PATH",
    "PORT",
    "SERVICE",
    "USER",
]

Given = Mapping[str, object]
"""What was given on the command line so far, by parameter."""

_ANSWER_S = 2.0


class Known(click.ParamType):  # type: ignore[type-arg,unused-ignore] # generic from click 8.2 on
    """Any text, of which some are known.

    Args:
        name: stands for it in help.
        names: those that are known: their names, or each with what it is.
    """

    def __init__(self, name: str, names: Callable[[Given], Mapping[str, str] | Iterable[str]]) -> None:
        self.name = name
        self._names = names

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> "list[CompletionItem]":
        """Those that begin with what is typed."""
        from click.shell_completion import CompletionItem

        try:
            known = self._names(ctx.params)
        except (DualstackError, OSError):  # see the head of this file
            return []
        told = known if isinstance(known, Mapping) else dict.fromkeys(known, "")
        return [CompletionItem(name, help=told[name] or None) for name in told if name.startswith(incomplete)]


class OnDisk(click.ParamType):  # type: ignore[type-arg,unused-ignore] # as above
    """A path, which the shell itself completes.

    Args:
        name: stands for it in help.
        kind: `file`, or `dir`.
    """

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self._kind = kind

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002 - as above
        incomplete: str,
    ) -> "list[CompletionItem]":
        """That the shell may do it."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type=self._kind)]


def _ports(given: Given) -> Mapping[str, str]:
    from dualstack.gateway.control.client import request
    from dualstack.gateway.control.places import control_path

    answer = request(control_path(cast("str | None", given.get("control"))), "list", within_s=_ANSWER_S)
    return {port["name"]: port["bind"] for port in cast("list[dict[str, str]]", answer["ports"])}


def _services(given: Given) -> Iterable[str]:
    from dualstack.gateway.config.toml import load

    path = cast("str | None", given.get("path"))
    return [service.name for service in load(path).services] if path else ()


def _labs(_given: Given) -> Iterable[str]:
    from dualstack.lab.standing import living

    return living()


def _lab_hosts(given: Given) -> Mapping[str, str]:
    from dualstack.lab.standing import named, request

    lab = request(named(cast("str | None", given.get("name"))), "list")
    return {host["name"]: host["kind"] for host in cast("list[dict[str, str]]", lab["hosts"])}


def _faults(_given: Given) -> Mapping[str, str]:
    from dualstack.lab.faults import FAULTS

    return {kind: row.sees for kind, row in FAULTS.items()}


def _daemons(_given: Given) -> Iterable[str]:
    from dualstack.doctor.registry import all_daemons

    return sorted(all_daemons())


def _findings(_given: Given) -> Mapping[str, str]:
    from dualstack.doctor.findings import KINDS

    return {code: kind.title for code, kind in KINDS.items()}


def _checks(_given: Given) -> Mapping[str, str]:
    from dualstack.check.findings.kinds import BY_CODE

    return {code: kind.name for code, kind in BY_CODE.items()}


def _interfaces(_given: Given) -> Iterable[str]:
    from socket import if_nameindex

    return [name for _, name in if_nameindex()]


def _users(_given: Given) -> Iterable[str]:
    try:
        from pwd import getpwall
    except ModuleNotFoundError:  # Windows has none
        return ()
    return [entry.pw_name for entry in getpwall()]


FILE, PATH, DIRECTORY = OnDisk("FILE", "file"), OnDisk("PATH", "file"), OnDisk("DIR", "dir")
PORT = Known("NAME", _ports)
"""A port of the running gateway."""
SERVICE = Known("NAME", _services)
"""A service of the gateway's file that is named."""
LAB = Known("NAME", _labs)
LAB_HOST = Known("HOST", _lab_hosts)
FAULT = Known("FAULT", _faults)
DAEMON = Known("DAEMON[@VERSION]", _daemons)
FINDING = Known("CODE", _findings)
"""One of the doctor's."""
CHECK, CHECKS = Known("CODE", _checks), Known("CODES", _checks)
"""One or some of the checker's."""
INTERFACE = Known("NAME", _interfaces)
USER = Known("NAME", _users)
