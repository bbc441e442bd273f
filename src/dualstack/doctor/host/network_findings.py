"""What is wrong with a host's own network: addresses, loopback, routes, hosts file, policy table, bindv6only."""

from collections.abc import Iterator

from dualstack.core.address.well_known import LOOPBACK
from dualstack.core.dial.policy_table import parse_gai_conf
from dualstack.core.host.network import AddressState, Reach, reach_of
from dualstack.doctor.host.seen import Seen, seen
from dualstack.doctor.host.state import HostState
from dualstack.doctor.listening import Place

__all__ = ["network_findings"]

_HOSTS = "/etc/hosts"


def network_findings(state: HostState) -> Iterator[Seen]:
    """Everything that the kernel and the files of a host say."""
    yield from _ipv6_off(state)
    yield from _loopback(state)
    yield from _addresses(state)
    yield from _ways_out(state)
    yield from _localhost(state)
    if state.bindv6only:
        yield seen("DS149", "kernel", "net.ipv6.bindv6only = 1", 6)
    if parse_gai_conf(state.gai_conf).preferred_family == 4:
        yield seen("DS155", "/etc/gai.conf", "precedence ::ffff:0:0/96 is above ::/0", place=Place("/etc/gai.conf", 1))
    for missing in state.missing:
        yield seen("DS162", "host", missing)


def _has_no_ipv6(state: HostState) -> bool:
    """Whether IPv6 is off, or no link has an address of it while one has IPv4."""
    links = [each.name for each in state.links if each.is_up and not each.is_loopback]
    is_disabled = bool(state.disabled) and set(links or state.disabled) <= set(state.disabled)
    has_none = not state.of_family(6)
    return not state.has_socket or (has_none and (is_disabled or bool(state.of_family(4))))


def _ipv6_off(state: HostState) -> Iterator[Seen]:
    if not state.links:
        return
    if _has_no_ipv6(state):
        why, remedy = _why_off(state)
        yield seen("DS130", "host", why, 6, remedy=remedy)
    elif not state.of_family(4) and not state.of_family(6):
        yield seen("DS157", "host", ", ".join(each.name for each in state.links))
    elif not state.of_family(4):
        yield seen("DS158", "host", "no link has an IPv4 address", 4)


def _why_off(state: HostState) -> tuple[str, str]:
    if not state.has_socket and "ipv6.disable=1" in state.why_no_ipv6:
        how = (
            "take ipv6.disable=1 out of GRUB_CMDLINE_LINUX in /etc/default/grub, run update-grub, and restart the host"
        )
        return state.why_no_ipv6, how
    if not state.has_socket:
        return state.why_no_ipv6, "modprobe ipv6, or let the service's RestrictAddressFamilies have AF_INET6"
    if not state.disabled:
        return "no link has an IPv6 address, though IPv6 is not switched off", "ip link set LINK addrgenmode eui64"
    names = [each for each in state.disabled if each != "lo"] or list(state.disabled)
    which = ["all"] if state.why_no_ipv6.endswith("all.disable_ipv6 = 1)") else names
    why = ", ".join(f"net.ipv6.conf.{each}.disable_ipv6 = 1" for each in which)
    sets = " ".join(f"net.ipv6.conf.{each}.disable_ipv6=0" for each in which)
    return why, f"sysctl -w {sets}, and the same in /etc/sysctl.d/"


def _loopback(state: HostState) -> Iterator[Seen]:
    loopback = next((each for each in state.links if each.is_loopback), None)
    if loopback is None:
        return
    if not loopback.is_up:
        yield seen("DS132", loopback.name, "its state is down", remedy=f"ip link set {loopback.name} up")
        return
    there = {each.address for each in state.addresses}
    if LOOPBACK[6] not in there and state.has_socket:
        if loopback.name in state.disabled:
            why = f"net.ipv6.conf.{loopback.name}.disable_ipv6 = 1"
            remedy = f"sysctl -w net.ipv6.conf.{loopback.name}.disable_ipv6=0"
        else:
            why, remedy = "it has no IPv6 address ::1", f"ip -6 address add ::1/128 dev {loopback.name}"
        yield seen("DS133", loopback.name, why, 6, remedy=remedy)
    if LOOPBACK[4] not in there:
        yield seen("DS134", loopback.name, "it has no IPv4 address 127.0.0.1", 4)


def _addresses(state: HostState) -> Iterator[Seen]:
    for each in state.addresses:
        if each.is_duplicate:
            remedy = f"ip address del {each.address.without_scope}/{each.length} dev {each.interface}, and add another"
            yield seen("DS131", each.interface, f"{each.address} (dadfailed)", each.address.version, remedy=remedy)
        elif each.is_tentative:
            yield seen("DS160", each.interface, str(each.address), each.address.version)
    there = state.of_family(6)
    if not there:
        return
    # One that is tentative is there in a second (RFC 4862 section 5.4): it is told as such, and nothing is concluded.
    beyond = [each for each in there if not each.is_duplicate and reach_of(each.address) is not Reach.LINK]
    shown = _shown(there)
    if not beyond:
        yield seen("DS135", "host", shown, 6)
    elif all(reach_of(each.address) is Reach.UNIQUE_LOCAL for each in beyond):
        yield seen("DS136", "host", _shown(beyond), 6)
    elif all(each.is_deprecated for each in beyond if reach_of(each.address) is Reach.GLOBAL):
        yield seen("DS139", "host", _shown(beyond), 6)


def _shown(states: list[AddressState]) -> str:
    return ", ".join(f"{each.address.without_scope}/{each.length} on {each.interface}" for each in states)


def _ways_out(state: HostState) -> Iterator[Seen]:
    """A family without a way out, where the other has one or has no address: without both the host is meant so."""
    for version, code in ((6, "DS137"), (4, "DS138")):
        mine = state.of_family(version)
        other = 10 - version
        has_other = state.ways_out.get(other) is not None or not state.of_family(other)
        if version not in state.ways_out or state.ways_out[version] is not None or not mine or not has_other:
            continue
        if any(reach_of(each.address) is not Reach.LINK for each in mine) or version == 4:
            way = state.ways_out.get(other)
            beside = f"IPv{other} goes by {way.gateway or way.interface}" if way is not None else "no other way either"
            yield seen(code, "host", f"{_shown(mine)}; {beside}", version)


def _localhost(state: HostState) -> Iterator[Seen]:
    if state.hosts_text is None:
        yield seen("DS162", "host", "/etc/hosts cannot be read")
        return
    found = state.hosts.get("localhost", ())
    versions = {each.version for each in found if each.is_loopback}
    lines = [line.partition("#")[0].split() for line in state.hosts_text.split("\n")]
    number = next((number for number, words in enumerate(lines, 1) if "localhost" in words[1:]), None)
    said = " ".join(lines[number - 1]) if number else "there is no line for localhost"
    for version, code in ((6, "DS147"), (4, "DS148")):
        if version not in versions:
            remedy = f"+{LOOPBACK[version]} localhost" + f"   in {_HOSTS}"
            yield seen(code, _HOSTS, said, version, place=Place(_HOSTS, number or 1), remedy=remedy)
