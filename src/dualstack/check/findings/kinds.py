"""The kinds of what ties a program to one family, each with its law and what to write instead.

The table is the whole of it: a rule finds, a kind says why. Sources: RFC 4038 (porting), Stevens' UNIX
Network Programming, volume 1 ("UNP"), POSIX, and the RFCs that are named.
"""

from dataclasses import dataclass

__all__ = ["BY_CODE", "BY_NAME", "KINDS", "Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of finding.

    Attributes:
        code: as options and comments name it.
        name: a word for it.
        sentence: what is wrong.
        law: where that is written.
        replacement: what to write instead.
    """

    code: str
    name: str
    sentence: str
    law: str
    replacement: str


_TABLE: tuple[tuple[str, str, str, str], ...] = (
    (
        "family-literal-socket",
        (
            "AF_INET or PF_INET is written into socket(), or into a constant that feeds it, where the family "
            "should come from the address."
        ),
        "RFC 4038 5.2, 6.2; UNP 11.6, 12.5; POSIX socket()",
        "take family, type and protocol from getaddrinfo(AF_UNSPEC), or create_connection()/create_server()",
    ),
    (
        "family-default-socket",
        "socket.socket() or socket.create_server() is called without a family, whose default is AF_INET.",
        "RFC 4038 6.2; Python socket",
        "pass the family of the resolved address; for a listener create_server(family=AF_INET6, dualstack_ipv6=True)",
    ),
    (
        "family-server-class",
        "A socketserver, http.server, wsgiref or xmlrpc.server class keeps, or sets, address_family = AF_INET.",
        "RFC 4038 4.1, 6.3.1; UNP 12.2; bpo-20215",
        "set address_family from the bind address (AF_INET6 and IPV6_V6ONLY 0 for the wildcard)",
    ),
    (
        "family-endpoint-arg",
        "family=AF_INET is handed to an asyncio, aiohttp, tornado or similar endpoint (or is its default).",
        "RFC 4038 5.2, 6.2",
        "leave the family out (AF_UNSPEC)",
    ),
    (
        "v6only-unset",
        (
            "An IPv6 listener on the wildcard leaves IPV6_V6ONLY to the system, so whether IPv4 is served "
            "differs by kernel and sysctl."
        ),
        "RFC 3493 5.3; RFC 4038 4.2; UNP 12.2; POSIX IPV6_V6ONLY",
        "set IPV6_V6ONLY explicitly before bind(): 0 for one dual socket, 1 for a socket a family",
    ),
    (
        "bind-wildcard-ipv4",
        "The default listening address is the IPv4 wildcard: 0.0.0.0 or INADDR_ANY.",
        "RFC 4038 5.1, 6.3.1; UNP 4.4, 11.13",
        'default to None/"" through getaddrinfo(AI_PASSIVE), or to :: on a dual socket',
    ),
    (
        "target-literal-ipv4",
        "A service that the program needs is written down as an IPv4 address and has no IPv6 counterpart.",
        "RFC 4038 5.1, 5.4; RFC 3484/6724",
        "use a name, or one address of each family, in configuration",
    ),
    (
        "resolve-ipv4-only",
        (
            "gethostbyname(), gethostbyname_ex(), gethostbyaddr() with four bytes or gethostbyname2(AF_INET) "
            "answers for IPv4 alone."
        ),
        "RFC 4038 5.3; UNP 11.3, 11.4, 11.20; POSIX.1-2008 removed gethostbyname()",
        "getaddrinfo() and getnameinfo()",
    ),
    (
        "resolve-hint-ipv4",
        "getaddrinfo() is asked for AF_INET alone, or its answers of other families are thrown away.",
        "RFC 4038 5.3, 6.2; UNP 11.6; RFC 3493 6.1",
        "ai_family = AF_UNSPEC (with AI_ADDRCONFIG where wanted)",
    ),
    (
        "resolve-first-only",
        "Only the first of the addresses found is tried.",
        "RFC 4038 6.3, 6.3.2; UNP 11.12; RFC 8305",
        "try the whole list in order until one connects, or race it",
    ),
    (
        "resolver-patched",
        "The process's resolver is patched or switched so that every caller gets one family.",
        "RFC 4038 3.2, 5.3",
        "choose the family where the one connection is made, as the user's option",
    ),
    (
        "dns-a-only",
        "DNS is asked for, or given, A records without AAAA.",
        "RFC 3596; RFC 4038 3.2, 5.3",
        "ask for A and AAAA, or use getaddrinfo()",
    ),
    (
        "reverse-in-addr-arpa",
        "A pointer or block-list name is built by reversing four decimal labels.",
        "RFC 3596 2.5; RFC 5782 2.4",
        "ipaddress.ip_address(x).reverse_pointer, or nibbles under ip6.arpa for IPv6",
    ),
    (
        "own-address-ipv4",
        (
            "The host's own address is found by an IPv4-only way: gethostbyname(gethostname()), a UDP connect to "
            "an IPv4 literal, SIOCGIFADDR."
        ),
        "RFC 4038 5.3, 5.4.1; UNP 17.6; RFC 6724",
        "getifaddrs(), or getsockname() of a socket connected to the real peer in its family",
    ),
    (
        "ifaddr-ipv4",
        "Interfaces' addresses are listed or filtered for AF_INET alone (SIOCGIFCONF, getifaddrs, netifaces, psutil).",
        "UNP 17.6; RFC 3493 4; RFC 4038 5.4",
        "getifaddrs() with both families",
    ),
    (
        "hostport-split",
        '"host:port" is parted at a colon without regard to the colons, or the brackets, of an IPv6 address.',
        "RFC 4038 5.1; RFC 3986 3.2.2; RFC 5952 6",
        'urlsplit("//" + text), or a parser that knows [address]:port',
    ),
    (
        "hostport-join",
        "Host and port are joined by a colon, in an address or a URL, without brackets round an IPv6 address.",
        "RFC 4038 5.1; RFC 3986 3.2.2; RFC 5952 6",
        "put brackets round a host that contains a colon",
    ),
    (
        "dotted-quad-regex",
        "A regular expression for addresses matches dotted quads alone.",
        "RFC 4038 5.1; RFC 5952; RFC 4291 2.2",
        "match loosely and let ipaddress or inet_pton() decide",
    ),
    (
        "dotted-quad-parse",
        'An address is parsed by hand at its dots: split("."), rpartition("."), sscanf("%d.%d.%d.%d").',
        "RFC 4038 5.1, 6.2.3; UNP 3.7",
        "ipaddress.ip_address() or inet_pton()",
    ),
    (
        "dotted-quad-format",
        "An address is printed by hand as four decimal numbers.",
        "RFC 4038 5.1, 6.2.3; UNP 3.7, 11.17",
        "getnameinfo(NI_NUMERICHOST), inet_ntop() or str(ip_address)",
    ),
    (
        "text-conv-ipv4",
        "inet_aton(), inet_ntoa(), inet_addr() or inet_network() converts (or is used to validate) an address.",
        "RFC 4038 6.2.3; UNP 3.6, 3.7; POSIX inet_addr() obsolescent",
        "inet_pton()/inet_ntop() with the address's family, ipaddress, or getaddrinfo(AI_NUMERICHOST)",
    ),
    (
        "pton-ipv4",
        "inet_pton() or inet_ntop() is called with AF_INET written down and no other family is tried.",
        "RFC 4038 6.2.3; UNP 3.7, 3.8",
        "pass the address's own family; getnameinfo() where a sockaddr is at hand",
    ),
    (
        "ipaddress-v4-type",
        (
            'An API, annotation or model field takes IPv4Address, IPv4Network or protocol="IPv4" where any '
            "address may come."
        ),
        "RFC 4038 5.4.3, 6.1",
        'ip_address()/ip_network(), IPv4Address | IPv6Address, protocol="both"',
    ),
    (
        "addr-int32",
        "An address is packed, unpacked, read or passed as four bytes or a 32-bit integer.",
        "RFC 4038 5.4.3, 6.1; UNP 3.2",
        "keep a sockaddr_storage, an ip_address object, or family plus up to 16 bytes",
    ),
    (
        "netmask-32",
        "Networks are compared with 32-bit masks.",
        "RFC 4038 5.4.3; RFC 4632, 4291 2.3",
        "ip_network membership, or a prefix comparison over the family's bytes",
    ),
    (
        "storage-sockaddr-in",
        "A peer's or listener's address is held in struct sockaddr_in.",
        "RFC 4038 6.1; UNP 3.2, 12.5; POSIX sockaddr_storage",
        "struct sockaddr_storage and a length",
    ),
    (
        "storage-sockaddr",
        (
            "struct sockaddr (16 bytes), or the size of an IPv4 structure, is used to store, compare or measure "
            "any address."
        ),
        "RFC 4038 6.1; RFC 3493 3.10; UNP 3.2; POSIX sockaddr_storage",
        "struct sockaddr_storage; the length that the call gave (ai_addrlen)",
    ),
    (
        "storage-in-addr",
        "A structure keeps an address as struct in_addr or in_addr_t.",
        "RFC 4038 5.4.3, 6.1",
        "a family and room for 16 bytes, or sockaddr_storage",
    ),
    (
        "text-buffer-16",
        "A buffer for an address's text has 16 bytes or INET_ADDRSTRLEN.",
        "RFC 4038 5.1; RFC 3493 6.3; POSIX INET6_ADDRSTRLEN",
        "INET6_ADDRSTRLEN, or NI_MAXHOST where a zone may follow",
    ),
    (
        "column-15",
        "A database column or model field for an address has room for 15 to 18 characters.",
        "RFC 4038 5.4.3; RFC 5952",
        "45 characters, a native inet type, or GenericIPAddressField",
    ),
    (
        "hash-4-bytes",
        "A hash or key is computed from an address's four bytes.",
        "RFC 4038 5.4.3",
        "hash family and all bytes of the address",
    ),
    (
        "sockaddr-unpack-2",
        "A socket address is unpacked or formatted as a pair, which fails for IPv6's four-tuple.",
        "RFC 4038 6.1; RFC 3493 3.3; Python socket",
        "host, port, *_ = sockaddr",
    ),
    (
        "scope-dropped",
        (
            "A socket address is kept or sent to without its scope (addr[:2], sin6_scope_id left 0), so "
            "link-local peers are lost."
        ),
        "RFC 4007 6, 11; RFC 3493 3.3; RFC 4038 5.1",
        "keep the whole socket address",
    ),
    (
        "loopback-compare",
        '"Is it this host?" is answered by comparing with 127.0.0.1, localhost or INADDR_LOOPBACK.',
        "RFC 4038 5.1; RFC 4291 2.5.3, 2.5.5.2",
        "ip_address(x).is_loopback after unmapping; IN6_IS_ADDR_LOOPBACK too",
    ),
    (
        "prefix-text-match",
        "A network is recognised by the beginning of an address's text.",
        "RFC 4038 5.1; RFC 4193; RFC 4291",
        "ip_address in ip_network, is_private",
    ),
    (
        "mapped-bypass",
        "On a dual socket peers are compared with IPv4 rules although they come as ::ffff:a.b.c.d.",
        "RFC 4038 4.2, 8; RFC 4291 2.5.5.2; RFC 4942 2.2; UNP 12.2, 12.4",
        "unmap (ipv4_mapped, IN6_IS_ADDR_V4MAPPED) before the comparison",
    ),
    (
        "prefix-24",
        "Clients are grouped or masked by the first three decimal octets.",
        "RFC 4038 5.4.3; RFC 6177",
        "a prefix length a family (for instance /32 or /24, and /64)",
    ),
    (
        "switch-no-inet6",
        "A branch on the address family knows AF_INET and not AF_INET6.",
        "RFC 4038 6.1; UNP 3.8, 12.5",
        "add the AF_INET6 branch, or getnameinfo()",
    ),
    (
        "multicast-ipv4-only",
        "A group is joined, or its hop limit, loop or interface set, by the IPv4 option alone.",
        "RFC 4038 5.5; RFC 3493 5.2; UNP 21.6, 21.7",
        "IPV6_JOIN_GROUP and IPV6_MULTICAST_* by the socket's family, or RFC 3678's MCAST_JOIN_GROUP",
    ),
    (
        "tos-ttl-ipv4-only",
        "IP_TOS or IP_TTL is set without IPV6_TCLASS or IPV6_UNICAST_HOPS.",
        "RFC 3542 6.5; RFC 3493 5.1; UNP 7.6, 7.8",
        "set the option of the socket's family (both on a dual socket)",
    ),
    (
        "ancillary-ipv4-only",
        "IP_PKTINFO or SO_ORIGINAL_DST is used without its IPv6 twin.",
        "RFC 3542 6.1; UNP 22.2; ip(7), ipv6(7)",
        "IPV6_RECVPKTINFO and IPV6_PKTINFO, IP6T_SO_ORIGINAL_DST by family",
    ),
    (
        "icmp-ipv4-only",
        "A raw or ping socket speaks ICMP and not ICMPv6.",
        "RFC 4443 4; RFC 3542 3; UNP 28.4, 28.5",
        "IPPROTO_ICMPV6 with its own types for AF_INET6",
    ),
    (
        "broadcast-only",
        "Discovery rests on broadcast, which IPv6 does not have.",
        "RFC 4291 2; RFC 4038 5.5; UNP 20, 21",
        "multicast (ff02::/16) for IPv6, beside the broadcast",
    ),
    (
        "packet-ipv4-only",
        "Captured packets other than IPv4's ethertype are skipped.",
        "RFC 2464; RFC 8200",
        "handle 0x86dd too",
    ),
    (
        "proc-net-ipv4",
        "/proc/net/tcp or psutil's tcp4/inet4 is read without its IPv6 table.",
        "proc(5)",
        'read tcp6/udp6 too, or kind="tcp"',
    ),
    (
        "command-ipv4-only",
        "A command that knows IPv4 alone is run: iptables, route -n, ping -4.",
        "RFC 4038 2",
        "ip6tables/nft inet, ip -6 route, ping without -4",
    ),
    (
        "protocol-ipv4-verb",
        "An application protocol's IPv4-only form is spoken: PASV/PORT, SOCKS address type 1, PROXY TCP4.",
        "RFC 2428; RFC 1928 5; PROXY protocol 2.1; RFC 4038 5.4.2",
        "EPSV/EPRT, address types 1, 3 and 4, TCP4 or TCP6 by family",
    ),
)

_OF_FILES = (
    Kind(
        "DS298",
        "syntax-error",
        "The file is not of the language that its name says, so nothing in it was looked at.",
        "the language's grammar",
        "correct the line, or leave the file out",
    ),
    Kind(
        "DS299",
        "not-read",
        "The file cannot be read, so nothing in it was looked at.",
        "what the system says",
        "name a text file that can be read, or leave it out",
    ),
)

KINDS: tuple[Kind, ...] = (*(Kind(f"DS{number}", *row) for number, row in enumerate(_TABLE, 201)), *_OF_FILES)
BY_NAME = {kind.name: kind for kind in KINDS}
BY_CODE = {kind.code: kind for kind in KINDS}
