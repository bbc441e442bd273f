"""Domino's console commands for ports, spoken to a running gateway (D3).

    stop port NAME      start port NAME      restart port NAME      show port NAME      show allports

Words do not mind case; `sh` is `show`, the one abbreviation that Domino's documents use. An answer has Domino's form,
a line with date and time for the port and one for each server on it, and says what is so: where Domino would have
shut the servers' other ports for a moment, nothing was done to them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from dualstack.core.suggestion import those_known
from dualstack.errors import ControlError, ExitCode
from dualstack.gateway.control.client import RefusedError, request

__all__ = ["COMMANDS", "Answer", "CommandError", "answer"]

COMMANDS = {
    "Stop Port NAME": "the port's sockets refuse clients; its connections go on, and no other port notices",
    "Start Port NAME": "they listen again",
    "Restart Port NAME": "both, one after the other",
    "Show Port NAME": "what it does, and its sockets",
    "Show Allports": "the same of every port",
}
_VERBS = {"stop": "stop", "start": "start", "restart": "restart", "show": "show", "sh": "show"}


class CommandError(ControlError):
    """A line that is no command of this console, or lacks the port's name."""

    def __init__(self, message: str, *, lacks_name: bool = False) -> None:
        super().__init__(message)
        self.lacks_name = lacks_name

    @property
    def exit_code(self) -> ExitCode:  # type: ignore[override]
        """2 where the name is missing, 78 where it is no command."""
        return ExitCode.USAGE if self.lacks_name else ExitCode.WRONG_VALUE


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command got: a document for scripts, lines for people."""

    document: dict[str, object]
    lines: tuple[str, ...]


def answer(path: str, line: str, now: datetime) -> Answer:
    """Do what `line` says with the gateway whose control socket is at `path`; `now` is the time in the lines.

    Raises:
        ControlError: it is no command, no gateway is there, or it says no.
    """
    verb, name = _understood(line)
    if verb != "show":
        done = request(path, verb, name)
        ports = _ports(path)
        lines = [f"{_stamp(now)}  {text}" for text in _told(_port_named(ports, name), ports, done.get("cut"))]
        return Answer(done, tuple(lines))
    ports = _ports(path)
    if not name:
        return Answer({"ports": ports}, tuple(line for port in ports for line in _shown(port)))
    port = _port_named(ports, name)
    return Answer({"port": port}, tuple(_shown(port)))


def _understood(line: str) -> tuple[str, str]:
    """The verb, and the port's name; no name is every port."""
    verb, what, name = (*line.split(maxsplit=2), "", "", "")[:3]
    known = _VERBS.get(verb.casefold())
    if known == "show" and what.casefold() == "allports" and not name:
        return known, ""
    if known is None or what.casefold() != "port":
        raise CommandError(f"no command {line.strip()!r} here; there are: {', '.join(COMMANDS)}")
    bare = name.strip().strip('"')
    if not bare:
        raise CommandError(f"{known} port needs the name of a port; `show allports` has them", lacks_name=True)
    return known, bare


def _stamp(now: datetime) -> str:
    return now.strftime("%m/%d/%Y %I:%M:%S %p")


Port = dict[str, object]


def _ports(path: str) -> list[Port]:
    ports = request(path, "list")["ports"]
    return [port for port in ports if isinstance(port, dict)] if isinstance(ports, list) else []


def _port_named(ports: list[Port], name: str) -> Port:
    for port in ports:
        if str(port["name"]).casefold() == name.casefold():
            return port
    known = those_known(name, [str(port["name"]) for port in ports])
    raise RefusedError(f"no port {name!r}; there are: {known}", unknown=True)


def _told(port: Port, ports: list[Port], cut: object) -> Iterator[str]:
    """The port, then each of its servers with the ports where it listens now."""
    ended = f", {cut} ended" if cut else ""
    going = "connections" if port["state"] == "listening" else "connections go on"
    yield f"Port {port['name']}: {port['state']}, {port['connections']} {going}{ended}"
    for service in _services(port):
        where = [str(p["name"]) for p in ports if p["state"] == "listening" and service in _services(p)]
        yield f"{service.upper()} Server: " + (f"Listening on {', '.join(where)}" if where else "Listening on no port")


def _shown(port: Port) -> Iterator[str]:
    yield f"Port {port['name']}: {port['state']}, bound to {port['bind']}, {port['connections']} connections"
    if port.get("error"):
        yield f"  {port['error']}"
    sockets = port["sockets"]
    for sock in sockets if isinstance(sockets, list) else ():
        host = f"[{sock['address']}]" if sock["family"] == 6 else sock["address"]
        yield f"  {str(sock['service']).upper()} Server: {host}:{sock['port']}"


def _services(port: Port) -> list[str]:
    services = port["services"]
    return [str(service) for service in services] if isinstance(services, list) else []
