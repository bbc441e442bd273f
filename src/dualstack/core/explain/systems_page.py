"""The reference page of all systems, written from the tables that the oracle decides by: nothing is typed twice."""

from collections.abc import Callable, Iterator

from dualstack.core.oracle.reuse_windows import MATRIX, Use
from dualstack.core.oracle.stack import Refusal, Sent, Sharing, Stack, Standing
from dualstack.core.oracle.systems import STACKS
from dualstack.core.oracle.unknown import UNKNOWN, Unknown

__all__ = ["systems_page"]

_HEAD = """\
# What each system does with dual-stack sockets

Written by `dualstack explain --systems` from the tables that the oracle decides by. Each cell says how it is known, and
of which version:

- 🟩 *measured*: the system's own code was run and seen to do it, Linux as a kernel, NetBSD, FreeBSD and gVisor as whole
  network stacks with real traffic, of macOS, OpenBSD and illumos the bind and the lookups;
- 🟦 *read*: it stands so in the system's sources or manuals, and nobody ran it;
- 🟨 *inferred*: it was concluded from them;
- ⬜ *unknown*: nothing tells. It is never guessed, and `explain` answers it as such.

[Twenty seconds of your machine](../how-to/record-a-system.md) turn the last three into the first.
"""

_COLOURS = {Standing.MEASURED: "🟩", Standing.READ: "🟦", Standing.INFERRED: "🟨", Standing.UNKNOWN: "⬜"}


def systems_page() -> str:
    """The page, as Markdown."""
    return "\n".join([_HEAD, *_table(), "", *_linux(), "", *_matrix(), "", *_sources(), ""])


def _errno(refusal: Refusal) -> str:
    return "not refused" if refusal is None else _word(refusal)


def _word(value: str | Unknown) -> str:
    return "unknown" if value is UNKNOWN else f"`{value}`"


def _default(stack: Stack) -> str:
    if stack.name == "linux":
        return "the sysctl `net.ipv6.bindv6only`"
    return "unknown" if stack.v6only_default is UNKNOWN else "on" if stack.v6only_default else "off"


def _dual(stack: Stack) -> str:
    return "unknown" if stack.v6only_default is UNKNOWN else "yes" if stack.dual else "never"


def _sharing(name: str) -> Callable[[Stack], str]:
    def cell(stack: Stack) -> str:
        across = name not in {"same_address", "same_in_udp", "same_beside_listener", "beside_wildcard"}
        sharing = Sharing.ALWAYS if across and not stack.families_meet else stack.sharing(name)
        return "see the table" if sharing is Sharing.MATRIX else sharing.value

    return cell


def _connect(stack: Stack) -> str:
    tcp, udp = stack.v6only_connect
    return _errno(tcp) if tcp == udp else f"TCP {_errno(tcp)}, UDP {_errno(udp)}"


def _sent(sent: Sent) -> str:
    errno, wire = sent
    if errno is not None:
        return _word(errno)
    return "lost without a word" if wire is None else f"leaves as IPv{wire}"


def _peer(stack: Stack) -> str:
    plain = stack.mapped_peer_is_plain
    return "unknown" if plain is UNKNOWN else "IPv4" if plain else "mapped"


_Row = tuple[str, str, Callable[[Stack], str]]
_ROWS: tuple[_Row, ...] = (
    ("IPV6_V6ONLY by default", "v6only_default", _default),
    ("IPV6_V6ONLY can be 0", "dual", _dual),
    ("a dual `::` after 0.0.0.0", "dual_after_ipv4", _sharing("dual_after_ipv4")),
    ("0.0.0.0 after a dual `::`", "ipv4_after_dual", _sharing("ipv4_after_dual")),
    ("a dual `::` after a specific IPv4 address", "dual_after_specific", _sharing("dual_after_specific")),
    ("a dual `::` after `::ffff:0.0.0.0`", "dual_after_mapped", _sharing("dual_after_mapped")),
    ("`::ffff:0.0.0.0` after a dual `::`", "mapped_after_dual", _sharing("mapped_after_dual")),
    ("`::ffff:0.0.0.0` twice", "mapped_twice", _sharing("mapped_twice")),
    ("a specific address beside the wildcard", "beside_wildcard", _sharing("beside_wildcard")),
    ("one address twice", "same_address", _sharing("same_address")),
    ("one address twice, UDP", "same_in_udp", _sharing("same_in_udp")),
    ("one address beside a listener", "same_beside_listener", _sharing("same_beside_listener")),
    ("another user's, where one user's would open", "strangers", lambda s: s.strangers.value),
    ("a mapped address bound with IPV6_V6ONLY", "mapped_bind", lambda s: _errno(s.mapped_bind)),
    ("connect to a mapped address with IPV6_V6ONLY", "v6only_connect", _connect),
    ("the same from an IPv6 address, without", "bound_connect", lambda s: _errno(s.bound_connect)),
    ("sendto likewise", "bound_sendto", lambda s: _sent(s.bound_sendto)),
    ("connect from a mapped address to an IPv6 one", "mapped_connect", lambda s: _errno(s.mapped_connect)),
    ("sendto likewise", "mapped_sendto", lambda s: _sent(s.mapped_sendto)),
    ("an AF_INET6 socket bound without any IPv6 address", "without_ipv6", lambda s: _errno(s.without_ipv6)),
    ("IPv4 goes to", "ipv4_goes_to", lambda s: s.ipv4_goes_to),
    ("of equals receives", "equals", lambda s: s.equals),
    ("the peer of UDP on a mapped address appears as", "mapped_peer_is_plain", _peer),
)


def _table() -> Iterator[str]:
    stacks = list(STACKS.values())
    yield f"| | {' | '.join(stack.title for stack in stacks)} |"
    yield "|---" * (len(stacks) + 1) + "|"
    for title, field, cell in _ROWS:
        yield f"| {title} | {' | '.join(_known(stack, field, cell(stack)) for stack in stacks)} |"


def _known(stack: Stack, field: str, value: str) -> str:
    """A cell: what is known, how, and of which version."""
    standing = Standing.UNKNOWN if value == "unknown" else stack.standing(field)
    mark = f"{_COLOURS[standing]} {standing.value}"
    if standing is Standing.UNKNOWN:
        return mark
    version = stack.version if standing is Standing.MEASURED else stack.read_version
    return f"{value}<br>{mark}: {version}"


def _linux() -> Iterator[str]:
    yield "## Linux"
    yield ""
    yield "The cells above are the plain rule; the whole one depends on the order of the calls:"
    yield "[what depends on the order](explain.md#linux-whole)."


def _matrix() -> Iterator[str]:
    yield "## Windows: the second bind, by the options of both sockets"
    yield ""
    yield "For sockets of one user; W is bound to the wildcard, S to a specific address."
    yield ""
    columns = [(use, wildcard) for use in Use for wildcard in (True, False)]
    yield f"| first \\ second | {' | '.join(_cell(*column) for column in columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for first, row in MATRIX.items():
        cells = ("ok" if errno is None else f"`{errno}`" for errno in row.values())
        yield f"| {_cell(*first)} | {' | '.join(cells)} |"


def _cell(use: Use, wildcard: bool) -> str:  # noqa: FBT001 - a key of the table
    return f"{use.value}, {'W' if wildcard else 'S'}"


def _sources() -> Iterator[str]:
    yield "## Sources"
    yield ""
    for stack in STACKS.values():
        run = f" Run: {stack.version}." if stack.version else ""
        holds = "" if stack.holds == "unknown" else f" Known to hold: {stack.holds}."
        yield f"- {stack.title}: {stack.source}.{run}{holds}"
    yield ""
    yield "By fact, where the function is known that decides:"
    yield ""
    for stack in STACKS.values():
        for field, law in stack.laws.items():
            yield f"- {stack.title}, {_TITLES[field]}: {law}."


_TITLES = {field: title for title, field, _ in _ROWS}
