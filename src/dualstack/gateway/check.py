"""`gateway --check`: what a configuration means, on this host or on another system, before anything is opened."""

import asyncio
import shutil
from dataclasses import dataclass, replace
from socket import if_nametoindex

from dualstack.core.access import AccessList, Verdict
from dualstack.core.address import Address
from dualstack.core.configuration import Configuration, ExecTarget, Service
from dualstack.core.endpoint import Endpoint
from dualstack.core.hostfacts import HostFacts
from dualstack.core.planner import Plan, plan
from dualstack.core.stacks import STACKS
from dualstack.gateway.daemon import gather_facts, names_to_look_up
from dualstack.gateway.privileges import user_entry

__all__ = ["Check", "check", "plan_document"]


@dataclass(frozen=True, slots=True)
class Check:
    """A plan, and the targets that it cannot reach: `(service, target, why)`."""

    plan: Plan
    unresolved: tuple[tuple[str, str, str], ...] = ()


def check(config: Configuration, *, system: str | None, lookup: bool, timeout_s: float) -> Check:
    """Plan `config` for this host, with who listens here now; or for any host of `system`.

    Args:
        config: what to plan.
        system: a name of `core.stacks`; None is this host as it is.
        lookup: whether names are looked up.
        timeout_s: for each name.

    Raises:
        ConfigError: it cannot mean anything there.
    """
    here = asyncio.run(gather_facts(config, listeners=system is None, timeout_s=timeout_s, lookup=lookup))
    if system is None and config.user is not None:
        user_entry(config.user, config.where)
    facts = here if system is None else facts_of_any(system, here)
    return Check(plan(config, facts), tuple(_unresolved(config, facts)) if lookup else ())


def facts_of_any(system: str, here: HostFacts) -> HostFacts:
    """Some host of another system: every address is there, IPv6 is on, nobody listens, and names are as here."""
    low = STACKS[system].low_ports
    return replace(HostFacts(system=system, first_unprivileged_port=low), names=here.names)


def _unresolved(config: Configuration, facts: HostFacts) -> "list[tuple[str, str, str]]":
    missing = []
    _, targets = names_to_look_up(config)
    for service in config.services:
        match service.target:
            case Endpoint(host=str() as host) if host in targets and not facts.names.get(host):
                why = f"{host} has no address; it is looked up again at each connection"
            case Endpoint(host=Address() as host) if service.reach:
                why = _denied(service, host.canonical)
            case ExecTarget(argv) if shutil.which(argv[0]) is None:
                why = f"there is no program {argv[0]}; it is looked for again at each connection"
            case _:
                why = ""
        if why:
            missing.append((service.name, str(service.target), why))
    return missing


def _denied(service: Service, address: Address) -> str:
    """Why the `reach` rules keep every client of `service` from `address`; empty where they do not."""
    decision = AccessList(service.reach, service.nat64, zone_id=if_nametoindex).check(address)
    if decision.verdict is Verdict.ALLOW:
        return ""
    return f"`reach` denies it ({decision.rule or 'none of its rules matches'}), so nobody is served"


def plan_document(checked: Check) -> dict[str, object]:
    """The plan as `gateway --check --json` prints it."""
    made = checked.plan
    return {
        "sockets": [
            {
                "service": spec.service,
                "port_name": spec.port_name,
                "family": spec.family,
                "address": str(spec.address),
                "port": spec.port,
                "v6only": spec.v6only,
                "why": spec.why,
                "rule": spec.rule,
            }
            for spec in made.sockets
        ],
        "conflicts": [
            {"a": c.a, "b": c.b, "errno": c.errno, "step": c.step, "remedy": c.remedy} for c in made.conflicts
        ],
        "links": [
            {"to": link.to, "target": link.target, "ports": list(link.ports), "missing": list(link.missing)}
            for link in made.links
        ],
        "notes": list(made.notes),
        "unresolved": [{"service": s, "target": target, "why": why} for s, target, why in checked.unresolved],
    }
