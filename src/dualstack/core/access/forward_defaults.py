"""Whom a forward proxy serves, and what it dials for them, where nothing else is written.

A proxy that dials anything for anybody is a hole in every network that it stands in. Without rules it serves the
loopback alone, to any destination; once `access` may admit anybody else, what is not public is out of reach, unless
`reach` says otherwise.
"""

from collections.abc import Iterable

from dualstack.core.access.access_list import check_rules
from dualstack.core.address.prefix import Prefix

__all__ = ["LOOPBACK_CLIENTS", "PUBLIC_ONLY", "implied_rules"]

LOOPBACK_CLIENTS = ("allow 127.0.0.0/8", "allow ::1")
PUBLIC_ONLY = ("allow public",)

_LOOPBACKS = (Prefix.parse("127.0.0.0/8"), Prefix.parse("::1"))


def implied_rules(access: tuple[str, ...], reach: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The rules for clients and for destinations that hold for what is written.

    Raises:
        RuleError: one of them is no rule.

    >>> implied_rules((), ())
    (('allow 127.0.0.0/8', 'allow ::1'), ())
    >>> implied_rules(("allow 10.0.0.0/8",), ())
    (('allow 10.0.0.0/8',), ('allow public',))
    """
    check_rules((*access, *reach))
    access = access or LOOPBACK_CLIENTS
    return access, reach or (PUBLIC_ONLY if _may_admit_others(access) else ())


def _may_admit_others(access: Iterable[str]) -> bool:
    """Whether a rule allows more than the loopback, be it behind one that denies."""
    allowed = [subject for verdict, subject in map(str.split, access) if verdict == "allow"]
    return any(subject in {"any", "public"} or not _is_loopback(Prefix.parse(subject)) for subject in allowed)


def _is_loopback(prefix: Prefix) -> bool:
    inside = prefix.canonical
    return any(
        inside.network.version == loopback.network.version
        and loopback.first <= inside.first
        and inside.last <= loopback.last
        for loopback in _LOOPBACKS
    )
