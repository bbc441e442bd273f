"""A snapshot with something of everything that the page shows, and the samples behind its charts."""

from dualstack.core.planning.planner import RULES
from dualstack.gateway.status.page.samples import Sample
from dualstack.gateway.status.snapshot import (
    Client,
    Connection,
    Datagrams,
    Dial,
    Lesson,
    OnPort,
    Port,
    Reached,
    Refusal,
    Rule,
    Service,
    Snapshot,
    Socket,
    Trouble,
    Try,
    Way,
)

__all__ = ["NOW", "rich", "samples"]

NOW = 1_700_000_000.0


def _imap() -> Service:
    tries = [
        Try("ipv6", "[2001:db8::1]:143", 0.012, 0.260, "failed", "Connection refused"),
        Try("ipv4", "192.0.2.10:143", 0.262, 0.300, "won"),
    ]
    under_way = [Try("ipv6", "[2001:db8::2]:143", 0.001)]
    return Service(
        "imap",
        "tcp",
        "mail.internal:143",
        access=["deny 192.0.2.0/24", "allow any"],
        on=[
            OnPort("tcpip", [Client("ipv4", 3, 1200), Client("ipv6", 0, 0)], [Way("ipv4", "ipv4", 3, 1200, 5_000, 70)]),
            OnPort(
                "tcpip6",
                [Client("ipv4", 0, 0), Client("ipv6", 7, 450)],
                [Way("ipv6", "ipv4", 5, 400, 1_234, 5_678_900), Way("ipv6", "none", 0, 50)],
            ),
        ],
        rules=[
            Rule("rule: deny 192.0.2.0/24", 4, NOW - 65, "192.0.2.7:4711"),
            Rule("max_connections: 10", 9, NOW - 3700, "[2001:db8::7]:4711"),
        ],
        refusals=[
            Refusal(NOW - 65, "192.0.2.7:4711", "rule: deny 192.0.2.0/24"),
            Refusal(NOW - 2, "192.0.2.8:1", "no whole PROXY header", "it ended early"),
        ],
        unreached=50,
        troubles=[Trouble(NOW - 30, "192.0.2.9:5", "mail.internal:143", "no address of the target answered")],
        dials=[
            Dial(
                NOW - 12, "mail.internal:143", "ipv4", 0.3, 0.01, "IPv6 failed after 248 ms: Connection refused", tries
            ),
            Dial(NOW - 1, "mail.internal:143", None, 0.001, None, "", under_way),
            Dial(NOW - 90, "nobody.invalid:1", None, 0.5, 0.5, "", []),
        ],
        recent=[
            Connection(
                *(NOW - 4, "tcpip6", "[2001:db8::8]:9", "192.0.2.10:143", "ipv6 to ipv4"),
                10,
                2_000,
                3.5,
                "both sides ended",
            ),
            Connection(NOW - 9, "imap", "192.0.2.9:5", "192.0.2.10:143", "ipv4 to ipv4", 1, 2, 0.25, "idle"),
        ],
    )


def _dns() -> Service:
    datagrams = Datagrams(6, 2, 1, 3, 1000, 998, 60_000, 90_000)
    return Service("dns", "udp", "[2001:db8::53]:53", on=[OnPort("dns", [Client("ipv4", 2, 6)])], datagrams=datagrams)


def _ports() -> list[Port]:
    reached = [
        Reached("192.0.2.1 to 198.51.100.7", "appears as ::ffff:192.0.2.1"),
        Reached("2001:db8::1 to 2001:db8::7", "appears as 2001:db8::1"),
    ]
    any_ipv4 = Socket("imap", "tcpip", "0.0.0.0:143", "tcp", "IPv4", RULES["D6.6"], "D6.6", reached[:1])
    any_ipv6 = Socket("imap", "tcpip6", "[::]:143", "tcp", "IPv6", "IPv4 here is the port tcpip's", None, reached[1:])
    silent = Socket("dns", "dns", "127.0.0.1:53", "udp", "nothing")
    return [
        Port("tcpip", "0.0.0.0", "listening", ["imap"], 3, None, [any_ipv4]),
        Port("tcpip6", "::", "failed", ["imap"], 7, "address in use by [::]:143 (nginx)", [any_ipv6]),
        Port("dns", "127.0.0.1", "stopped", ["dns"], 1, None, [silent]),
    ]


def rich() -> Snapshot:
    """It."""
    gone = Service("old", "tcp", "127.0.0.1:9", is_leaving=True)
    lessons = [
        Lesson("2001:db8:1::/64", "2001:db8:2::/64", 0.0123, 300.0, ["2001:db8:2::1", "2001:db8:2::2"]),
        Lesson("192.0.2.0/24", "198.51.100.0/24", None, None),
    ]
    return Snapshot(NOW, NOW - 90_061, "9.9.9", 2, [_imap(), _dns(), gone], _ports(), lessons, short_now=0, shortages=2)


def samples() -> list[Sample]:
    """Of the last ten minutes: more connections, and some trouble late."""
    return [
        Sample(NOW - 600, 0, 1, 1000, 300, 0, 0, 0, 40),
        Sample(NOW - 240, 2, 4, 1100, 350, 40_000, 1_000_000, 5, 48),
        Sample(NOW - 60, 8, 5, 1180, 400, 60_000, 5_000_000, 12, 48),
        Sample(NOW, 5, 7, 1206, 450, 66_234, 5_768_970, 13, 50),
    ]
