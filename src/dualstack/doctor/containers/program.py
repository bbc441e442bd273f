"""The program of a container as its command line says it, and whether what is published reaches it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from dualstack.doctor.containers.published import Published
from dualstack.doctor.examine import Answer
from dualstack.doctor.findings import KINDS, Finding
from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.judging import judge, shown_sockets
from dualstack.doctor.listening import Place

__all__ = ["Program", "program_findings"]

Program: TypeAlias = Callable[[tuple[str, ...], Mapping[str, str]], Answer | None]
"""Examines a command line with its environment; None where no daemon is known by it."""


def program_findings(
    subject: str, answer: Answer | None, ports: Sequence[Published], place: Place, *, has_own_address: bool
) -> Iterator[Finding | Answer]:
    """The answer itself, what is found of it, and the ports that are published to the container's loopback.

    Args:
        subject: whose program it is.
        answer: what it opens; None where it is not known.
        ports: the container's.
        place: where its command stands.
        has_own_address: clients reach the container itself, over each family; else only by a port of the host.
    """
    if answer is None:
        return
    yield answer
    for finding in judge(answer):
        if has_own_address or finding.kind.code in {"DS101", "DS120"}:
            is_command = finding.place is None or finding.place.file == COMMAND.file
            yield replace(
                finding, subject=f"{subject}, {finding.subject}", place=place if is_command else finding.place
            )
    if answer.opened is None or not answer.opened.starts:
        return
    for each in ports:
        mine = [one for one in answer.opened.sockets if str(one.port) == each.target and one.proto == each.proto]
        if mine and all(one.address.is_loopback for one in mine):
            evidence = f"{shown_sockets(answer.opened)}; published: {each.published or 'any'}:{each.target}"
            yield Finding(KINDS["DS182"], subject, evidence, place)
