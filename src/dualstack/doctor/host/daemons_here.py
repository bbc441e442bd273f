"""The daemons of a host: those that run with their settings against their sockets, those that are only installed.

Reads files and command lines, runs nothing. A daemon is known by its program; where processes are not shown, by the
sockets that its settings foretell.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from dualstack.core.host.facts import Listener
from dualstack.doctor.assumed_host import AssumedHost
from dualstack.doctor.examine import Answer, Question, access_findings, examine
from dualstack.doctor.fixing import command_fix, fix
from dualstack.doctor.host.seen import Seen, seen
from dualstack.doctor.host.sockets_here import shown_listener
from dualstack.doctor.host.state import HostState, Program
from dualstack.doctor.installed import installed
from dualstack.doctor.judging import judge, shown_sockets
from dualstack.doctor.registry import daemon_of_command
from dualstack.doctor.report import Examined
from dualstack.doctor.settings import Daemon
from dualstack.doctor.tree import Tree

__all__ = ["DaemonHere", "daemons_here"]

# What nginx and sshd call themselves: `nginx: master process /usr/sbin/nginx`, `sshd: /usr/sbin/sshd -D [listener]`.
_TITLE = re.compile(r"[\w.-]+: (?:master process )?(/[^\[]*)")
_UNIT = {"bind": "named", "sshd": "ssh", "apache": "apache2"}

_Key = tuple[str, str, int, bool | None]


@dataclass(frozen=True, slots=True)
class DaemonHere:
    """A daemon: what its settings say, the sockets that it has, and what is found of both."""

    examined: Examined
    listeners: tuple[Listener, ...]
    findings: tuple[Seen, ...]

    @property
    def is_running(self) -> bool:
        """Whether it listens here."""
        return bool(self.listeners)


def daemons_here(state: HostState, host: AssumedHost, tree: Tree) -> list[DaemonHere]:
    """Every daemon that runs or is installed.

    Args:
        state: the host.
        host: the same, for settings to be imagined on.
        tree: where the files are.
    """
    found: list[DaemonHere] = []
    running: set[str] = set()
    for daemon, program, listeners in _running(state):
        question = Question(daemon, tree, host, argv=_argv(daemon, program))
        found.append(_judged(examine(question), listeners, program))
        running.add(daemon.name)
    hidden = [each for each in state.listeners or () if each.pid is None]
    for daemon, path in installed(tree):
        if daemon.name in running:
            continue
        answer = examine(Question(daemon, tree, host, path))
        mine = tuple(each for each in hidden if _key(each)[:3] in _foretold(answer))
        found.append(_judged(answer, mine, None) if mine else _idle(answer))
    return found


def _running(state: HostState) -> Iterator[tuple[Daemon, Program, tuple[Listener, ...]]]:
    by_pid: dict[int, list[Listener]] = {}
    for each in state.listeners or ():
        if each.pid is not None:
            by_pid.setdefault(each.pid, []).append(each)
    for pid, listeners in by_pid.items():
        program = state.programs.get(pid)
        daemon = None if program is None else daemon_of_command(_words(program))
        if daemon is not None and program is not None:
            yield daemon, program, tuple(listeners)


def _words(program: Program) -> tuple[str, ...]:
    """The command line, out of a title that a process gave itself where it has one."""
    title = _TITLE.match(program.argv[0]) if program.argv else None
    return tuple(title[1].split()) if title is not None else program.argv


def _argv(daemon: Daemon, program: Program) -> tuple[str, ...]:
    """The command line with the main file as a whole path: it may be relative to where the daemon was started."""
    words = list(_words(program))
    for index, word in enumerate(words[:-1]):
        if word in daemon.config_options and not words[index + 1].startswith("/"):
            words[index + 1] = str(PurePosixPath(_directory(program.pid), words[index + 1]))
    return tuple(words)


def _directory(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115 - it is no path of ours
    except OSError:
        return "/"


def _judged(answer: Answer, listeners: tuple[Listener, ...], program: Program | None) -> DaemonHere:
    edit = fix(answer)
    name = answer.question.daemon.name
    findings = [
        Seen(
            each if edit is None or not each.remedy else replace(each, remedy=_short(name, edit)),
            6 if each.kind.code in {"DS102", "DS104"} else 0,
        )
        for each in judge(answer, edit, None if edit is not None else command_fix(answer))
        if each.kind.code != "DS108"
    ]
    lists = map(Seen, access_findings(answer.question))
    return DaemonHere(Examined(answer, edit), listeners, (*findings, *_differing(answer, listeners, program), *lists))


def _short(name: str, edit: str) -> str:
    """A diff as its changed lines alone, and how it takes effect."""
    lines = edit.split("\n")
    changed = [line for line in lines if line[:1] in {"-", "+"} and not line.startswith(("---", "+++"))]
    file = next((line[5:] for line in lines if line.startswith("+++ b")), "")
    return "\n".join([f"in {file}:", *changed, f"then: systemctl restart {_UNIT.get(name, name)}"])


def _differing(answer: Answer, listeners: tuple[Listener, ...], program: Program | None) -> Iterator[Seen]:
    """Sockets that its settings do not foretell, and those that they foretell in vain."""
    if answer.opened is None or not answer.opened.starts or program is None:
        return
    foretold = {_socket_key(each.proto, str(each.address), each.port, each.v6only) for each in answer.opened.sockets}
    there = {_key(each): each for each in listeners if each.proto == "tcp" or _key(each) in foretold}
    extra = [each for key, each in there.items() if key not in foretold]
    lacking = [
        each
        for each in answer.opened.sockets
        if each.proto == "tcp" and _socket_key(each.proto, str(each.address), each.port, each.v6only) not in there
    ]
    if not extra and not lacking:
        return
    changed = [path for path in answer.files if _changed_s(path) > program.started_s]
    said = f"settings: {shown_sockets(answer.opened) or 'none'}; open: {', '.join(map(shown_listener, listeners))}"
    name = answer.question.daemon.name
    if changed:
        remedy = f"systemctl restart {_UNIT.get(name, name)}"
        yield seen("DS150", name, f"{changed[0]} was changed after it was started; {said}", remedy=remedy)
    else:
        yield seen("DS163", name, said)


def _changed_s(path: str) -> float:
    try:
        return os.stat(path).st_mtime  # noqa: PTH116 - it is no path of ours
    except OSError:
        return 0.0


def _idle(answer: Answer) -> DaemonHere:
    """One that does not run: nothing of it is wrong yet."""
    name, reached = answer.question.daemon.name, answer.reach
    findings: Sequence[Seen] = ()
    if answer.opened is not None and not answer.opened.starts:
        findings = (seen("DS156", name, f"it would not start: {answer.why}", place=answer.place),)
    elif answer.opened is not None and answer.opened.sockets and "no" in reached.values():
        place = next((each.place for each in answer.opened.sockets), None)
        findings = (seen("DS156", name, shown_sockets(answer.opened), place=place),)
    return DaemonHere(Examined(answer, None), (), tuple(findings))


def _foretold(answer: Answer) -> set[tuple[str, str, int]]:
    sockets = answer.opened.sockets if answer.opened is not None else ()
    return {_socket_key(each.proto, str(each.address), each.port, each.v6only)[:3] for each in sockets}


def _key(listener: Listener) -> _Key:
    return _socket_key(
        listener.proto, str(listener.address), listener.port, None if listener.family == 4 else listener.v6only
    )


def _socket_key(proto: str, address: str, port: int, v6only: bool | None) -> _Key:  # noqa: FBT001
    return proto, address.partition("%")[0], port, v6only
