"""From a configuration to a plan on this host, and what is said of it in the log."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.host.facts import HostFacts
from dualstack.core.planning.configuration import Configuration
from dualstack.core.planning.links import target_addresses
from dualstack.core.planning.planner import Plan, bind_asks, plan
from dualstack.errors import ConfigError, LookupFailed
from dualstack.gateway.config.unreachable import unreached_targets
from dualstack.gateway.counters.log import Log
from dualstack.kernel.bind_answers import with_answers
from dualstack.kernel.facts import read_facts
from dualstack.kernel.nearness import why_near
from dualstack.net.names.getaddrinfo import resolve_async
from dualstack.net.names.resolver_choice import resolver_named

__all__ = ["gather_facts", "look_up_names", "mention_what_needs_a_restart", "report", "working_plan"]

# What a reload does not change.
_AT_START = ("user", "control", "log", "workers", "access_log", "page", "page_hosts")


def working_plan(config: Configuration, facts: HostFacts) -> Plan:
    """The plan of `config`.

    Raises:
        ConfigError: it cannot work, whatever else runs on this host.
    """
    planned = plan(config, facts)
    for conflict in planned.conflicts:
        if conflict.step == "connect" or conflict.b is not None:
            raise ConfigError(config.where, "", str(conflict))
    return planned


def mention_what_needs_a_restart(log: Log, running: Configuration, wanted: Configuration) -> None:
    """Say which keys a reload leaves as they were."""
    changed = [key for key in _AT_START if getattr(wanted, key) != getattr(running, key)]
    if changed:
        log.warning("restart needed", keys=", ".join(changed), why="read at the start alone")


def report(log: Log, config: Configuration, planned: Plan, facts: HostFacts) -> None:
    """Say what people should know of a plan that is carried out."""
    for note in planned.notes:
        log.info("note", why=note)
    for missing in unreached_targets(config, facts):
        log.warning("unresolved", service=missing.service, target=missing.target, why=missing.why)
    for finding in planned.links:
        if finding.missing:
            families = " and ".join(f"IPv{family}" for family in finding.missing)
            ports = ", ".join(finding.ports)
            why = f"{finding.target} resolves to {families} too, and no port of the link ({ports}) can dial it"
            log.warning("link", to=finding.to, why=why)


def _names_to_look_up(config: Configuration) -> tuple[set[str], set[str]]:
    """The host names in a configuration: those to listen on, and those to connect to."""
    hosts = [endpoint.host for service in config.services for endpoint in service.listen]
    hosts += [port.bind for port in config.ports]
    targets = [service.target.host for service in config.services if isinstance(service.target, Endpoint)]
    return {host for host in hosts if isinstance(host, str)}, {host for host in targets if isinstance(host, str)}


async def look_up_names(
    config: Configuration, *, timeout_s: float = 5.0, targets: bool = True
) -> Mapping[str, tuple[Address, ...]]:
    """Every name of `config` with what was found of it within `timeout_s`; with `targets`, those to connect to as well.

    Names to listen on are always looked up: without them there is no plan.
    """
    listen, behind = _names_to_look_up(config)
    resolver = resolver_named(config.resolver) or socket

    async def found(name: str) -> tuple[str, tuple[Address, ...]]:
        try:
            return name, await resolve_async(name, timeout=timeout_s, resolver=resolver)
        except LookupFailed:
            return name, ()

    return dict(await asyncio.gather(*(found(name) for name in (listen | behind if targets else listen))))


async def gather_facts(
    config: Configuration,
    *,
    listeners: bool = False,
    timeout_s: float = 5.0,
    lookup: bool = True,
    tell: Callable[[str], None] = lambda _text: None,
) -> HostFacts:
    """The facts of this host, read once, with the names of `config` (`look_up_names`; `lookup` is of its targets).

    The kernel is asked about every address to listen on, and a tentative one waited for; `tell` hears of it before.

    Raises:
        ConfigError: `config` cannot be planned on this host.
    """
    names = await look_up_names(config, timeout_s=timeout_s, targets=lookup)
    facts = read_facts(listeners=listeners, names=names)
    facts = replace(facts, own=frozenset(_own_targets(config, facts)))
    return await asyncio.to_thread(with_answers, facts, bind_asks(config, facts), tell=tell)


def _own_targets(config: Configuration, facts: HostFacts) -> Iterator[Address]:
    """The targets that a connection would reach on this host itself: a local route may be for a whole range (AnyIP)."""
    for target in {service.target for service in config.services if isinstance(service.target, Endpoint)}:
        for address in target_addresses(target, facts):
            near = None if address.scope is not None else why_near(address)
            if near is not None and near.is_own:
                yield address
