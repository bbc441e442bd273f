"""A port of a host that leads to a container, and over which family it is opened."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.findings import KINDS, Finding
from dualstack.doctor.listening import Place

__all__ = ["Published", "one_sided", "short"]

# [IP:][PUBLISHED:]TARGET[/PROTOCOL], numbers or ranges; an IPv6 address in brackets (Compose specification, ports).
_SHORT = re.compile(
    r"(?:(?P<host>\[[^\]]*\]|[^:\[\]]*):)?(?:(?P<published>[\d-]*):)?(?P<target>[\d-]+)(?:/(?P<proto>\w+))?"
)


@dataclass(frozen=True, slots=True)
class Published:
    """The host's address (empty: both families) and port, and the container's."""

    host: str
    published: str
    target: str
    proto: str
    place: Place


def short(written: str, place: Place) -> Published | None:
    """`127.0.0.1:8080:80/udp` as a value; None where a variable or something else stands in it."""
    found = _SHORT.fullmatch(written)
    if found is None:
        return None
    host, published = found["host"] or "", found["published"]
    if published is None and re.fullmatch(r"[\d-]+", host):
        host, published = "", host
    return Published(host.strip("[]"), published or "", found["target"], found["proto"] or "tcp", place)


def one_sided(subject: str, ports: Iterable[Published]) -> Iterator[Finding]:
    """Ports that are opened on the wildcard of one family, and on nothing of the other."""
    together: dict[tuple[str, str], list[Published]] = {}
    for each in ports:
        together.setdefault((each.published, each.proto), []).append(each)
    for same in together.values():
        hosts = [literal(each.host) for each in same]
        versions = {None if host is None else host.version for host in hosts}
        wild = next((each for each, host in zip(same, hosts, strict=True) if host and host.is_unspecified), None)
        if wild is None or len(versions) > 1:
            continue
        number, ways = f"{wild.published}:{wild.target}", {4: "0.0.0.0", 6: "[::]"}
        (version,) = filter(None, versions)
        remedy = f"write {number}, or add {ways[10 - version]}:{number}"
        yield Finding(KINDS["DS180"], subject, f"{ways[version]}:{number}: IPv{version} alone", wild.place, remedy)
