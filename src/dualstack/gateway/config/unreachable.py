"""Targets that no client can reach as things are: said by `--check` and at the start, tried at each connection."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from dualstack.core.access.access_list import Verdict
from dualstack.core.access.judge import Judge
from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.host.facts import HostFacts
from dualstack.core.planning.configuration import Configuration, Service
from dualstack.core.planning.links import target_addresses
from dualstack.core.planning.targets import ExecTarget
from dualstack.gateway.admission.rules import rules_of

__all__ = ["Unreached", "unreached_targets"]


@dataclass(frozen=True, slots=True)
class Unreached:
    """A service, its target as written, and why nobody gets there."""

    service: str
    target: str
    why: str


def unreached_targets(config: Configuration, facts: HostFacts) -> Iterator[Unreached]:
    """The targets of `config` that cannot be reached, as far as `facts` tell."""
    for service in config.services:
        why = _why_unreached(config, service, facts)
        if why:
            yield Unreached(service.name, str(service.target), why)


def _why_unreached(config: Configuration, service: Service, facts: HostFacts) -> str:
    match service.target:
        case Endpoint(host=str() as host) as target if not target_addresses(target, facts):
            return f"{host} has no address; it is looked up again at each connection"
        case Endpoint(host=Address() as host):
            return _denied(rules_of(config, service).reach, host.canonical)
        case ExecTarget(argv) if shutil.which(argv[0]) is None:
            return f"there is no program {argv[0]}; it is looked for again at each connection"
        case _:
            return ""


def _denied(reach: Judge | None, address: Address) -> str:
    """Why the rules keep every client from `address`; empty where they do not."""
    if reach is None or (decision := reach.check(address)).verdict is Verdict.ALLOW:
        return ""
    return f"`reach` denies it ({decision.rule or 'none of its rules matches'}), so nobody is served"
