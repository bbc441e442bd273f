"""Tomcat: the `Connector`s of server.xml (its documentation; sun.nio.ch, java.net.InetAddress)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.xml_elements import elements
from dualstack.doctor.habits import DUAL
from dualstack.doctor.listening import Ends, Habits, Listen, Names, NotUnderstood, Place
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["TOMCAT"]

# Java's sockets are of AF_INET6 where there is one, IPv4 addresses mapped; a connector that fails is logged.
_HABITS = replace(
    DUAL,
    names=Names.IPV4,
    no_family=Ends.SKIPPED,
    no_address=Ends.SKIPPED,
    in_use=Ends.SKIPPED,
    none_left=Ends.SKIPPED,
    nothing=Ends.SKIPPED,
    is_mapped=True,
)


def _read(settings: Settings) -> Sequence[Listen]:
    options = f"{settings.environ.get('JAVA_OPTS', '')} {settings.environ.get('CATALINA_OPTS', '')}".split()
    # NIO asks for an address of IPv6 before it takes AF_INET6 (Net.isIPv6Available0 reads /proc/net/if_inet6).
    has_six = settings.host.has_ipv6 and "-Djava.net.preferIPv4Stack=true" not in options
    habits = replace(_HABITS, is_mapped=has_six)
    if "-Djava.net.preferIPv6Addresses=true" in options and has_six:
        habits = replace(habits, names=Names.FIRST)
    rows: list[Listen] = []
    for element in elements(settings.main()):
        if element.name == "Connector":
            row = _row(element.attributes, element.place, habits, has_six=has_six)
            rows += [row] if row is not None else []
        elif element.name == "Server" and element.attributes.get("port", "8005") not in {"-1", "0"}:
            port = int(element.attributes.get("port", "8005"))
            host = element.attributes.get("address", "localhost")
            rows.append(Listen(host, port, habits, place=element.place, is_aside=True))
    return rows


def _row(attributes: dict[str, str], place: Place, habits: Habits, *, has_six: bool) -> Listen | None:
    port, host = attributes.get("port", "8080"), attributes.get("address", "")
    if "${" in port + host:
        raise NotUnderstood(f"a property in a Connector: {port} {host}", place)
    address = literal(host) if host else None
    if not host or address in UNSPECIFIED.values():
        if address == UNSPECIFIED[6] and not has_six:
            return None  # UnsupportedAddressTypeException: the connector is logged and left out
        return Listen("::" if has_six else "0.0.0.0", int(port), replace(habits, is_mapped=False), place=place)
    if address is not None and address.version == 6 and not has_six:
        return None
    return Listen(host, int(port), habits, place=place)


TOMCAT = Daemon(
    name="tomcat",
    read=_read,
    habits=_HABITS,
    programs=("catalina.sh", "tomcat"),
    files=(*(f"/etc/tomcat{version}/server.xml" for version in (11, 10, 9)), "/usr/local/tomcat/conf/server.xml"),
    source="measured 10.1.60; Connector's address, java.net",
    examples=tuple(
        Example(f'<Server port="-1"><Service name="Catalina"><Connector port="8080"{each}/></Service></Server>\n')
        for each in ("", ' address="0.0.0.0"', ' address="::"', ' address="127.0.0.1"')
    ),
    both=Example('<Connector port="8080"/>'),
)
