"""Compose files: what each service publishes, and what its command opens inside (Compose specification)."""

import re
from collections.abc import Iterator, Mapping

from dualstack.doctor.containers.program import Program, program_findings
from dualstack.doctor.containers.published import Published, one_sided, short
from dualstack.doctor.examine import Answer
from dualstack.doctor.findings import Finding
from dualstack.doctor.formats.command_line import split_command
from dualstack.doctor.formats.yaml_nodes import Node, items, place_of, text, values, words
from dualstack.doctor.listening import NotUnderstood
from dualstack.doctor.tree import Document

__all__ = ["compose", "is_compose"]

_NAME = re.compile(r"(?:.*/)?(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml")


def is_compose(path: str) -> bool:
    """Whether a path has the name of one."""
    return _NAME.fullmatch(path) is not None


def compose(document: Document, root: Node, examine: Program) -> Iterator[Finding | Answer]:
    """What is found of each service, and what its program opens where that is known."""
    for name, service in values(values(root).get("services")).items():
        said = values(service)
        is_whole = text(said.get("network_mode")) in {"", "bridge"} and "extends" not in said
        listed = items(said.get("ports")) if is_whole else []  # else they are not published, or not all
        ports = [each for node in listed if (each := _port(document, node)) is not None]
        yield from one_sided(f"service {name}", ports)
        argv = (*_command(said.get("entrypoint")), *_command(said.get("command")))
        where = said.get("command") or said.get("entrypoint")
        if argv and where is not None:
            place = place_of(document, where)
            answer = examine(argv, _environ(said))
            yield from program_findings(f"service {name}", answer, ports, place, has_own_address=False)


def _port(document: Document, node: Node) -> Published | None:
    place, long = place_of(document, node), values(node)
    if not long:
        return short(text(node), place)
    host, published, target = (text(long.get(key)) for key in ("host_ip", "published", "target"))
    if "$" in host + published + target:
        return None
    return Published(host, published, target, text(long.get("protocol")) or "tcp", place)


def _command(node: Node | None) -> tuple[str, ...]:
    """A list as it is, a text as a shell splits it, though none runs."""
    if node is None:
        return ()
    try:
        return tuple(words(node)) or split_command(text(node))[1]
    except NotUnderstood:
        return ()


def _environ(said: Mapping[str, Node]) -> dict[str, str]:
    node = said.get("environment")
    pairs = (each.partition("=") for each in words(node))
    return {**{key: text(value) for key, value in values(node).items()}, **{key: value for key, _, value in pairs}}
