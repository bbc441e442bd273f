"""`-4`, `-6` and `--v6only`: what a listen list means for one family alone."""

from collections.abc import Iterable

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint, Wildcard, is_localhost
from dualstack.core.address.well_known import LOOPBACK, UNSPECIFIED
from dualstack.errors import AddressError

__all__ = ["narrowed"]


def narrowed(endpoints: Iterable[Endpoint], family: int) -> tuple[Endpoint, ...]:
    """`endpoints` in this family; `[::]` is then IPv6 alone, so the caller sets `v6only`.

    The wildcard of the other family is left out where something remains, so `0.0.0.0, [::]` is `[::]` in IPv6.

    Raises:
        AddressError: an address of the other family, or nothing but its wildcard.
    """
    given = tuple(endpoints)
    kept = [endpoint for endpoint in given if not (family == 6 and _is_any_ipv4(endpoint.host))]
    return tuple(Endpoint(_host(endpoint, family), endpoint.port) for endpoint in kept or given)


def _is_any_ipv4(host: Address | str | Wildcard) -> bool:
    return isinstance(host, Address) and host.canonical == UNSPECIFIED[4]


def _host(endpoint: Endpoint, family: int) -> Address | str | Wildcard:
    host = endpoint.host
    if isinstance(host, Wildcard) or host == UNSPECIFIED[6]:
        return UNSPECIFIED[family]
    if isinstance(host, str):
        return LOOPBACK[family] if is_localhost(host) else host
    if host.canonical.version != family:
        raise AddressError(str(endpoint), f"is IPv{host.canonical.version}, and IPv{family} alone is asked for")
    return host
