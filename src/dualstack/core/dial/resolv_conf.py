"""What resolv.conf(5) says as the C library reads it, and which full names a name may stand for, in their order.

The first of them that exists is meant. Whether it exists is asked of both families at once: one that has IPv4 alone is
not to get another's IPv6 address from a later domain (glibc, resolv/res_query.c: __res_context_search). Reads no file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from dualstack.core.address.address import Address
from dualstack.errors import AddressError

__all__ = ["ResolvConf", "candidates", "parse_resolv_conf"]

# resolv/bits/types/res_state.h: MAXNS; resolv/resolv-internal.h: RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY.
_SERVERS_MAX = 3
_NDOTS_MAX, _TIMEOUT_MAX, _ATTEMPTS_MAX = 15, 30, 5
# RFC 1035 section 2.3.4, without the root's dot.
_NAME_MAX = 253


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """What it says.

    Args:
        servers: three at most.
        search: the domains, without dots around them; the root is empty.
        ndots: a name with as many dots is asked as it is first.
        timeout_s: how long a server has; None where nothing is said of it.
        attempts: how often each is asked; None where nothing is said of it.
        rotates: the servers are asked by turns.
        uses_tcp: nothing is asked over UDP.
    """

    servers: tuple[Address, ...] = ()
    search: tuple[str, ...] = ()
    ndots: int = 1
    timeout_s: int | None = None
    attempts: int | None = None
    rotates: bool = False
    uses_tcp: bool = False


def parse_resolv_conf(
    text: str, *, environ: Mapping[str, str] = MappingProxyType({}), hostname: str = ""
) -> ResolvConf:
    r"""What the file says; what cannot be read is passed over.

    Args:
        text: of the file.
        environ: LOCALDOMAIN counts instead of the domains, and RES_OPTIONS beside the options.
        hostname: whose domain is the one to search where none is named.

    >>> parse_resolv_conf("search corp.test\noptions ndots:2\n").search
    ('corp.test',)
    """
    conf, search = ResolvConf(), None
    for line in text.splitlines():
        # Keywords stand at the beginning; of `domain` and `search` the last one counts.
        keyword, *words = line.split() or [""]
        if not line.startswith(keyword):
            continue
        if keyword == "nameserver" and words and len(conf.servers) < _SERVERS_MAX:
            conf = replace(conf, servers=(*conf.servers, *_server(words[0])))
        elif keyword == "domain" and words:
            search = words[:1]
        elif keyword == "search":
            search = words
        elif keyword == "options":
            conf = _with_options(conf, words)
    if "LOCALDOMAIN" in environ:
        search = environ["LOCALDOMAIN"].split()
    if search is None:
        _, dot, domain = hostname.partition(".")
        search = [domain] if dot else []
    conf = _with_options(conf, environ.get("RES_OPTIONS", "").split())
    return replace(conf, search=tuple(domain.strip(".") for domain in search))


def _server(text: str) -> tuple[Address, ...]:
    try:
        return (Address(text),)
    except AddressError:
        return ()


_Option = Callable[[ResolvConf, int], ResolvConf]
_NUMBERS: Mapping[str, _Option] = MappingProxyType(
    {
        "ndots": lambda conf, number: replace(conf, ndots=min(number, _NDOTS_MAX)),
        "timeout": lambda conf, number: replace(conf, timeout_s=max(1, min(number, _TIMEOUT_MAX))),
        "attempts": lambda conf, number: replace(conf, attempts=max(1, min(number, _ATTEMPTS_MAX))),
    }
)
_FLAGS: Mapping[str, Callable[[ResolvConf], ResolvConf]] = MappingProxyType(
    {
        "rotate": lambda conf: replace(conf, rotates=True),
        "use-vc": lambda conf: replace(conf, uses_tcp=True),
    }
)


def _with_options(conf: ResolvConf, words: list[str]) -> ResolvConf:
    for word in words:
        key, _, number = word.partition(":")
        if key in _NUMBERS and number.isascii() and number.isdigit():
            conf = _NUMBERS[key](conf, int(number[:9]))
        elif word in _FLAGS:
            conf = _FLAGS[word](conf)
    return conf


def candidates(name: str, conf: ResolvConf) -> tuple[str, ...]:
    """The full names that `name` may mean, each with the root's dot.

    >>> candidates("www", ResolvConf(search=("corp.test", "other.test")))
    ('www.corp.test.', 'www.other.test.', 'www.')
    >>> candidates("www.example", ResolvConf(search=("corp.test",)))
    ('www.example.', 'www.example.corp.test.')
    """
    if name.endswith("."):
        return (name,)
    own, found = f"{name}.", [f"{name}.{domain}." if domain else f"{name}." for domain in conf.search]
    found.insert(0 if name.count(".") >= conf.ndots else len(found), own)
    return tuple(dict.fromkeys(each for each in found if len(each) <= _NAME_MAX + 1))
