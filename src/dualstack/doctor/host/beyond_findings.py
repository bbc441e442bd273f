"""What is wrong beyond a host, by what came back: resolvers, paths, translators. Values only."""

from collections.abc import Iterator, Sequence

from dualstack.doctor.host.seen import Seen, seen
from dualstack.doctor.host.state import Answers, HostState, Role, Said, TargetState
from dualstack.doctor.listening import Place

__all__ = ["beyond_findings"]

_RESOLV_CONF = "/etc/resolv.conf"


def beyond_findings(state: HostState) -> Iterator[Seen]:
    """Everything that resolvers, routers and named hosts have shown."""
    for version in (6, 4):
        yield from _path(version, state)
    yield from _resolvers(state)
    for each in state.nat64:
        if not each.is_translated:
            evidence = f"{each.server} makes addresses of {each.prefix}, and there: {each.why}"
            yield seen("DS146", str(each.server), evidence, 6)


def _path(version: int, state: HostState) -> Iterator[Seen]:
    mine = [each for each in state.targets if each.address.version == version]
    for each in mine:
        if each.is_large_lost:
            evidence = f"to {_shown(each)}: {each.largest} bytes come back, {each.mtu} do not, and nobody says why"
            remedy = f"ip link set LINK mtu {each.largest}, or let the router's ICMP 'too big' through"
            yield seen("DS141", f"IPv{version}", evidence, version, remedy=remedy)
            break
    lost = [each for each in mine if each.is_behind_router and not each.is_heard]
    # One host that is silent may be switched off; one that answers over the other family is not.
    there = {each.name for each in state.targets if each.address.version != version and each.is_heard}
    has_one = any(each.is_heard and each.is_behind_router for each in mine)
    if not has_one and all(each.router_heard for each in lost) and any(each.name in there for each in lost):
        router = state.ways_out.get(version)
        by = f" ({router.gateway})" if router is not None and router.gateway is not None else ""
        said = "; ".join(f"{_shown(each)}: {each.why or 'nothing comes back'}" for each in lost)
        yield seen("DS140", f"IPv{version}", f"the router{by} answers, and behind it {said}", version)
    for each in mine:
        if each.role is Role.NAMED and not each.is_heard:
            yield seen("DS154", each.name, f"{each.address}: {each.why or 'nothing comes back'}", version)
    route = state.ways_out.get(version)
    if route is not None and route.gateway is not None and not any(each.is_behind_router for each in mine):
        yield seen("DS161", f"IPv{version}", f"by {route.gateway}: no resolver or named host is there", version)


def _shown(target: TargetState) -> str:
    name = "" if target.name == str(target.address) else f" ({target.name})"
    return f"{target.role.value} {target.address}{name}" if target.role is Role.RESOLVER else f"{target.address}{name}"


def _resolvers(state: HostState) -> Iterator[Seen]:
    if not state.servers:
        yield seen("DS159", _RESOLV_CONF, "no line `nameserver`", place=Place(_RESOLV_CONF, 1))
    dead = [each for each in state.resolvers if not each.is_alive]
    if dead and len(dead) == len(state.resolvers):
        families = {each.server.version for each in dead}
        evidence = "; ".join(f"{each.server}: {_silence(each)}" for each in dead)
        yield seen("DS142", "host", evidence, families.pop() if len(families) == 1 else 0, place=_place(dead[0]))
    else:
        for each in dead:
            yield seen("DS143", str(each.server), _silence(each), each.server.version, place=_place(each))
    for each in state.resolvers:
        yield from _by_family(each)


def _silence(answers: Answers) -> str:
    return answers.why or "nothing comes back to questions over UDP"


def _by_family(answers: Answers) -> Iterator[Seen]:
    """Names whose A it answers and whose AAAA it does not; that a name has no AAAA is an answer."""
    names = [name for name, version in answers.said if version == 4 and answers.said[name, 4].is_answer]
    dropped = [name for name in names if answers.said[name, 6] is Said.SILENT]
    fine = {Said.ADDRESSES, Said.NOTHING}
    wrong = [
        name for name in names if answers.said[name, 4] in fine and answers.said[name, 6] not in {*fine, Said.SILENT}
    ]
    if dropped:
        yield seen("DS144", str(answers.server), _pairs(answers, dropped), place=_place(answers))
    if wrong:
        yield seen("DS145", str(answers.server), _pairs(answers, wrong), place=_place(answers))


def _pairs(answers: Answers, names: Sequence[str]) -> str:
    return "; ".join(f"{name} A: {answers.said[name, 4].value}, AAAA: {answers.said[name, 6].value}" for name in names)


def _place(answers: Answers) -> Place:
    return Place(_RESOLV_CONF, answers.line)
