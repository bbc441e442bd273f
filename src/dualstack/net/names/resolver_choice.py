"""Resolvers by what people write: the system's, name servers of resolv.conf, or name servers by their addresses."""

from collections.abc import Sequence
from functools import lru_cache

from dualstack.errors import AddressError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dualstack.net.names.resolver import Resolver

__all__ = ["DNS", "SYSTEM", "resolver_named"]

SYSTEM, DNS = "system", "dns"


def resolver_named(texts: Sequence[str]) -> "Resolver | None":
    """Whom a `Dialer` asks; None is the system. The same texts give the same resolver.

    Args:
        texts: `system`; `dns`, the servers of resolv.conf; or addresses of servers.

    Raises:
        AddressError: it is none of these, or dnspython is not installed.
    """
    return None if list(texts) == [SYSTEM] else _dns(tuple(texts))


@lru_cache(maxsize=8)
def _dns(texts: tuple[str, ...]) -> "Resolver":
    shown = ", ".join(texts)
    if not texts:
        raise AddressError(shown, f"write {SYSTEM}, {DNS}, or addresses of name servers")
    try:
        from dualstack.net.names.dns_resolver import DnsResolver
    except ModuleNotFoundError as error:
        from dualstack.net.extras import install_command  # who has it does not pay for it

        how = install_command(["dnspython"])
        raise AddressError(shown, f"asking name servers takes dnspython, the extra dualstack[dns]: {how}") from error
    return DnsResolver(() if texts == (DNS,) else texts)
