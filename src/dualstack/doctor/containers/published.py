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
    known = list(ports)
    for each in known:
        address = literal(each.host)
        if address is None or not address.is_unspecified:
            continue
        same = [one for one in known if (one.published, one.proto) == (each.published, each.proto)]
        hosts = [literal(one.host) for one in same]
        if any(host is None or host.version != address.version for host in hosts):
            continue
        shown = f"{each.host if address.version == 4 else f'[{each.host}]'}:{each.published}:{each.target}"
        other = (
            f"[::]:{each.published}:{each.target}"
            if address.version == 4
            else f"0.0.0.0:{each.published}:{each.target}"
        )
        remedy = f"write {each.published}:{each.target}, or add {other}"
        yield Finding(KINDS["DS180"], subject, f"{shown}: IPv{address.version} alone", each.place, remedy)
