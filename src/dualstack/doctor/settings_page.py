"""The reference page of daemons, written from their tables: each setting, its sockets, who reaches it, and the edit."""

from dataclasses import replace

from dualstack.doctor.assumed_host import AssumedHost, Ipv6, assumed_host
from dualstack.doctor.examine import Answer, Question, examine
from dualstack.doctor.formats.command_line import split_command
from dualstack.doctor.judging import shown_sockets
from dualstack.doctor.registry import all_daemons
from dualstack.doctor.settings import Daemon, Example
from dualstack.doctor.tree import Tree

__all__ = ["settings_page"]

_HOST = assumed_host(["addresses=192.0.2.1%eth0,2001:db8::1%eth0"])
_HOSTS: tuple[tuple[str, AssumedHost], ...] = (
    ("bindv6only=1", replace(_HOST, bindv6only=True)),
    ("IPv6 off", replace(_HOST, ipv6=Ipv6.OFF)),
    ("no AF_INET6", replace(_HOST, ipv6=Ipv6.ABSENT)),
)
_HEAD = """# What daemons listen on

Written from the tables that `dualstack doctor` reads settings by: `dualstack doctor --list daemons`. Each row is a
setting of the newest version that is known; the sockets are those of a Linux host with an address of each family and
`net.ipv6.bindv6only=0`, and the last column says where another host differs: with `bindv6only=1`, where IPv6 is off
(`disable_ipv6=1`, as in many containers), and where there is no AF_INET6 (`ipv6.disable=1`). Under each daemon
stand the files that it is looked for in, where what is said of it is from, and the setting that serves both families.
"""


def settings_page() -> str:
    """The whole page, as Markdown."""
    return "\n".join([_HEAD, *(_section(each) for each in all_daemons().values())])


def _section(daemon: Daemon) -> str:
    files = ", ".join(f"`{each}`" for each in daemon.files) or "its command line"
    lines = [f"## {daemon.name}", "", f"Settings: {files}. Known from: {daemon.source}.", ""]
    if daemon.examples:
        lines += ["| setting | sockets | IPv4 | IPv6 | elsewhere |", "|---|---|---|---|---|"]
        lines += [_row(daemon, each) for each in daemon.examples]
        lines.append("")
    if daemon.both is not None:
        lines += [f"Both families: {_code(daemon.both)}", ""]
    return "\n".join(lines)


def _row(daemon: Daemon, example: Example) -> str:
    answer = _answer(daemon, example, _HOST)
    shown = _shown(answer)
    elsewhere = [(words, _shown(_answer(daemon, example, host))) for words, host in _HOSTS]
    differs = "; ".join(f"{words}: {said}" for words, said in elsewhere if said != shown)
    return f"| {_code(example)} | {shown} | {answer.reach['ipv4']} | {answer.reach['ipv6']} | {differs} |"


def _answer(daemon: Daemon, example: Example, host: AssumedHost) -> Answer:
    path = daemon.files[0] if daemon.files else "/srv/program"
    environ, argv = split_command(example.command)
    tree = Tree("/nonexistent", {path: example.text} if example.text else {})
    return examine(Question(daemon, tree, host, path if example.text else "", "", argv, environ))


def _shown(answer: Answer) -> str:
    if answer.opened is None:
        return "unknown"
    if not answer.opened.starts:
        return "does not start"
    return shown_sockets(answer.opened) or "none"


def _code(example: Example) -> str:
    text = example.command or " ".join(example.text.split()) or "(nothing)"
    return f"`{text.replace('|', '/')}`"
