"""`gateway --check`: what a configuration means, on this host or on another system, before anything is opened."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from dualstack.core.address.address import Address
from dualstack.core.explain.socket_text import Labelled
from dualstack.core.host.facts import HostFacts
from dualstack.core.oracle.systems import STACKS, Stack
from dualstack.core.planning.configuration import Configuration
from dualstack.core.planning.conflicts import Conflict
from dualstack.core.planning.holders import in_use_by_connections
from dualstack.core.planning.opening import planned_sock
from dualstack.core.planning.planner import Plan, plan
from dualstack.gateway.config.host_plan import gather_facts, look_up_names
from dualstack.gateway.config.unbounded import WHY, unbounded
from dualstack.gateway.config.unreachable import Unreached, unreached_targets
from dualstack.gateway.config.user_entry import user_entry
from dualstack.gateway.listeners.port_life import describe_socket
from dualstack.kernel.bind_answers import connections_in_the_way

__all__ = ["Check", "check", "plan_document", "planned_sockets"]


@dataclass(frozen=True, slots=True)
class Check:
    """A plan, and the targets that it cannot reach."""

    plan: Plan
    unresolved: tuple[Unreached, ...] = ()

    def with_notes(self, notes: Iterable[str]) -> "Check":
        """The same with what is said of the file before what is said of the plan."""
        return replace(self, plan=replace(self.plan, notes=(*notes, *self.plan.notes)))


def check(
    config: Configuration,
    *,
    system: str | None,
    lookup: bool,
    timeout_s: float,
    tell: Callable[[str], None] = lambda _text: None,
) -> Check:
    """Plan `config` for this host, with who listens here now; or for any host of `system`.

    Args:
        config: what to plan.
        system: a name of `core.oracle.systems`; None is this host as it is.
        lookup: whether names are looked up.
        timeout_s: for each name.
        tell: hears what is waited for.

    Raises:
        ConfigError: it cannot mean anything there.
    """
    if system is None:
        facts = asyncio.run(gather_facts(config, listeners=True, timeout_s=timeout_s, lookup=lookup, tell=tell))
        if config.user is not None:
            user_entry(config.user, config.where)
        planned = plan(config, facts)
        planned = replace(planned, conflicts=(*planned.conflicts, *_held_by_connections(planned)))
    else:
        names = asyncio.run(look_up_names(config, timeout_s=timeout_s, targets=lookup))
        facts = facts_of_any(STACKS[system], names)
        planned = plan(config, facts)
    checked = Check(planned, tuple(unreached_targets(config, facts)) if lookup else ())
    return checked.with_notes(f"{name}: {WHY}" for name in unbounded(config))


def _held_by_connections(planned: Plan) -> Iterator[Conflict]:
    """Port numbers that the system has given to connections out, or that those of before still hold."""
    known = {conflict.a for conflict in planned.conflicts}
    for spec in planned.sockets:
        shown = f"{spec} ({spec.service})"
        if shown not in known and (holders := connections_in_the_way(spec)):
            yield Conflict(shown, None, "EADDRINUSE", "bind", f"address in use by {in_use_by_connections(holders)}")


def facts_of_any(stack: Stack, names: Mapping[str, tuple[Address, ...]]) -> HostFacts:
    """Some host of a system: every address is there, IPv6 is on, nobody listens, and names are as they are here."""
    return HostFacts(system=stack.name, first_unprivileged_port=stack.low_ports, names=names)


def planned_sockets(config: Configuration) -> Callable[[Stack], tuple[Labelled, ...]]:
    """The sockets that `config` means on any host of a system, as the oracle is asked about them, by the system.

    Names are looked up once, here; of this host nothing else is asked.

    Raises:
        ConfigError: then, it cannot mean anything there.
    """
    names = asyncio.run(look_up_names(config, targets=False))

    def planned(stack: Stack) -> tuple[Labelled, ...]:
        made = plan(config, facts_of_any(stack, names))
        return tuple(Labelled(str(spec), spec.proto, spec.port, planned_sock(spec, stack)) for spec in made.sockets)

    return planned


def plan_document(checked: Check) -> dict[str, object]:
    """The plan as `gateway --check --json` prints it."""
    made = checked.plan
    return {
        "sockets": [{**describe_socket(spec), "why": spec.why, "rule": spec.rule} for spec in made.sockets],
        "conflicts": [
            {"a": c.a, "b": c.b, "errno": c.errno, "step": c.step, "remedy": c.remedy} for c in made.conflicts
        ],
        "links": [
            {"to": link.to, "target": link.target, "ports": list(link.ports), "missing": list(link.missing)}
            for link in made.links
        ],
        "notes": list(made.notes),
        "unresolved": [asdict(target) for target in checked.unresolved],
    }
