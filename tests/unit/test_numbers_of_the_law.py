"""Numbers that others have laid down, or that our pages promise: each with where it stands."""

import importlib
import socket
import struct

import pytest

from dualstack.core.dial.timing import Timing
from dualstack.core.ping.plan import PingWishes
from dualstack.core.ping.probes import Schedule
from dualstack.errors import ConfigError

NUMBERS = [
    ("core.dial.timing", "RESOLUTION_DELAY_S", 0.050, "RFC 8305 section 8"),
    ("core.dial.timing", "ATTEMPT_DELAY_S", 0.250, "RFC 8305 section 8"),
    ("core.dial.timing", "LEAST_ATTEMPT_DELAY_S", 0.010, "RFC 8305 section 8"),
    ("core.dial.history", "DELAY_MIN_S", 0.100, "RFC 8305 section 8"),
    ("core.dial.history", "DELAY_MAX_S", 2.0, "RFC 8305 section 8"),
    ("core.dial.history", "_ALPHA", 0.125, "RFC 6298 section 2"),
    ("core.dial.history", "_BETA", 0.25, "RFC 6298 section 2"),
    ("core.dial.history", "_K", 4, "RFC 6298 section 2"),
    ("core.dial.history", "_SHIFT", {4: 8, 6: 64}, "24 bits of IPv4, 64 of IPv6"),
    ("core.dial.history", "PENALTY_S", 600.0, "docs/design/race.md: at most ten minutes"),
    ("core.dial.history", "PROBE_EVERY_S", 60.0, "docs/design/race.md: once a minute"),
    ("core.dial.race", "PATIENCE_S", 3.0, "RFC 6298: 1 s, then 2 s"),
    ("core.dial.resolution", "SERVICES", 65, "RFC 9460: the type of HTTPS records"),
    ("core.simulation.host", "_FIRST_EPHEMERAL", 49152, "RFC 6335 section 6"),
    ("core.simulation.socket", "ETHERTYPES", {4: 0x0800, 6: 0x86DD}, "IEEE 802 numbers"),
    ("core.ping.plan", "_SIZE_MAX", 65507, "RFC 791"),
    ("core.ping.probes", "_SEQUENCES", 65536, "RFC 792: 16 bits"),
    ("core.ping.echo", "_UINT16_MAX", 65535, "RFC 792: 16 bits"),
    ("core.address.sockaddr", "_AF_INET", 2, "every system's"),
    ("core.address.sockaddr", "_SIZES", {4: 16, 6: 28}, "RFC 3493: sockaddr_in and sockaddr_in6"),
    ("core.address.sockaddr", "_FLOW_LABEL", 0xFFFFF, "RFC 8200 section 3: 20 bits"),
    ("core.address.embedded", "NAT64_LENGTHS", (32, 40, 48, 56, 64, 96), "RFC 6052 section 2.2"),
    ("core.address.embedded", "ISATAP_MASK", 0xFDFFFFFF00000000, "RFC 5214 section 6.1: the u bit is either"),
    ("core.address.embedded", "ISATAP_BITS", 0x00005EFE00000000, "RFC 5214 section 6.1"),
    ("core.address.endpoint", "PORT_MAX", 65535, "16 bits"),
    ("core.flow_table", "QUESTION_IDLE_S", 30.0, "docs/how-to/udp-server.md"),
    ("core.flow_table", "CONVERSATION_IDLE_S", 120.0, "RFC 4787 REQ-5: two minutes"),
    ("core.address.prefix", "_MAPPED_LENGTH", 96, "RFC 4291 section 2.5.5.2"),
    ("core.dial.service_records", "_KNOWN_KEYS", frozenset({0, 1, 2, 3, 4, 6}), "RFC 9460 section 14.3.2, without ech"),
    ("core.dial.service_records", "ALIAS_STEPS", 8, "RFC 9460 section 2.4.2: a limit"),
    ("wire.dns", "FORMERR", 1, "RFC 1035 section 4.1.1"),
    ("wire.dns", "SERVFAIL", 2, "RFC 1035 section 4.1.1"),
    ("wire.dns", "NXDOMAIN", 3, "RFC 1035 section 4.1.1"),
    ("wire.dns", "NOTIMP", 4, "RFC 1035 section 4.1.1"),
    ("wire.http1", "HEAD_MAX", 16384, "docs/how-to/proxy.md"),
    ("wire.http1", "_LINE_MAX", 1024, "a chunk's line has a size and extensions, which nobody uses"),
    ("core.access.client_key", "_HALF", 8, "a /64: RFC 4291 section 2.5.1"),
    ("core.access.client_key", "_LINK_LOCAL", 0x3FA, "RFC 4291 section 2.5.6: fe80::/10"),
    ("core.access.wrong_passwords", "FIRST_S", 0.1, "docs/how-to/proxy.md"),
    ("core.access.wrong_passwords", "LONGEST_S", 8.0, "docs/how-to/proxy.md"),
    ("core.address.address", "BITS", {4: 32, 6: 128}, "RFC 791, RFC 4291"),
    ("core.address.address", "_MAPPED", 0xFFFF, "RFC 4291 section 2.5.5.2"),
    ("core.address.address", "_LINK_LOCAL", 0x3FA, "RFC 4291 section 2.5.6"),
    ("core.address.address", "_SITE_LOCAL", 0x3FB, "RFC 3879"),
    ("core.address.address", "_SCOPE_ID_MAX", 0xFFFFFFFF, "RFC 3493 section 3.3"),
    ("core.address.address", "_MC_NODELOCAL", 1, "RFC 7346 section 2"),
    ("core.address.address", "_MC_LINKLOCAL", 2, "RFC 7346 section 2"),
    ("core.address.address", "_MC_SITELOCAL", 5, "RFC 7346 section 2"),
    ("core.address.address", "_MC_ORGLOCAL", 8, "RFC 7346 section 2"),
    ("core.address.address", "_MC_GLOBAL", 14, "RFC 7346 section 2"),
    ("core.address.address", "_MC_FLAG_PREFIX", 2, "RFC 3306 section 4"),
    ("core.address.endpoint", "_NAME_MAX", 253, "RFC 1035 section 2.3.4"),
    ("core.address.idna", "_LABEL_MAX", 63, "RFC 1035 section 2.3.4"),
    ("core.dial.resolv_conf", "_SERVERS_MAX", 3, "resolv.conf(5): MAXNS"),
    ("core.dial.resolv_conf", "_NDOTS_MAX", 15, "resolv.conf(5)"),
    ("core.dial.resolv_conf", "_TIMEOUT_MAX", 30, "resolv.conf(5)"),
    ("core.dial.resolv_conf", "_ATTEMPTS_MAX", 5, "resolv.conf(5)"),
    ("core.dial.resolv_conf", "_NAME_MAX", 253, "RFC 1035 section 2.3.4"),
    ("core.dial.policy_table", "_MAPPED", 0xFFFF00000000, "RFC 6724 section 3.2"),
    ("core.dial.policy_table", "_LINK_LOCAL", 2, "RFC 6724 section 3.1"),
    ("core.dial.policy_table", "_SITE_LOCAL", 5, "RFC 6724 section 3.1"),
    ("core.dial.policy_table", "_GLOBAL", 14, "RFC 6724 section 3.1"),
    ("core.domino.keys", "NRPC_NUMBER", 1352, "IANA: lotusnote"),
    ("core.oracle.linux_udp", "_LONG", 10, "net/ipv4/udp.c: hslot->count > 10"),
    ("core.simulation.figures", "PORT", 9999, "Stevens, chapter 12: SERV_PORT is one of ours"),
    ("wire.crc32c", "_POLYNOMIAL", 0x82F63B78, "RFC 9260 appendix A, reflected"),
    ("wire.dns", "_TYPES", {4: 1, 6: 28}, "RFC 1035 section 3.2.2, RFC 3596"),
    ("wire.dns", "_SIZES", {4: 4, 6: 16}, "RFC 1035, RFC 3596"),
    ("wire.dns", "_IN", 1, "RFC 1035 section 3.2.4"),
    ("wire.dns", "_IS_ANSWER", 0x8000, "RFC 1035 section 4.1.1: QR"),
    ("wire.dns", "_IS_CUT", 0x0200, "RFC 1035 section 4.1.1: TC"),
    ("wire.dns", "_WANTS_RECURSION", 0x0100, "RFC 1035 section 4.1.1: RD"),
    ("wire.dns", "_CODE", 0x000F, "RFC 1035 section 4.1.1: RCODE"),
    ("wire.dns", "_LABEL_MAX", 63, "RFC 1035 section 2.3.4"),
    ("wire.dns", "_NAME_MAX", 253, "RFC 1035 section 2.3.4"),
    ("wire.dns", "_OPT", b"\0\0\x29\x04\xd0\0\0\0\0\0\0", "RFC 6891 section 6.1.2, 1232 bytes"),
    ("wire.http1", "_BODILESS", frozenset({204, 304}), "RFC 9112 section 6.3"),
    ("wire.icmp", "_REQUEST", {4: 8, 6: 128}, "RFC 792, RFC 4443"),
    ("wire.icmp", "_REPLY", {4: 0, 6: 129}, "RFC 792, RFC 4443"),
    ("wire.icmp", "_UNREACHABLE", 3, "RFC 792"),
    ("wire.icmp", "_FRAGMENTATION_NEEDED", 4, "RFC 792"),
    ("wire.icmp", "_ICMP", 1, "IANA protocol numbers"),
    ("wire.icmp", "_ICMPV6", 58, "IANA protocol numbers"),
    ("wire.icmp", "_FRAGMENT_OFFSET", 0x1FFF, "RFC 791 section 3.1"),
    ("wire.icmp", "_HOP_BY_HOP", 0, "RFC 8200 section 4"),
    ("wire.icmp", "_ROUTING", 43, "RFC 8200 section 4"),
    ("wire.icmp", "_FRAGMENT", 44, "RFC 8200 section 4"),
    ("wire.icmp", "_DESTINATION_OPTIONS", 60, "RFC 8200 section 4"),
    ("wire.proxy_protocol", "_HEAD_V2", 16, "proxy-protocol.txt section 2.2"),
    ("wire.proxy_protocol", "_LINE_MAX", 107, "proxy-protocol.txt section 2.1"),
    ("wire.proxy_protocol", "_LOCAL", 0x20, "proxy-protocol.txt section 2.2"),
    ("wire.proxy_protocol", "_PROXY", 0x21, "proxy-protocol.txt section 2.2"),
    ("wire.proxy_protocol", "_TCP", {0x11: 4, 0x21: 16}, "proxy-protocol.txt section 2.2"),
    (
        "wire.proxy_protocol",
        "_BLOCKS",
        {0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216},
        "proxy-protocol.txt section 2.2",
    ),
    ("wire.proxy_protocol", "_TLV_HEAD", 3, "proxy-protocol.txt section 2.2.1"),
    ("wire.proxy_protocol", "_TLV_CRC32C", 3, "proxy-protocol.txt section 2.2: PP2_TYPE_CRC32C"),
    ("wire.socks4", "VERSION", 4, "SOCKS4"),
    ("wire.socks4", "_CONNECT", 1, "SOCKS4"),
    ("wire.socks4", "_HEAD", 8, "SOCKS4: version, command, port, address"),
    ("wire.socks5", "VERSION", 5, "RFC 1928"),
    ("wire.socks5", "_NO_METHOD", 0xFF, "RFC 1928 section 3"),
    ("wire.socks5", "_LOGIN_VERSION", 1, "RFC 1929 section 2"),
    ("wire.socks5", "_CONNECT", 1, "RFC 1928 section 4"),
    ("wire.socks5", "_BIND", 2, "RFC 1928 section 4"),
    ("wire.socks5", "_ASSOCIATE", 3, "RFC 1928 section 4"),
    ("wire.socks5", "_NAME_MAX", 255, "RFC 1928 section 5: a byte of length"),
    ("wire.socks5_udp", "_FRAGMENT", 2, "RFC 1928 section 7"),
    ("wire.socks5_udp", "_KIND", 3, "RFC 1928 section 7"),
    ("wire.socks5_udp", "_ADDRESS", 4, "RFC 1928 section 7"),
    ("wire.socks5_udp", "_PORT", 2, "RFC 1928 section 7"),
    ("kernel.attempts", "_DISCARD", 9, "RFC 863"),
    ("kernel.bound_device", "_SO_BINDTOIFINDEX", 62, "asm-generic/socket.h"),
    ("kernel.datagrams", "_IP_RECVDSTADDR", 7, "netinet/in.h of the BSDs"),
    (
        "kernel.datagrams",
        "_ERROR_OPTIONS",
        {socket.AF_INET: (0, 11), socket.AF_INET6: (41, 25)},
        "linux/in.h, linux/in6.h: IP_RECVERR, IPV6_RECVERR",
    ),
    ("kernel.addresses", "_IFA_F_DADFAILED", 0x08, "linux/if_addr.h"),
    ("kernel.addresses", "_IFA_F_TENTATIVE", 0x40, "linux/if_addr.h"),
    ("kernel.addresses", "_IFA_F_OPTIMISTIC", 0x04, "linux/if_addr.h"),
    ("kernel.addresses", "IFA_F_TEMPORARY", 0x01, "linux/if_addr.h"),
    ("kernel.icmp_sockets", "_PROTOCOL", {4: 1, 6: 58}, "IANA protocol numbers"),
    ("kernel.error_queue", "_ORIGIN_ICMP", frozenset({2, 3}), "linux/errqueue.h"),
    ("kernel.icmp_sockets", "_ERRORS_6", (1, 2, 3, 4), "RFC 4443 section 2.1"),
    ("kernel.routes", "_NETLINK_ROUTE", 0, "linux/netlink.h"),
    ("kernel.routes", "_RTM_GETROUTE", 26, "linux/rtnetlink.h"),
    ("kernel.routes", "RTM_F_FIB_MATCH", 0x2000, "linux/rtnetlink.h"),
    ("kernel.routes", "_RTA_DST", 1, "linux/rtnetlink.h"),
    ("kernel.routes", "RTA_OIF", 4, "linux/rtnetlink.h"),
    ("kernel.routes", "RTA_GATEWAY", 5, "linux/rtnetlink.h"),
    ("kernel.routes", "RTA_MULTIPATH", 9, "linux/rtnetlink.h"),
    ("kernel.routes", "RTA_VIA", 18, "linux/rtnetlink.h"),
    ("kernel.routes", "RTA_PREFSRC", 7, "linux/rtnetlink.h"),
    ("kernel.routes", "RTN_LOCAL", 2, "linux/rtnetlink.h"),
    ("kernel.routes", "RTN_UNICAST", 1, "linux/rtnetlink.h"),
    ("kernel.nearness", "_OWN", frozenset({2, 3, 4, 5}), "linux/rtnetlink.h: local, broadcast, anycast, multicast"),
    ("kernel.netlink", "_RTMGRP_LINK", 0x1, "linux/rtnetlink.h"),
    ("kernel.netlink", "_RTMGRP_IPV4_IFADDR", 0x10, "linux/rtnetlink.h"),
    ("kernel.netlink", "_RTMGRP_IPV6_IFADDR", 0x100, "linux/rtnetlink.h"),
    ("kernel.sockdiag", "_CONNECTED", frozenset({1, 2, 3, 4, 5, 6, 8, 9, 11}), "net/tcp_states.h"),
    ("kernel.sockdiag", "_STARTTIME", 19, "proc(5): starttime is the 22nd field, the third behind the name first"),
    (
        "kernel.sockets",
        "_FREEBIND",
        {socket.AF_INET: (0, 15), socket.AF_INET6: (41, 78)},
        "linux/in.h, linux/in6.h: IP_FREEBIND, IPV6_FREEBIND",
    ),
    ("kernel.streams", "_LINGER_NOT", struct.pack("ii", 1, 0), "socket(7): SO_LINGER, on for no time"),
    ("kernel.streams", "_PROBES", 4, "docs/reference/configuration.md: noticed after twice `keepalive`"),
    ("kernel.streams", "_IDLE_MAX_S", 32767, "include/net/tcp.h: MAX_TCP_KEEPIDLE"),
    ("kernel.trial.namespace", "_OTHER_USER", 65534, "nobody"),
    ("kernel.trial.trial", "_NO_INTERFACE", 0x7FFFFFFF, "the highest number that an interface may have"),
    ("kernel.trial.trial", "_RESET", struct.pack("ii", 1, 0), "socket(7): SO_LINGER, on for no time"),
    ("net.names.dns_exchange", "_ANSWERS", frozenset({0, 3}), "RFC 1035 section 4.1.1: no error, no such name"),
    ("net.names.getaddrinfo", "_NAME_MAX", 253, "RFC 1035 section 2.3.4"),
    ("net.names.getaddrinfo", "_LABEL_MAX", 63, "RFC 1035 section 2.3.4"),
    ("net.names.dns_resolver", "_PORT", 53, "RFC 1035"),
    ("net.names.dns_resolver", "_RECORD_TYPES", {"SVCB": 64, "HTTPS": 65}, "RFC 9460 section 14.1"),
    ("net.dial.service_lookup", "_HTTPS_PORT", 443, "RFC 9110 section 4.2.2"),
    ("net.dial.target", "_PORT_MAX", 65535, "16 bits"),
    ("kernel.socket_options", "BACKLOG", 4096, "net.core.somaxconn since Linux 5.4"),
    ("kernel.descriptor_passing", "DESCRIPTORS_MAX", 128, "below the kernel's SCM_MAX_FD, 253"),
]


@pytest.mark.parametrize(("module", "name", "value", "law"), NUMBERS, ids=str)
def test_a_number_is_the_laws(module: str, name: str, value: object, law: str) -> None:
    found = getattr(importlib.import_module(f"dualstack.{module}"), name)
    assert (dict(found) if isinstance(value, dict) else found) == value, law


def wishes(**wished: object) -> PingWishes:
    schedule = {name: wished.pop(name) for name in list(wished) if name not in {"family", "hop_limit"}}
    return PingWishes(Schedule(**schedule), **wished)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "values", "beyond"),
    [
        ("hop_limit", (1, 255), (0, 256, 1.0, True)),
        ("size_bytes", (0, 65507), (-1, 65508, 1.0)),
        ("count", (1, 10**9), (0, -1, 1.5)),
        ("interval_s", (0.01, 86400.0, 1), (0.0099, 0.0, -1.0, float("inf"), float("nan"), True)),
        ("timeout_s", (0.001, 86400.0, 1), (0.0009, 0.0, -1.0, float("inf"), float("nan"), True)),
        ("family", (0, 4, 6), (1, 3, 5, 7, -4)),
    ],
)
def test_a_wish_of_ping_may_be_as_little_and_as_much_as_this(
    key: str, values: tuple[object, ...], beyond: tuple[object, ...]
) -> None:
    for value in values:
        made = wishes(**{key: value})
        assert getattr(made.schedule if hasattr(made.schedule, key) else made, key) == value
    for value in beyond:
        with pytest.raises(ConfigError) as refused:
            wishes(**{key: value})
        assert refused.value.key == key


@pytest.mark.parametrize(
    ("key", "values", "beyond"),
    [
        ("resolution_delay_s", (0, 0.05, 60.0), (-0.001, float("nan"))),
        ("attempt_delay_s", (None, 0.010, 2.0), (0.009, 0.0, -1.0, float("nan"))),
        ("first_family_count", (1, 9), (0, -1)),
        ("in_flight", (1, 99), (0, -1)),
    ],
)
def test_a_timing_may_be_as_little_and_as_much_as_this(
    key: str, values: tuple[object, ...], beyond: tuple[object, ...]
) -> None:
    for value in values:
        assert getattr(Timing(**{key: value}), key) == value  # type: ignore[arg-type]
    for value in beyond:
        with pytest.raises(ValueError, match=r"at least|0 or more"):
            Timing(**{key: value})  # type: ignore[arg-type]
