"""From an answer to findings: a few questions put to it, the cause before its consequences."""

from collections.abc import Iterator
from dataclasses import replace

from dualstack.doctor.assumed_host import Ipv6
from dualstack.doctor.examine import Answer, examine
from dualstack.doctor.findings import KINDS, Finding
from dualstack.doctor.opening import Opened

__all__ = ["judge", "shown_sockets"]


def judge(answer: Answer, fix: str | None = None, command: str | None = None) -> list[Finding]:
    """The findings about one daemon; where it does not start, that is the one.

    Args:
        answer: what was found.
        fix: the diff that serves both families, where one is known.
        command: the command line that does.
    """
    name = answer.question.daemon.name
    if answer.opened is None:
        return [Finding(KINDS["DS120"], name, answer.why, answer.place)]
    remedy = _remedy(answer, fix, command)
    if not answer.opened.starts:
        return [Finding(KINDS["DS101"], name, answer.why, answer.place, remedy)]
    return [*_missing(answer, answer.opened, remedy), *_skipped(answer.opened, name), *_elsewhere(answer, remedy)]


def shown_sockets(opened: Opened) -> str:
    """`tcp 0.0.0.0:80, tcp [::]:80 v6only=1`."""
    return ", ".join(
        f"{each.proto} {each.address}:{each.port}"
        if each.v6only is None
        else f"{each.proto} [{each.address}]:{each.port} v6only={each.v6only:d}"
        for each in opened.sockets
    )


def _remedy(answer: Answer, fix: str | None, command: str | None) -> str:
    if fix is not None:
        return f"apply this edit:\n{fix}"
    if command is not None:
        return f"run it as: {command}"
    both = answer.question.daemon.both
    if both is None:
        return ""
    return f"run it as: {both.command}" if both.command else f"set: {both.text}"


def _missing(answer: Answer, opened: Opened, remedy: str) -> Iterator[Finding]:
    """One family without the other, none at all, or some addresses alone."""
    name, host = answer.question.daemon.name, answer.question.host
    place = next((each.place for each in opened.sockets if each.place is not None), None)
    said = shown_sockets(opened)
    ipv4, ipv6 = answer.reach["ipv4"], answer.reach["ipv6"]
    if not opened.sockets:
        yield Finding(KINDS["DS106"], name, opened.skipped[0][0] if opened.skipped else "it opens none", place, remedy)
    elif ipv6 == "no" and ipv4 != "no" and host.has_ipv6:
        yield Finding(KINDS["DS102"], name, said, place, remedy)
    elif ipv4 == "no" and ipv6 != "no":
        yield Finding(KINDS["DS103"], name, said, place, remedy)
    if "partly" in {ipv4, ipv6}:
        yield Finding(KINDS["DS107"], name, said, place)


def _skipped(opened: Opened, name: str) -> Iterator[Finding]:
    if opened.sockets:
        for why, place in opened.skipped:
            yield Finding(KINDS["DS105"], name, why, place)


def _elsewhere(answer: Answer, remedy: str) -> Iterator[Finding]:
    """What the same settings are on a host with the other sysctl, and on one without IPv6."""
    question, name = answer.question, answer.question.daemon.name
    other = examine(replace(question, host=replace(question.host, bindv6only=not question.host.bindv6only)))
    if other.opened is not None and (other.starts, dict(other.reach)) != (answer.starts, dict(answer.reach)):
        value = int(not question.host.bindv6only)
        shown = shown_sockets(other.opened) if other.starts else f"it does not start: {other.why}"
        place = next((each.place for each in other.opened.sockets if each.v6only is not None), other.place)
        yield Finding(KINDS["DS104"], name, f"with net.ipv6.bindv6only={value}: {shown}", place, remedy)
    if question.host.has_ipv6:
        for state, words in ((Ipv6.OFF, "disable_ipv6=1"), (Ipv6.ABSENT, "no AF_INET6")):
            without = examine(replace(question, host=replace(question.host, ipv6=state)))
            if without.starts is False:
                yield Finding(KINDS["DS108"], name, f"{words}: {without.why}", without.place)
                return
