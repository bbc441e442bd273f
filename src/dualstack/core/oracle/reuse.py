"""When two sockets may have one address in common on the BSDs, macOS and illumos: the rows of `core.oracle.systems`,
applied.

Two sockets are in one of five relations, and for each the row says what allows it. What no row tells is `UNKNOWN`:
sockets of two users, mapped addresses beside others, UDP where TCP alone was read.
"""

from collections.abc import Callable

from dualstack.core.oracle.bound_socket import ANY, Bound
from dualstack.core.oracle.case import Case, Outcome, Sock
from dualstack.core.oracle.other_systems import Beside
from dualstack.core.oracle.systems import Sharing, Stack
from dualstack.core.oracle.unknown import UNKNOWN

__all__ = ["sharing_of"]


def sharing_of(case: Case) -> Beside:
    """How the system of `case` judges two sockets whose addresses overlap."""
    stack = case.stack
    told = stack.sharing_in_udp or case.proto == "tcp"

    def beside(new: Bound, old: Bound) -> Outcome:
        field, sharing = _rule(stack, new, old) if told else ("", Sharing.UNKNOWN)
        allowed = _SHARES[sharing](new.sock, old.sock)
        if allowed is None or (allowed and sharing is not Sharing.ALWAYS and new.sock.uid != old.sock.uid):
            return Outcome(UNKNOWN, f"no source tells what happens on {stack.title}", old.index, stack.source)
        why = _why(stack, field, sharing, allowed=allowed)
        return Outcome(None if allowed else "EADDRINUSE", why, old.index, stack.source_of(field))

    return beside


def _rule(stack: Stack, new: Bound, old: Bound) -> tuple[str, Sharing]:
    """The field of the row that is about these two, and what it says."""
    if new.sock.address.is_mapped or old.sock.address.is_mapped:
        return "", Sharing.UNKNOWN
    version = new.sock.family
    if version != old.sock.family:
        return _across(stack, new, old)
    if new.cover.part(version) == old.cover.part(version):
        return "same_address", stack.same_address
    return "beside_wildcard", stack.beside_wildcard


def _across(stack: Stack, new: Bound, old: Bound) -> tuple[str, Sharing]:
    """An AF_INET socket and a dual one."""
    ipv4 = new if new.sock.family == 4 else old
    if not stack.families_meet:
        return "families_meet", Sharing.ALWAYS
    if ipv4.cover.v4 is not ANY:
        return "beside_wildcard", stack.beside_wildcard
    if ipv4 is new:
        return "ipv4_after_dual", stack.ipv4_after_dual
    return "dual_after_ipv4", stack.dual_after_ipv4


_RELATIONS = {
    "same_address": "two sockets on one address",
    "beside_wildcard": "a specific address beside a wildcard",
    "dual_after_ipv4": "a dual :: after 0.0.0.0",
    "ipv4_after_dual": "0.0.0.0 after a dual ::",
    "families_meet": "an AF_INET socket beside a dual one",
}
"""What the fields of a row are about."""

_SENTENCES = {
    Sharing.ALWAYS: "{system} allows {relation} without any option",
    Sharing.REUSE_ON_NEW: "{system} allows {relation} where the new socket has SO_REUSEADDR or SO_REUSEPORT",
    Sharing.REUSEADDR_ON_NEW: "{system} allows {relation} where the new socket has SO_REUSEADDR",
    Sharing.REUSEPORT_ON_BOTH: "{system} allows {relation} where both have SO_REUSEPORT",
    Sharing.NOT_PLAIN: "{system} refuses {relation} without an option, and no source tells which one helps",
    Sharing.NEVER: "{system} never allows {relation}",
}


def _why(stack: Stack, field: str, sharing: Sharing, *, allowed: bool) -> str:
    said = _SENTENCES[sharing].format(system=stack.title, relation=_RELATIONS[field])
    if allowed or sharing in {Sharing.NEVER, Sharing.NOT_PLAIN}:
        return said
    return f"{said.replace(' where ', ' only where ')}, which is not so here"


def _unless_optioned(new: Sock, old: Sock) -> bool | None:
    return None if new.reuseaddr or new.reuseport or old.reuseaddr or old.reuseport else False


_SHARES: dict[Sharing, Callable[[Sock, Sock], bool | None]] = {
    Sharing.ALWAYS: lambda _new, _old: True,
    Sharing.NEVER: lambda _new, _old: False,
    Sharing.UNKNOWN: lambda _new, _old: None,
    Sharing.NOT_PLAIN: _unless_optioned,
    Sharing.REUSE_ON_NEW: lambda new, _old: new.reuseaddr or new.reuseport,
    Sharing.REUSEADDR_ON_NEW: lambda new, _old: new.reuseaddr,
    Sharing.REUSEPORT_ON_BOTH: lambda new, old: new.reuseport and old.reuseport,
}
