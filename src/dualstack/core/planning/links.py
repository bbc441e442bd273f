"""Where connections may go out: which port dials which family, and what a link leaves out of reach (D4, D5).

Nothing is looked up: the addresses of names come in with the facts of the host.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint, Wildcard, is_localhost
from dualstack.core.address.well_known import LOOPBACK, LOOPBACKS, UNSPECIFIED
from dualstack.core.host.facts import HostFacts
from dualstack.core.planning.configuration import BOTH, Configuration, Link, Port
from dualstack.errors import AddressError

__all__ = ["LinkFinding", "dialable_families", "link_findings", "link_matches", "target_addresses"]

_NO_NAMES: Mapping[str, tuple[Address, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class LinkFinding:
    """What a link means for one target: the families that it resolves to and no port of the link can dial."""

    to: str
    target: str | None
    ports: tuple[str, ...]
    missing: tuple[int, ...]


def dialable_families(
    port: Port, config: Configuration, names: Mapping[str, tuple[Address, ...]] = _NO_NAMES
) -> frozenset[int]:
    """What a port can dial (D4): the families of what it is bound to; both where it is bound to none.

    As where it listens, `::` is both, unless it is `v6only` or another port of `config` takes any IPv4. A name is its
    addresses in `names`, and leaves nothing out where it has none there.
    """
    bind = port.bind
    if isinstance(bind, str):
        found = LOOPBACKS if is_localhost(bind) else names.get(bind, ())
        return frozenset(address.canonical.version for address in found) or BOTH
    if isinstance(bind, Wildcard):
        return frozenset({6}) if port.v6only else BOTH
    bind = bind.canonical
    if bind.is_unspecified and bind.version == 6 and not port.v6only and not _ipv4_is_taken(port, config):
        return BOTH
    return frozenset((bind.version,))


def _ipv4_is_taken(port: Port, config: Configuration) -> bool:
    others = (other.bind for other in config.ports if other.key != port.key)
    return any(
        bind is Wildcard.ANY or (isinstance(bind, Address) and bind.canonical == UNSPECIFIED[4]) for bind in others
    )


def link_matches(link: Link, target: Endpoint) -> bool:
    """Whether `target` is among the link's destinations: a name pattern, or an address in any spelling."""
    host = target.host
    address = _address_in(link.to)
    if address is not None:
        return isinstance(host, Address) and host.canonical == address
    text = str(host.canonical) if isinstance(host, Address) else host if isinstance(host, str) else "localhost"
    return fnmatchcase(_comparable(text), _comparable(link.to))


def _address_in(text: str) -> Address | None:
    try:
        return Address(text).canonical
    except AddressError:
        return None


def _comparable(name: str) -> str:
    """Names do not mind case, nor the dot of the root (RFC 1034 section 3.1)."""
    return name.casefold().removesuffix(".")


def link_findings(config: Configuration, facts: HostFacts) -> Iterator[LinkFinding]:
    """What each link means for each target that it matches.

    Raises:
        ConfigError: a link names a port that there is not.
    """
    for link in config.links:
        ports = [config.port_named(name, f"links.{link.to}.ports") for name in link.ports]
        can = frozenset().union(*(dialable_families(port, config, facts.names) for port in ports))
        targets = [s.target for s in config.services if isinstance(s.target, Endpoint) and link_matches(link, s.target)]
        for target in targets:
            missing = {address.version for address in target_addresses(target, facts)} - can
            yield LinkFinding(link.to, str(target), tuple(port.name for port in ports), tuple(sorted(missing)))
        if not targets:
            yield LinkFinding(link.to, None, tuple(port.name for port in ports), ())


def target_addresses(target: Endpoint, facts: HostFacts) -> tuple[Address, ...]:
    """What is connected to for `target`; nothing where its name was not found."""
    host = target.host
    if isinstance(host, Address):
        if host.is_unspecified:
            return (LOOPBACK[host.version],)
        return (host.canonical,)
    if isinstance(host, Wildcard) or is_localhost(host):
        return tuple(LOOPBACK.values())
    return facts.names.get(host, ())
