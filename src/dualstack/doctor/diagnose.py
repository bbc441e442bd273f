"""From what the command was told to a report: which daemons are meant, each examined, judged and mended."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dualstack.doctor.access.host_files import access_files, findings_in, is_access_file
from dualstack.doctor.assumed_host import AssumedHost, literal
from dualstack.doctor.examine import Answer, Question, access_findings, examine
from dualstack.doctor.findings import KINDS, Finding
from dualstack.doctor.fixing import command_fix, fix
from dualstack.doctor.formats.command_line import COMMAND, split_command
from dualstack.doctor.formats.dockerfile import image, is_dockerfile
from dualstack.doctor.installed import installed
from dualstack.doctor.judging import judge
from dualstack.doctor.listening import NotUnderstood, Place
from dualstack.doctor.registry import daemon_named, daemon_of_command, daemons_of_file
from dualstack.doctor.report import Examined, Report
from dualstack.doctor.tree import Document, Tree, Trouble
from dualstack.errors import ConfigError
from dualstack.net.extras import need

if TYPE_CHECKING:
    from dualstack.core.address.address import Address

__all__ = ["Asked", "diagnose"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was told.

    Args:
        files: the daemons' main files.
        root: the directory that stands for `/`; empty for this host's.
        named: `DAEMON[@VERSION]`, or empty.
        command: a command line, or empty.
        host: the host that is assumed.
    """

    files: Sequence[str]
    root: str
    named: str
    command: str
    host: AssumedHost


def diagnose(asked: Asked) -> Report:
    """The report about what was asked.

    Raises:
        ConfigError: no daemon is called so, or the command is no command line.
    """
    tree = Tree(asked.root or "/")
    host = _with_hosts(asked.host, tree) if asked.root else asked.host
    examined: list[Examined] = []
    findings: list[Finding] = []
    for found in _questions(asked, tree, host):
        if isinstance(found, Finding):
            findings.append(found)
            continue
        if isinstance(found, Answer):
            examined.append(Examined(found, None))
            continue
        answer = examine(found)
        findings += access_findings(found)
        edit = fix(answer)
        examined.append(Examined(answer, edit))
        findings += judge(answer, edit, None if edit is not None else command_fix(answer))
    return Report(host, examined, sorted(findings, key=lambda each: -each.kind.severity))


def _questions(asked: Asked, tree: Tree, host: AssumedHost) -> Iterator[Question | Answer | Finding]:
    name, _, version = asked.named.partition("@")
    try:
        environ, argv = split_command(asked.command)
    except NotUnderstood as error:
        raise ConfigError("--command", asked.command, error.why) from None
    daemon = daemon_named(name) if name else daemon_of_command(argv)
    files = [each if asked.root else str(Path(each).absolute()) for each in asked.files]
    for path in files:
        if unread := _unread(path, tree):
            yield unread
        elif daemon is not None:
            yield Question(daemon, tree, host, path, version, argv, environ)
        else:
            yield from _by_its_name(path, tree, host, version, is_blind=not asked.root)
    if files:
        return
    if daemon is not None:
        # Without a root no file of this host is read that was not named.
        yield Question(daemon, tree, host, "", version, argv, environ, is_blind=not asked.root)
    elif argv:
        yield Finding(KINDS["DS121"], argv[0], asked.command, COMMAND)
    else:
        yield from (Question(each, tree, host, path) for each, path in installed(tree))
        for path in access_files(tree):
            yield from findings_in(path, tree)


def _unread(path: str, tree: Tree) -> Finding | None:
    """Why a file cannot be read, where it cannot."""
    try:
        tree.read(path)
    except Trouble as trouble:
        return Finding(KINDS["DS120"], path, trouble.why, Place(path, 1))
    return None


def _by_its_name(
    path: str, tree: Tree, host: AssumedHost, version: str, *, is_blind: bool
) -> Iterator[Question | Answer | Finding]:
    """A file of which nobody said whose it is."""
    if is_dockerfile(path):
        yield _of_image(tree.read(path), tree, host, version, is_blind=is_blind)
    elif is_access_file(path):
        yield from findings_in(path, tree)
    elif meant := daemons_of_file(path):
        yield from (Question(each, tree, host, path, version) for each in meant)
    elif path.endswith((".yaml", ".yml")):
        yield from _of_containers(tree.read(path), tree, host, is_blind=is_blind)
    else:
        yield Finding(KINDS["DS121"], path, "its name belongs to none", Place(path, 1))


def _of_containers(document: Document, tree: Tree, host: AssumedHost, *, is_blind: bool) -> Iterator[Answer | Finding]:
    """What a Compose file or objects of Kubernetes publish, and what their commands open."""
    need("a YAML file", "doctor")
    from dualstack.doctor.containers.files import containers  # who has no YAML needs no reader of it

    def program(argv: tuple[str, ...], environ: Mapping[str, str]) -> Answer | None:
        daemon = daemon_of_command(argv)
        if daemon is None:
            return None
        return examine(Question(daemon, tree, host, "", "", argv, environ, is_blind=is_blind))

    yield from containers(document, program)


def _of_image(document: Document, tree: Tree, host: AssumedHost, version: str, *, is_blind: bool) -> Question | Finding:
    """The program that a Dockerfile's image starts."""
    try:
        found = image(document)
    except NotUnderstood as error:
        return Finding(KINDS["DS120"], document.path, error.why, error.place)
    daemon = daemon_of_command(found.argv)
    if daemon is None:
        return Finding(KINDS["DS121"], document.path, " ".join(found.argv) or "it starts nothing itself", found.place)
    return Question(daemon, tree, host, "", version, found.argv, found.environ, is_blind=is_blind)


def _with_hosts(host: AssumedHost, tree: Tree) -> AssumedHost:
    """The host with the names of the root's /etc/hosts, where those that were assumed do not say otherwise."""
    try:
        text = tree.read("/etc/hosts").text
    except Trouble:
        return host
    names: dict[str, tuple[Address, ...]] = {}
    for line in text.split("\n"):
        words = line.partition("#")[0].split()
        address = literal(words[0]) if words else None
        for name in words[1:] if address is not None else []:
            names[name] = (*names.get(name, ()), *([address] if address is not None else []))
    return replace(host, names={**names, **host.names})
