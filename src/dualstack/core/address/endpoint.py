"""The one grammar of hosts and ports: text to values, and values back to the same text.

    endpoint = [host] ":" port | port | host
    host     = "*" | IPv4 | "[" IPv6 [ "%" zone ] "]" | IPv6 [ "%" zone ] | name
    listen   = endpoint *( "," endpoint )

IPv6 without brackets is an address without a port, since nothing could tell its last group from one. A digit string is
a port and never a host. What the text leaves open is the caller's: `PORT` and `:PORT` are `*:PORT` for a listener and
`localhost:PORT` for a target. What two programs could read in two ways is refused with the text to write instead:
the forms of `inet_aton`, a name or IPv4 in brackets (CVE-2024-11168), user information before an `@`. Never looks
anything up: a service's number comes from the function given.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from dualstack.core.address.address import Address
from dualstack.core.quick_values import dataclass
from dualstack.errors import AddressError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = [
    "Endpoint",
    "Host",
    "ServiceNumber",
    "Wildcard",
    "bracketed",
    "is_localhost",
    "parse_host",
    "parse_host_port",
    "parse_listen",
    "parse_port",
    "parse_target",
]

PORT_MAX = 65535


class Wildcard(Enum):
    """The host that means every address of both families."""

    ANY = "*"

    def __str__(self) -> str:
        return self.value


Host: TypeAlias = Address | str | Wildcard
ServiceNumber: TypeAlias = Callable[[str], int | None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port.

    Args:
        host: an address, a name that is not looked up yet, or every address.
        port: 0 to 65535.

    Raises:
        AddressError: the port is out of range.

    >>> str(Endpoint(Address("fe80::1%eth0"), 80))
    '[fe80::1%eth0]:80'
    """

    host: Host
    port: int

    def __post_init__(self) -> None:
        if not 0 <= self.port <= PORT_MAX:
            raise AddressError(self.port, f"a port is 0 to {PORT_MAX}")

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"


def bracketed(host: Host) -> str:
    """The host as it stands before a port."""
    return f"[{host}]" if isinstance(host, Address) and host.version == 6 else str(host)


def parse_target(text: str, *, port: int | None = None, service: ServiceNumber | None = None) -> Endpoint:
    """Where to connect: one host and a port that is not 0.

    Args:
        text: `HOST:PORT`, or `PORT` and `:PORT` for localhost, or `HOST` where `port` is given.
        port: the port of a text that has none.
        service: turns a service's name into its port, or None.

    Raises:
        AddressError: it is none of these; the message has the remedy.

    >>> parse_target("[2001:db8::1]:imap", service={"imap": 143}.get)
    Endpoint(host=Address('2001:db8::1'), port=143)
    """
    host_text, port_text = _split(text)
    if host_text == "*":
        raise AddressError(text, "a target is one host, not all of them: write a name or an address before the port")
    host = _read_host(text, host_text) if host_text else "localhost"
    own_port = None if port_text is None else _read_port(text, port_text, service)
    number = _first_port(text, host, own_port, port)
    if number == 0:
        raise AddressError(text, "nothing can be reached on port 0: write 1 to 65535")
    return Endpoint(host, number)


def parse_listen(text: str, *, port: int | None = None, service: ServiceNumber | None = None) -> tuple[Endpoint, ...]:
    """Where to listen: a list with commas, in the order written.

    Args:
        text: items such as `*:143`, `[::1]:143`, `143`, `:143`, `*`, `[::]`; blanks around them do not count.
        port: the port of the items that have none.
        service: turns a service's name into its port, or None.

    Raises:
        AddressError: an item is empty, wrong, or has no port and none is given.

    >>> [str(endpoint) for endpoint in parse_listen("*, [::]", port=143)]
    ['*:143', '[::]:143']
    """
    items = [item.strip(" \t") for item in text.split(",")]
    if len(items) > 1 and "" in items:
        raise AddressError(text, "an item of the list is empty: take the comma out")
    return tuple(_parse_listen_item(item, port, service) for item in items)


def _parse_listen_item(text: str, port: int | None, service: ServiceNumber | None) -> Endpoint:
    host, own_port = parse_host_port(text, service=service)
    return Endpoint(host, _first_port(text, host, own_port, port))


def parse_host_port(text: str, *, service: ServiceNumber | None = None) -> tuple[Host, int | None]:
    """A host and the port written beside it, None where there is none; what the two mean is the caller's.

    Raises:
        AddressError: it is no item of the grammar.

    >>> parse_host_port("[::1]:80"), parse_host_port("::1")
    ((Address('::1'), 80), (Address('::1'), None))
    """
    host, port = _split(text)
    return _read_host(text, host), None if port is None else _read_port(text, port, service)


def parse_host(text: str, *, of_a_target: bool = False) -> Host:
    """A host without a port: `""` and `*` are every address, brackets may stand around IPv6.

    Args:
        text: the host.
        of_a_target: the remedy for a number alone does not name every address, which nobody can connect to.

    Raises:
        AddressError: it is no host, or has a port.

    >>> parse_host("[::1]"), parse_host("*"), parse_host("mail.example")
    (Address('::1'), <Wildcard.ANY: '*'>, 'mail.example')
    """
    host_text, port_text = _split(text)
    if port_text is not None:
        if of_a_target and text.isdecimal():
            return _read_host(text, text)
        raise AddressError(text, f"a port has no place here: write {host_text or _without_port(text)}")
    return _read_host(text, host_text)


def _without_port(text: str) -> str:
    """What to write for a number alone, which inet_aton(3) reads as an address."""
    from dualstack.core.address.inet_aton import legacy_ipv4  # who writes names and addresses does not pay for it

    legacy = legacy_ipv4(text)
    return "* for every address" if legacy is None else f"* for every address; {_meant(legacy.address)}"


def _meant(address: Address) -> str:
    if address.is_unspecified:
        return f"if {address} is meant, write that; if this host, 127.0.0.1"
    return f"if {address} is meant, write that"


def is_localhost(name: str) -> bool:
    """Whether it is a name of this host's loopback that nobody is asked for (RFC 6761 section 6.3).

    >>> is_localhost("localhost."), is_localhost("shop.LOCALHOST"), is_localhost("notlocalhost")
    (True, True, False)
    """
    name = name.casefold().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def parse_port(text: str, *, service: ServiceNumber | None = None) -> int:
    """A port's number, or a service's name where `service` knows it.

    Raises:
        AddressError: no number from 0 to 65535, and no service of that name.

    >>> parse_port("143"), parse_port("imap", service={"imap": 143}.get)
    (143, 143)
    """
    return _read_port(text, text, service)


def _split(text: str) -> tuple[str, str | None]:
    """The host's text and the port's; the brackets stay on the host, and a port that is not there is None."""
    for is_wrong, why in _NEVER:
        if is_wrong(text):
            raise AddressError(text, why)
    if text.startswith("["):
        return _split_bracketed(text)
    if text.isdecimal():
        return "", text
    if text.count(":") != 1:
        return text, None
    host, _, port = text.partition(":")
    return host, port


_NEVER: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda t: "\0" in t, "a NUL cannot be in a host or port"),
    (lambda t: not t.isascii(), "only ASCII here: write an international name in its xn-- form"),
    (lambda t: any(c.isspace() for c in t), "a blank cannot be in a host or port"),
    (lambda t: "@" in t, "no user before an @ here: write HOST:PORT alone"),
    (lambda t: "/" in t, "a URL, path or prefix, not a host: write HOST:PORT alone"),
)


def _split_bracketed(text: str) -> tuple[str, str | None]:
    host, bracket, rest = text.partition("]")
    if not bracket:
        raise AddressError(text, "the bracket is not closed: write [ADDRESS]:PORT")
    if rest and not rest.startswith(":"):
        raise AddressError(text, f"text after the bracket: write {host}]:PORT")
    return host + bracket, rest[1:] if rest else None


def _first_port(text: str, host: Host, own: int | None, beside: int | None) -> int:
    port = beside if own is None else own
    if port is None:
        raise AddressError(text, f"{'no port' if text else 'nothing is written'}: write {bracketed(host)}:PORT")
    return port


def _read_port(text: str, port_text: str, service: ServiceNumber | None) -> int:
    if not port_text:
        raise AddressError(text, "no port: write one after the colon")
    if not port_text.isascii() or not port_text.isdecimal():
        return _service_port(text, port_text, service)
    if len(port_text) > 1 and port_text.startswith("0"):
        raise AddressError(text, f"port {port_text} has a leading zero, which some read as octal: write it without")
    if len(port_text) > len(str(PORT_MAX)) or int(port_text) > PORT_MAX:
        raise AddressError(text, f"port {port_text} is over {PORT_MAX}")
    return int(port_text)


_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_LETTERS_AND_DIGITS = _LETTERS | frozenset("0123456789")
# RFC 6335 section 5.1, and what /etc/services has besides.
_IN_SERVICES = _LETTERS_AND_DIGITS | frozenset("_.+-")


def _is_service_name(text: str) -> bool:
    characters = set(text)
    return bool(characters & _LETTERS) and text[0] in _LETTERS_AND_DIGITS and characters <= _IN_SERVICES


def _service_port(text: str, name: str, service: ServiceNumber | None) -> int:
    if not _is_service_name(name):
        raise AddressError(text, f"port {name!r}: a port is a number from 0 to {PORT_MAX} or a service's name")
    number = service(name) if service else None
    if number is None:
        raise AddressError(text, f"no service is called {name}: write its port's number")
    return number


def _read_host(text: str, host: str) -> Host:
    """The host in `host`; errors are told of the whole `text`."""
    if host in {"", "*"}:
        return Wildcard.ANY
    try:
        if host.startswith("["):
            return _read_brackets(host[1:-1])
        return _read_bare_ipv6(host) if ":" in host else _read_plain(host)
    except AddressError as error:
        raise AddressError(text, error.why) from None


def _read_brackets(inside: str) -> Address:
    if ":" not in inside:
        raise AddressError(inside, "brackets are for IPv6 alone: write a name or an IPv4 address without them")
    return Address(inside)


def _read_bare_ipv6(host: str) -> Address:
    try:
        return Address(host)
    except AddressError as error:
        raise AddressError(host, f"{error.why}; before a port, an IPv6 address stands in brackets") from None


def _read_plain(host: str) -> Host:
    """IPv4 or a name: what ends in a number is IPv4 or nothing, as a name's last label is never one (RFC 3696)."""
    if "%" in host:
        return Address(host)
    if not _ends_in_number(host):
        return _checked_name(host)
    from dualstack.core.address.inet_aton import legacy_ipv4  # as above

    legacy = legacy_ipv4(host)
    if legacy is not None:
        raise AddressError(host, f"an old {legacy.form.value} form of IPv4: {_meant(legacy.address)}")
    return Address(host)


def _ends_in_number(host: str) -> bool:
    last = host.removesuffix(".").rpartition(".")[2]
    return last.isdecimal() or (last[:2] in {"0x", "0X"} and _HEX_DIGITS.issuperset(last[2:]))


_HEX_DIGITS = frozenset("0123456789ABCDEFabcdef")
# What the C library and curl pass on: RFC 1123 section 2.1, and the _ and the last - that names have in the field.
_IN_LABELS = _LETTERS_AND_DIGITS | frozenset("_-")
_NAME_MAX = 253  # RFC 1035 section 2.3.4 as text, without the last dot


def _checked_name(name: str) -> str:
    labels = name.removesuffix(".").split(".")
    if len(name.removesuffix(".")) > _NAME_MAX:
        raise AddressError(name, f"a name has at most {_NAME_MAX} characters")
    for label in labels:
        if not 0 < len(label) <= 63 or label[0] == "-" or not _IN_LABELS.issuperset(label):
            raise AddressError(name, _why_no_label(label))
    return name


def _why_no_label(label: str) -> str:
    if not label:
        return "no name: two dots with nothing between them, or a dot in front"
    if len(label) > 63:
        return f"no name: {label[:12]}... has more than 63 characters between two dots"
    return f"no name: {label!r} is not made of letters, digits, _ and hyphens behind them"
