"""What a programmer's name says: is this a host, a port, an address, a version?

Names are cut into their words first (`remote_addr`, `remoteAddr`), so that `strip` is no `ip`.
"""

import re
from functools import lru_cache

__all__ = ["is_address", "is_endpoint", "is_host", "is_port", "is_twin", "is_version", "vocabulary", "words_of"]


def vocabulary(words: str) -> frozenset[str]:
    """The words of a table that is written as a text."""
    return frozenset(words.split())


_CUT = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")

_ADDRESS = vocabulary(
    "addr addrs address addresses ip ips ipv4 ip4 ipaddr ipaddress ipstr ipaddrs inet quad quads octet "
    "octets subnet netaddr saddr daddr srcip dstip sip dip remoteip clientip remoteaddr"
)
_HOST = _ADDRESS | vocabulary(
    "host hosts hostname hostnames hst server servername peer peername interface bind listen remote node "
    "nodename upstream broker proxy target domain rhost lhost dest gateway machine master slave srv "
    "backend mx fqdn"
)
_PORT = vocabulary("port ports portno portnum prt dport sport lport rport portstr service serv")
_ENDPOINT = _HOST | vocabulary(
    "client clients hostport hostspec netloc authority endpoint location sockaddr hostaddr addrport ipport url uri dsn "
    "spec contact seed seeds nodes"
)
_VERSION = vocabulary(
    "version versions ver vers release oid oids semver python build kernel os firmware fw macos snmp mib"
)


_FOUR = re.compile(r"(?<!\d)4(?!\d)")


def is_twin(name: str, words: frozenset[str]) -> bool:
    """Whether a name is IPv4's half of a pair, whose other half is among these words: `ip4` beside `ip6`."""
    return _FOUR.search(name) is not None and _FOUR.sub("6", name) in words


@lru_cache(maxsize=4096)
def words_of(name: str) -> frozenset[str]:
    """The words of a name, in lower case."""
    return frozenset(word.lower() for word in _CUT.findall(name))


def is_address(name: str) -> bool:
    """Whether a name says that it is an address."""
    return bool(words_of(name) & _ADDRESS)


def is_host(name: str) -> bool:
    """Whether a name says that it is a host, by address or by name."""
    return bool(words_of(name) & _HOST)


def is_port(name: str) -> bool:
    """Whether a name says that it is a port."""
    return bool(words_of(name) & _PORT)


def is_endpoint(name: str) -> bool:
    """Whether a name says that host and port are in it."""
    return bool(words_of(name) & _ENDPOINT)


def is_version(name: str) -> bool:
    """Whether a name says that it is a version or an object identifier."""
    return bool(words_of(name) & _VERSION)
