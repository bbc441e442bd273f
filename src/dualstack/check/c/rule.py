"""What a rule for C is, and what rules share."""

from collections.abc import Callable, Iterator

from dualstack.check.c.module import Block, Call, CModule
from dualstack.check.c.tokens import Token
from dualstack.check.findings.finding import Remark

__all__ = ["CRule", "at", "calls", "knows_ipv6", "room"]

CRule = Callable[[CModule], Iterator[Remark]]

_AWARE = frozenset(
    [
        "AF_INET6",
        "PF_INET6",
        "sockaddr_in6",
        "in6_addr",
        "in6addr_any",
        "in6addr_loopback",
        "IPPROTO_IPV6",
        "sin6_addr",
        "IPPROTO_ICMPV6",
    ]
)


def at(kind: str, token: Token, found: str = "") -> Remark:
    """A remark at a token."""
    return Remark(token.line, token.column, kind, found)


def calls(module: CModule, *names: str) -> Iterator[Call]:
    """The calls of these functions."""
    return (call for call in module.calls if call.name in names)


def knows_ipv6(words: frozenset[str]) -> bool:
    """Whether code with these words has the other family in mind."""
    return not _AWARE.isdisjoint(words)


def room(module: CModule, place: int) -> frozenset[str]:
    """The words of the function around a token, or of the structure; of its statement outside of both."""
    block: Block | None = module.function(place) or module.structure(place)
    if block is not None:
        return module.words(block)
    first, last = module.statement(place)
    return frozenset(token.text for token in module.tokens[first : last + 1])
