"""The findings about a host as it runs, and which of them explains which: DS122 to DS169.

`HIDES` is the order of things below a network: what stands lower explains what is seen above it.
"""

from collections.abc import Mapping
from types import MappingProxyType

from dualstack.doctor.kinds import Kind, Severity

__all__ = ["HIDES", "HOST_KINDS"]

_ERROR, _WARNING, _NOTE, _UNKNOWN = Severity.ERROR, Severity.WARNING, Severity.NOTE, Severity.UNKNOWN

# In the order in which they are told among those of one severity.
HOST_KINDS: tuple[Kind, ...] = (
    Kind(
        "DS130",
        _WARNING,
        "this host has no IPv6",
        "No program of this host can be reached over IPv6 or reach anybody over it; some do not even start.",
        "Let the kernel have IPv6: disable_ipv6 = 0 on every interface, no ipv6.disable=1 on its command line.",
    ),
    Kind(
        "DS131",
        _WARNING,
        "an address is another host's too",
        "Duplicate address detection (RFC 4862 section 5.4) found another host with it: no socket can be bound to it, "
        "and nothing is sent from it.",
        "Give one of the two hosts another address.",
    ),
    Kind(
        "DS132",
        _WARNING,
        "the loopback interface is down",
        "Programs of this host cannot talk to one another by 127.0.0.1 or ::1.",
        "ip link set lo up",
    ),
    Kind(
        "DS133",
        _WARNING,
        "the loopback interface has no ::1",
        "What listens on localhost over IPv6 does not start, and who connects to ::1 is refused.",
        "ip -6 address add ::1/128 dev lo",
    ),
    Kind(
        "DS134",
        _WARNING,
        "the loopback interface has no 127.0.0.1",
        "What listens on localhost over IPv4 does not start.",
        "ip address add 127.0.0.1/8 dev lo",
    ),
    Kind(
        "DS135",
        _WARNING,
        "IPv6 has link-local addresses alone",
        "No router has advertised a prefix (RFC 4861), and none was configured: IPv6 ends at the link.",
        "Have the router advertise a prefix, or configure an address.",
    ),
    Kind(
        "DS136",
        _WARNING,
        "IPv6 has unique local addresses alone",
        "Nobody outside of the site is reached from fc00::/7 (RFC 4193), and where a name has both families IPv4 is "
        "tried first (RFC 6724 section 2.1).",
        "Have a global prefix advertised, or configure a global address.",
    ),
    Kind(
        "DS137",
        _WARNING,
        "IPv6 has no default route",
        "Whatever is not on a link of this host is unreachable over IPv6, though it has addresses.",
        "ip -6 route add default via ROUTER dev INTERFACE, or have the router advertise itself.",
    ),
    Kind(
        "DS138",
        _WARNING,
        "IPv4 has no default route",
        "Whatever is not on a link of this host is unreachable over IPv4, though it has addresses.",
        "ip route add default via ROUTER dev INTERFACE",
    ),
    Kind(
        "DS139",
        _WARNING,
        "every global IPv6 address is deprecated",
        "Their preferred lifetime is over (RFC 4862 section 5.5.4): new connections are made over IPv4, if at all.",
        "Have the router advertise the prefix with a lifetime.",
    ),
    Kind(
        "DS140",
        _ERROR,
        "a path ends behind the first router",
        "The router answers, and nothing beyond it does: who tries this family first waits until it gives up.",
        "Mend the router's way on for this family, or have it advertise none (router lifetime 0).",
    ),
    Kind(
        "DS141",
        _ERROR,
        "large packets are lost without a word",
        "A path MTU black hole: a link on the way takes smaller packets than this host's, and the ICMP message that "
        "says so is dropped (RFC 4890 section 4.3.1). Connections are made, and then hang.",
        "Let ICMPv6 type 2 and ICMP type 3 code 4 pass, clamp the MSS at the router, or set the MTU that fits here.",
    ),
    Kind(
        "DS142",
        _ERROR,
        "no resolver answers",
        "No name can be looked up: every program that is given a name waits for the resolver's limit and fails.",
        "Name a resolver in /etc/resolv.conf that answers.",
    ),
    Kind(
        "DS143",
        _WARNING,
        "a resolver does not answer",
        "Each lookup that begins with it waits for its limit, five seconds by default, before the next one is asked.",
        "Take it out of /etc/resolv.conf, or start it.",
    ),
    Kind(
        "DS144",
        _WARNING,
        "a resolver drops questions for IPv6 addresses",
        "It answers A and is silent to AAAA: each lookup of both families waits for its limit.",
        "Use another resolver, or mend what stands before it: a firewall that reads DNS, an old forwarder.",
    ),
    Kind(
        "DS145",
        _WARNING,
        "a resolver answers AAAA with an error",
        "It answers A without one. An error says that there is no such name or no answer (RFC 4074): some programs "
        "then take the name for missing in both families.",
        "Use another resolver, or mend it: a name without AAAA has an empty answer.",
    ),
    Kind(
        "DS146",
        _WARNING,
        "DNS64 without a NAT64 that works",
        "The resolver makes up IPv6 addresses for names that have IPv4 alone, and nothing translates what goes there.",
        "Start the NAT64, route its prefix to it, or switch DNS64 off at the resolver.",
    ),
    Kind(
        "DS147",
        _WARNING,
        "localhost has no IPv6 address in the hosts file",
        "A client that asks for localhost gets 127.0.0.1 alone, and what listens on ::1 alone is not found.",
        "Add a line: ::1 localhost",
    ),
    Kind(
        "DS148",
        _WARNING,
        "localhost has no IPv4 address in the hosts file",
        "A client that asks for localhost gets ::1 alone, and what listens on 127.0.0.1 alone is not found.",
        "Add a line: 127.0.0.1 localhost",
    ),
    Kind(
        "DS149",
        _WARNING,
        "net.ipv6.bindv6only is 1",
        "A program that listens on :: and says nothing of IPV6_V6ONLY gets IPv6 alone here, and both families "
        "elsewhere: its IPv4 clients are refused.",
        "sysctl -w net.ipv6.bindv6only=0, and the same in /etc/sysctl.d/; then restart what listens.",
    ),
    Kind(
        "DS150",
        _WARNING,
        "settings and sockets differ",
        "What it listens on is not what its settings say: they were changed and it was not restarted, or they are not "
        "the ones that it was started with.",
        "Restart it.",
    ),
    Kind(
        "DS151",
        _WARNING,
        "a program serves IPv4 clients alone",
        "It listens on every IPv4 address, and no socket on its port receives IPv6.",
        "Let it listen on :: too.",
    ),
    Kind(
        "DS152",
        _WARNING,
        "a program serves IPv6 clients alone",
        "It listens on :: with IPV6_V6ONLY, and no socket on its port receives IPv4.",
        "Let it listen on 0.0.0.0 too, or clear IPV6_V6ONLY.",
    ),
    Kind(
        "DS153",
        _WARNING,
        "a socket is not reached though it listens",
        "By its address and flag it receives the family; a packet filter or an access list stands before it.",
        "Look at nft list ruleset and at the program's access list.",
    ),
    Kind(
        "DS154",
        _WARNING,
        "a host that was named is not reached over one family",
        "Clients that try this family first wait for it.",
        "Look at the host and at the way to it.",
    ),
    Kind(
        "DS155",
        _NOTE,
        "gai.conf prefers IPv4",
        "The policy table of this host has IPv4 addresses first (RFC 6724 section 2.1), whatever the family is worth.",
        "Nothing where that is meant.",
    ),
    Kind(
        "DS156",
        _NOTE,
        "an installed daemon would not serve both families",
        "It does not run here; with its settings as they are it would be as said.",
        "Change the setting before it is started.",
    ),
    Kind(
        "DS157",
        _NOTE,
        "this host has no address beyond the loopback's",
        "It is linked to nothing, or what configures its addresses has not done so.",
        "Nothing where that is meant.",
    ),
    Kind(
        "DS158",
        _NOTE,
        "one family has no address beyond the loopback's",
        "The host has the other family alone.",
        "Nothing where that is meant; a host with IPv6 alone needs NAT64 for the rest of the world.",
    ),
    Kind(
        "DS159",
        _NOTE,
        "no resolver is named",
        "/etc/resolv.conf is missing or names none: the C library asks 127.0.0.1.",
        "Name a resolver, or nothing where names are not looked up.",
    ),
    Kind(
        "DS160",
        _NOTE,
        "an address is tentative",
        "The kernel still looks for it on other hosts (RFC 4862 section 5.4); no socket can be bound to it yet.",
        "Wait for a second; if it stays, look at the link.",
    ),
    Kind(
        "DS163",
        _NOTE,
        "its settings do not explain its sockets",
        "No file of it was changed since it was started: an option on its command line, another version, or what this "
        "program does not know of the daemon.",
        "Look at how it is started; who reaches it is told by its sockets.",
    ),
    Kind(
        "DS161",
        _NOTE,
        "whether a path goes on behind the first router was not looked at",
        "Nothing is sent to anybody who was not named: resolv.conf has no server there, and no host was given.",
        "Name a host that has both families: dualstack doctor --reach NAME",
    ),
    Kind(
        "DS162",
        _UNKNOWN,
        "something could not be looked at",
        "What is missing is said; nothing was guessed in its place.",
        "Run it as root, or in a place that may read it.",
    ),
)

_NO_IPV6 = ("DS133", "DS135", "DS136", "DS137", "DS139", "DS143", "DS142", "DS147", "DS149", "DS154", "DS158", "DS161")

HIDES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "DS130": _NO_IPV6,
        "DS132": ("DS133", "DS134"),
        "DS131": ("DS135", "DS136", "DS137", "DS143", "DS142", "DS154", "DS158", "DS161", "DS146"),
        "DS135": ("DS137", "DS143", "DS142", "DS154", "DS161", "DS146"),
        "DS136": ("DS137", "DS154", "DS161", "DS146"),
        "DS139": ("DS154",),
        "DS137": ("DS143", "DS142", "DS154", "DS161", "DS146"),
        "DS138": ("DS143", "DS142", "DS154"),
        "DS140": ("DS143", "DS142", "DS154", "DS161", "DS146", "DS141"),
        "DS141": ("DS154",),
        "DS149": ("DS152", "DS104"),
    }
)
"""By code, those that it explains where both are of one family, or the cause is of both."""
