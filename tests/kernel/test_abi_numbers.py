"""Numbers of the kernel's interface that Python has no names for: those of its headers, where these are installed."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HEADERS = Path("/usr/include")

# (module, its name, the header's name, value, header)
NUMBERS = [
    ("socket_options", "IP_BIND_ADDRESS_NO_PORT", "IP_BIND_ADDRESS_NO_PORT", 24, "linux/in.h"),
    ("addresses", "_NETLINK_ROUTE", "NETLINK_ROUTE", 0, "linux/netlink.h"),
    ("addresses", "_RTM_GETADDR", "RTM_GETADDR", 22, "linux/rtnetlink.h"),
    ("addresses", "_IFA_ADDRESS", "IFA_ADDRESS", 1, "linux/if_addr.h"),
    ("addresses", "_IFA_LOCAL", "IFA_LOCAL", 2, "linux/if_addr.h"),
    ("error_queue", "_IP_RECVERR", "IP_RECVERR", 11, "linux/in.h"),
    ("error_queue", "_IPV6_RECVERR", "IPV6_RECVERR", 25, "linux/in6.h"),
    ("facts", "_CAP_NET_BIND_SERVICE", "CAP_NET_BIND_SERVICE", 10, "linux/capability.h"),
    ("facts", "_NS_GET_USERNS", "NS_GET_USERNS", 0xB701, "linux/nsfs.h"),
    ("icmp_sockets", "_IP_TTL", "IP_TTL", 2, "linux/in.h"),
    ("icmp_sockets", "_IP_RECVTTL", "IP_RECVTTL", 12, "linux/in.h"),
    ("icmp_sockets", "_IPV6_RECVHOPLIMIT", "IPV6_RECVHOPLIMIT", 51, "linux/in6.h"),
    ("icmp_sockets", "_IPV6_HOPLIMIT", "IPV6_HOPLIMIT", 52, "linux/in6.h"),
    ("icmp_sockets", "_IPPROTO_IPV6", "IPPROTO_IPV6", 41, "linux/in.h"),
    ("icmp_sockets", "_SO_TIMESTAMPNS_NEW", "SO_TIMESTAMPNS_NEW", 64, "asm-generic/socket.h"),
    ("icmp_sockets", "_SOL_RAW", "SOL_RAW", 255, "linux/socket.h"),
    ("icmp_sockets", "_ICMP_FILTER", "ICMP_FILTER", 1, "linux/icmp.h"),
    ("icmp_sockets", "_ECHO_REPLY_6", "ICMPV6_ECHO_REPLY", 129, "linux/icmpv6.h"),
    ("namespaces", "MS_NOSUID", "MS_NOSUID", 2, "linux/mount.h"),
    ("namespaces", "MS_NODEV", "MS_NODEV", 4, "linux/mount.h"),
    ("namespaces", "MS_BIND", "MS_BIND", 4096, "linux/mount.h"),
    ("namespaces", "MS_REC", "MS_REC", 16384, "linux/mount.h"),
    ("namespaces", "MS_PRIVATE", "MS_PRIVATE", 1 << 18, "linux/mount.h"),
    ("namespaces", "_PR_SET_PDEATHSIG", "PR_SET_PDEATHSIG", 1, "linux/prctl.h"),
    ("netlink", "_NLMSG_ERROR", "NLMSG_ERROR", 2, "linux/netlink.h"),
    ("netlink", "_NLMSG_DONE", "NLMSG_DONE", 3, "linux/netlink.h"),
    ("netlink", "_NLM_F_REQUEST", "NLM_F_REQUEST", 1, "linux/netlink.h"),
    ("netlink", "_NLM_F_DUMP", "NLM_F_DUMP", 0x300, "linux/netlink.h"),
    ("netlink", "_NLM_F_DUMP_INTR", "NLM_F_DUMP_INTR", 16, "linux/netlink.h"),
    ("netlink", "_NLA_TYPE_MASK", "NLA_TYPE_MASK", 0x3FFF, "linux/netlink.h"),
    ("packets", "_SOL_PACKET", "SOL_PACKET", 263, "linux/socket.h"),
    ("packets", "_PACKET_VNET_HDR", "PACKET_VNET_HDR", 15, "linux/if_packet.h"),
    ("packets", "_PACKET_IGNORE_OUTGOING", "PACKET_IGNORE_OUTGOING", 23, "linux/if_packet.h"),
    ("packets", "_ETH_P_ALL", "ETH_P_ALL", 3, "linux/if_ether.h"),
    ("routes", "_RTM_GETROUTE", "RTM_GETROUTE", 26, "linux/rtnetlink.h"),
    ("routes", "RTM_F_FIB_MATCH", "RTM_F_FIB_MATCH", 0x2000, "linux/rtnetlink.h"),
    ("sockdiag", "_NETLINK_SOCK_DIAG", "NETLINK_SOCK_DIAG", 4, "linux/netlink.h"),
    ("sockdiag", "_SOCK_DIAG_BY_FAMILY", "SOCK_DIAG_BY_FAMILY", 20, "linux/sock_diag.h"),
    ("sockdiag", "_INET_DIAG_SKV6ONLY", "INET_DIAG_SKV6ONLY", 11, "linux/inet_diag.h"),
    ("sockdiag", "_TCP_ESTABLISHED", "TCP_ESTABLISHED", 1, "netinet/tcp.h"),
    ("sockdiag", "_TCP_CLOSE", "TCP_CLOSE", 7, "netinet/tcp.h"),
    ("sockdiag", "_TCP_LISTEN", "TCP_LISTEN", 10, "netinet/tcp.h"),
    ("sockdiag", "_TCP_BOUND_INACTIVE", "TCP_BOUND_INACTIVE", 13, "net/tcp_states.h"),
]


def defined(name: str, header: str) -> Iterator[int]:
    """What a `#define` of the header says, where it is installed and says a number."""
    path = HEADERS / header
    text = path.read_text(errors="replace") if path.exists() else ""
    for said in re.findall(rf"^#\s*define\s+{name}\s+(0x[0-9a-fA-F]+|\d+)\b(?!\s*<<)", text, re.MULTILINE):
        yield int(said, 0)


@pytest.mark.parametrize(("module", "name", "there", "value", "header"), NUMBERS, ids=str)
def test_a_number_of_the_kernels_is_that_of_its_header(
    module: str, name: str, there: str, value: int, header: str
) -> None:
    assert getattr(importlib.import_module(f"dualstack.kernel.{module}"), name) == value
    for said in defined(there, header):
        assert said == value
