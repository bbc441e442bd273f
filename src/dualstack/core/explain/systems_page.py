"""The reference page of all systems, written from the tables that the oracle decides by: nothing is typed twice."""

from collections.abc import Callable, Iterator

from dualstack.core.oracle.reuse_windows import MATRIX, Use
from dualstack.core.oracle.systems import STACKS, Refusal, Sharing, Stack
from dualstack.core.oracle.unknown import UNKNOWN, Unknown

__all__ = ["systems_page"]

_HEAD = """\
# What each system does with dual-stack sockets

Written by `dualstack explain --systems` from the tables that the oracle decides by. Linux was measured; of the other
systems manuals and sources were read, and none was run. *Unknown* is what no source tells: it is never guessed, and
`explain` answers it as such. (i) was concluded from the source, not read in it.
"""


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


def _sharing(sharing: Sharing) -> str:
    return "see the table" if sharing is Sharing.MATRIX else sharing.value


def _connect(stack: Stack) -> str:
    tcp, udp = stack.v6only_connect
    return _errno(tcp) if tcp == udp else f"TCP {_errno(tcp)}, UDP {_errno(udp)}"


_Row = tuple[str, str, Callable[[Stack], str]]
_ROWS: tuple[_Row, ...] = (
    ("IPV6_V6ONLY by default", "v6only_default", _default),
    ("IPV6_V6ONLY can be 0", "dual", _dual),
    ("a dual `::` after 0.0.0.0", "dual_after_ipv4", lambda s: _sharing(s.dual_after_ipv4)),
    ("0.0.0.0 after a dual `::`", "ipv4_after_dual", lambda s: _sharing(s.ipv4_after_dual)),
    ("a specific address beside the wildcard", "beside_wildcard", lambda s: _sharing(s.beside_wildcard)),
    ("one address twice", "same_address", lambda s: _sharing(s.same_address)),
    ("a mapped address bound with IPV6_V6ONLY", "mapped_bind", lambda s: _errno(s.mapped_bind)),
    ("connect to a mapped address with IPV6_V6ONLY", "v6only_connect", _connect),
    ("the same from an IPv6 address, without", "bound_connect", lambda s: _errno(s.bound_connect)),
    ("an AF_INET6 socket bound without any IPv6 address", "without_ipv6", lambda s: _errno(s.without_ipv6)),
    ("IPv4 goes to", "ipv4_goes_to", lambda s: s.ipv4_goes_to),
)


def _table() -> Iterator[str]:
    stacks = list(STACKS.values())
    yield f"| | {' | '.join(stack.title for stack in stacks)} |"
    yield "|---" * (len(stacks) + 1) + "|"
    for title, field, cell in _ROWS:
        cells = (cell(stack) + (" (i)" if field in stack.inferred else "") for stack in stacks)
        yield f"| {title} | {' | '.join(cells)} |"


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
        yield f"- {stack.title}: {stack.source}."
