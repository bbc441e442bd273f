"""Resolvers by what people write: the system's, name servers of resolv.conf, or name servers by their addresses."""

from collections.abc import Sequence
from functools import lru_cache

from dualstack.errors import AddressError
from dualstack.net.extras import need
from dualstack.net.names import Resolver

__all__ = ["DNS", "SYSTEM", "resolver_named"]

SYSTEM, DNS = "system", "dns"


def resolver_named(texts: Sequence[str]) -> Resolver | None:
    """Whom a `Dialer` asks; None is the system. The same texts give the same resolver.

    Args:
        texts: `system`; `dns`, the servers of resolv.conf; or addresses of servers.

    Raises:
        AddressError: it is none of these.
        NotInstalled: name servers are to be asked, and dnspython is not there.
    """
    return None if list(texts) == [SYSTEM] else _dns(tuple(texts))


@lru_cache(maxsize=8)
def _dns(texts: tuple[str, ...]) -> Resolver:
    shown = ", ".join(texts)
    if not texts:
        raise AddressError(shown, f"write {SYSTEM}, {DNS}, or addresses of name servers")
    need("asking name servers", "dns")
    from dualstack.net.dns_resolver import DnsResolver

    return DnsResolver(() if texts == (DNS,) else texts)
