"""When two sockets may have one address in common on the BSDs, macOS, illumos and gVisor: the rows of
`core.oracle.systems`, applied.

Two sockets are in one of the relations of `RELATIONS`, and for each the row says what allows it. A mapped address is
one of IPv4: beside sockets of IPv4 it is as an AF_INET one. Two users' sockets are judged as one user's where the row
says so, where root binds, or where they would be refused anyway. What no row tells is `UNKNOWN`.
"""

from collections.abc import Callable

from dualstack.core.oracle.bound_socket import ANY, Bound
from dualstack.core.oracle.case import Case, Outcome, Sock
from dualstack.core.oracle.other_systems import Beside
from dualstack.core.oracle.stack import Sharing, Stack, Strangers
from dualstack.core.oracle.unknown import UNKNOWN

__all__ = ["RELATIONS", "sharing_of"]

RELATIONS = {
    "same_address": "two sockets on one address",
    "same_in_udp": "two sockets on one address",
    "same_beside_listener": "a socket beside one that listens on its address",
    "beside_wildcard": "a specific address beside a wildcard",
    "dual_after_ipv4": "a dual :: after 0.0.0.0",
    "ipv4_after_dual": "0.0.0.0 after a dual ::",
    "dual_after_specific": "a dual :: after a specific IPv4 address",
    "dual_after_mapped": "a dual :: after ::ffff:0.0.0.0",
    "mapped_after_dual": "::ffff:0.0.0.0 after a dual ::",
    "mapped_twice": "::ffff:0.0.0.0 twice",
    "families_meet": "an IPv4 socket beside a dual one",
}
"""The fields of a row that are about two sockets, in words."""


def sharing_of(case: Case) -> Beside:
    """How the system of `case` judges two sockets whose addresses overlap."""
    stack, is_udp = case.stack, case.proto == "udp"

    def beside(new: Bound, old: Bound, *, listens: bool) -> Outcome:
        name = _relation(stack, new, old, is_udp=is_udp, listens=listens)
        sharing = Sharing.ALWAYS if name == "families_meet" else stack.sharing(name)
        allowed = _SHARES[sharing](new.sock, old.sock)
        if allowed and name != "families_meet" and new.sock.uid not in {old.sock.uid, 0}:
            return _STRANGERS[stack.strangers](stack, name, new, old)
        if allowed is None or (allowed and sharing is not Sharing.ALWAYS and _is_root_untold(stack, new, old)):
            return _unknown(stack, old)
        why = _why(stack, name, sharing, allowed=allowed)
        return Outcome(None if allowed else "EADDRINUSE", why, old.index, stack.source_of(name))

    return beside


def _is_root_untold(stack: Stack, new: Bound, old: Bound) -> bool:
    return new.sock.uid != old.sock.uid and stack.strangers is Strangers.UNKNOWN


def _unknown(stack: Stack, old: Bound) -> Outcome:
    return Outcome(UNKNOWN, f"no source tells what happens on {stack.title}", old.index, stack.source)


def _relation(stack: Stack, new: Bound, old: Bound, *, is_udp: bool, listens: bool) -> str:
    """The field of the row that is about these two."""
    across = _across(new, old)
    if across and not stack.families_meet:
        return "families_meet"
    name = across or _within(new, old)
    if getattr(stack, name) is not None and name != "same_address":
        return name
    if name in {"dual_after_specific", "beside_wildcard"}:
        return "beside_wildcard"
    if listens and stack.same_beside_listener is not None:
        return "same_beside_listener"
    return "same_in_udp" if is_udp and stack.same_in_udp is not None else "same_address"


def _across(new: Bound, old: Bound) -> str:
    """The relation of a dual socket and one of IPv4 alone; empty where they are none."""
    is_new_dual, is_old_dual = _is_dual(new), _is_dual(old)
    if is_new_dual and old.cover.v6 is None:
        if old.cover.v4 is not ANY:
            return "dual_after_specific"
        return "dual_after_mapped" if old.sock.family == 6 else "dual_after_ipv4"
    if is_old_dual and new.cover.v6 is None:
        if new.cover.v4 is not ANY:
            return "beside_wildcard"
        return "mapped_after_dual" if new.sock.family == 6 else "ipv4_after_dual"
    return ""


def _is_dual(each: Bound) -> bool:
    return each.cover.v4 is ANY and each.cover.v6 is ANY


def _within(new: Bound, old: Bound) -> str:
    version = 4 if new.cover.v6 is None else 6
    if new.cover.part(version) != old.cover.part(version):
        return "beside_wildcard"
    is_mapped = new.sock.family == old.sock.family == 6 and version == 4 and new.cover.v4 is ANY
    return "mapped_twice" if is_mapped else "same_address"


def _refused(stack: Stack, name: str, _new: Bound, old: Bound) -> Outcome:
    why = f"{stack.title} refuses {RELATIONS[name]} where another user has the first"
    return Outcome("EADDRINUSE", why, old.index, stack.source_of("strangers"))


def _as_of_one_user(stack: Stack, name: str, old: Bound) -> Outcome:
    return Outcome(
        None, f"{stack.title} allows {RELATIONS[name]} whoever has the first", old.index, stack.source_of("strangers")
    )


def _refused_in_ipv4(stack: Stack, name: str, new: Bound, old: Bound) -> Outcome:
    are_af_inet = new.sock.family == old.sock.family == 4
    if not are_af_inet or new.cover.v4 is old.cover.v4 is ANY:
        return _as_of_one_user(stack, name, old)
    return _refused(stack, name, new, old)


def _refused_but_wildcards(stack: Stack, name: str, new: Bound, old: Bound) -> Outcome:
    is_beside_specific = _is_dual(new) and old.cover.v6 is None and old.sock.reuseport
    if (new.is_wildcard and old.is_wildcard) or is_beside_specific:
        return _as_of_one_user(stack, name, old)
    return _refused(stack, name, new, old)


def _untold(stack: Stack, _name: str, _new: Bound, old: Bound) -> Outcome:
    return _unknown(stack, old)


_STRANGERS: dict[Strangers, Callable[[Stack, str, Bound, Bound], Outcome]] = {
    Strangers.REFUSED: _refused,
    Strangers.REFUSED_IN_IPV4: _refused_in_ipv4,
    Strangers.REFUSED_BUT_WILDCARDS: _refused_but_wildcards,
    Strangers.REUSEPORT_REFUSED: _untold,
    Strangers.UNKNOWN: _untold,
}
"""Of two users' sockets that one user could have, where the new one is not root's."""

_SENTENCES = {
    Sharing.ALWAYS: "{system} allows {relation} without any option",
    Sharing.REUSE_ON_NEW: "{system} allows {relation} where the new socket has SO_REUSEADDR or SO_REUSEPORT",
    Sharing.REUSEADDR_ON_NEW: "{system} allows {relation} where the new socket has SO_REUSEADDR",
    Sharing.REUSEPORT_ON_BOTH: "{system} allows {relation} where both have SO_REUSEPORT",
    Sharing.ONE_OPTION_ON_BOTH: "{system} allows {relation} where both have SO_REUSEADDR or both SO_REUSEPORT",
    Sharing.NEVER: "{system} never allows {relation}",
}


def _why(stack: Stack, name: str, sharing: Sharing, *, allowed: bool) -> str:
    said = _SENTENCES[sharing].format(system=stack.title, relation=RELATIONS[name])
    if allowed or sharing is Sharing.NEVER:
        return said
    return f"{said.replace(' where ', ' only where ')}, which is not so here"


_SHARES: dict[Sharing, Callable[[Sock, Sock], bool | None]] = {
    Sharing.ALWAYS: lambda _new, _old: True,
    Sharing.NEVER: lambda _new, _old: False,
    Sharing.UNKNOWN: lambda _new, _old: None,
    Sharing.REUSE_ON_NEW: lambda new, _old: new.reuseaddr or new.reuseport,
    Sharing.REUSEADDR_ON_NEW: lambda new, _old: new.reuseaddr,
    Sharing.REUSEPORT_ON_BOTH: lambda new, old: new.reuseport and old.reuseport,
    Sharing.ONE_OPTION_ON_BOTH: lambda new, old: (new.reuseaddr and old.reuseaddr) or (new.reuseport and old.reuseport),
}
