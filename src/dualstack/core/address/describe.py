"""What a text is, all that can be said of it without asking anybody: `dualstack address` prints this value.

A text is an address, an endpoint, a name, or nothing; the fields say the same of each. A name is no address and gets no
verdict: whoever judges must look at every address that it resolves to, and connect to the one that was judged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from dualstack.core.address.address import Address
from dualstack.core.address.embedded import Embedded, Nat64, embedded_ipv4
from dualstack.core.address.endpoint import Host, ServiceNumber, Wildcard, bracketed, parse_host, parse_host_port
from dualstack.core.address.idna import ascii_name
from dualstack.core.address.in6 import IN6_TESTS
from dualstack.core.address.inet_aton import legacy_ipv4
from dualstack.core.address.registry import classes_of, is_public
from dualstack.errors import AddressError

__all__ = ["Description", "Family", "Public", "describe"]


class Family(Enum):
    """What kind of text it is."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    ENDPOINT = "endpoint"
    ENDPOINT_INVALID = "endpoint-invalid"
    NAME = "name"


class Public(Enum):
    """What a policy of "public only" says."""

    ALLOW = "allow"
    DENY = "deny"
    RESOLVE = "resolve"
    NOT_APPLICABLE = "n/a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a text is; the fields are those of the JSON.

    Args:
        input: the text.
        family: None where it is neither an address nor a name nor like an endpoint.
        canonical: the one form of an address or endpoint, a mapped one as IPv4.
        classes: names for what it is.
        embedded: the IPv4 addresses inside an IPv6 one.
        public: the verdict of "public only".
        in6: the twelve tests of the IPv6 form as given; empty where there is none.
        scope: the zone.
        error: why it is refused.
    """

    input: str
    family: Family | None = None
    canonical: str | None = None
    classes: tuple[str, ...] = ("invalid",)
    embedded: tuple[Embedded, ...] = ()
    public: Public = Public.DENY
    in6: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    scope: str | None = None
    error: str | None = None

    def as_json(self) -> dict[str, object]:
        """The value as JSON has it."""
        return {
            "input": self.input,
            "family": self.family.value if self.family else None,
            "canonical": self.canonical,
            "classes": list(self.classes),
            "embedded": [{"mechanism": inside.mechanism, "ipv4": str(inside.ipv4)} for inside in self.embedded],
            "public": self.public.value,
            "in6": dict(self.in6),
            "scope": self.scope,
            "error": self.error,
        }


def describe(text: str, nat64: Nat64 | None = None, *, service: ServiceNumber | None = None) -> Description:
    """Say what a text is.

    Args:
        text: anything.
        nat64: the network-specific prefixes in use.
        service: turns a service's name into its port, or None.

    >>> describe("64:ff9b::7f00:1").classes
    ('ipv6', 'nat64-wkp', 'embeds-loopback')
    """
    try:
        return _of_address(text, Address(text), nat64)
    except AddressError as error:
        if mapped := _mapped_with_zone(text):
            return _of_mapped_with_zone(text, mapped, error)
        if legacy := legacy_ipv4(text):
            why = f"an old {legacy.form.value} form of IPv4, which some read as {legacy.address}"
            return Description(input=text, classes=(f"legacy-{legacy.form.value}",), error=why)
        return _of_endpoint(text, nat64, service) if _is_like_endpoint(text) else _of_name(text, error)


def _of_address(text: str, address: Address, nat64: Nat64 | None) -> Description:
    return Description(
        input=text,
        family=Family.IPV6 if address.version == 6 else Family.IPV4,
        canonical=str(address.canonical),
        classes=classes_of(address, nat64),
        embedded=embedded_ipv4(address, nat64),
        public=_verdict(address, nat64),
        in6=_in6(address),
        scope=address.scope,
    )


def _mapped_with_zone(text: str) -> tuple[Address, str] | None:
    """The address and the zone of a text that is refused for having both, each fit to be written."""
    before, _, zone = text.partition("%")
    try:
        address, scope = Address(before), Address(f"fe80::%{zone}").scope
    except AddressError:
        return None
    return (address, scope) if address.is_mapped and scope else None


def _of_mapped_with_zone(text: str, mapped: tuple[Address, str], error: AddressError) -> Description:
    """A zone on a mapped address hides it from those who compare whole texts: what it is, and no canonical form."""
    address, scope = mapped
    return Description(
        input=text,
        family=Family.IPV6,
        classes=(*classes_of(address), "zone-on-mapped"),
        embedded=embedded_ipv4(address),
        in6=_in6(address),
        scope=scope,
        error=error.why,
    )


def _is_like_endpoint(text: str) -> bool:
    """Whether somebody meant a host with a port, or brackets or a star as in one."""
    before, colon, rest = text.partition(":")
    has_port = bool(colon) and (":" not in rest or "." in before)
    return has_port or text == Wildcard.ANY.value or not set("[]@").isdisjoint(text)


def _of_endpoint(text: str, nat64: Nat64 | None, service: ServiceNumber | None) -> Description:
    name, colon, rest = text.partition(":")
    try:
        host, port = parse_host_port(f"{ascii_name(name)}{colon}{rest}", service=service)
    except AddressError as error:
        return Description(input=text, family=Family.ENDPOINT_INVALID, error=error.why)
    shown = bracketed(host.canonical if isinstance(host, Address) else host)
    return Description(
        input=text,
        family=Family.ENDPOINT,
        canonical=shown if port is None else f"{shown}:{port}",
        classes=("endpoint", *_host_classes(host, nat64)),
        public=_verdict(host, nat64),
        scope=host.scope if isinstance(host, Address) else None,
    )


def _host_classes(host: Host, nat64: Nat64 | None) -> tuple[str, ...]:
    """Of an endpoint's address, what it is itself."""
    match host:
        case Wildcard():
            return ("wildcard",)
        case str():
            return ("name",)
    _, *classes = classes_of(host, nat64)
    return tuple(name for name in classes if not name.startswith("embeds-"))


def _verdict(host: Host, nat64: Nat64 | None) -> Public:
    match host:
        case Wildcard():
            return Public.NOT_APPLICABLE
        case str():
            return Public.RESOLVE
    return Public.ALLOW if is_public(host, nat64) else Public.DENY


def _of_name(text: str, error: AddressError) -> Description:
    if text.isascii() and text.isdecimal() and not text.startswith("0"):
        return Description(input=text, error=f"no IPv4 address: the number is over {2**32 - 1}")
    if not text or text.isdecimal() or not _NOT_IN_NAMES.isdisjoint(text):
        return Description(input=text, error=error.why)
    try:
        written = ascii_name(text)
        parse_host(written)
    except AddressError as no_name:
        return Description(input=text, error=no_name.why)
    asked = None if text.isascii() else written
    return Description(input=text, family=Family.NAME, canonical=asked, classes=("name",), public=Public.RESOLVE)


_NOT_IN_NAMES = frozenset(":%/")


def _in6(address: Address) -> Mapping[str, bool]:
    if address.version == 4:
        return MappingProxyType({})
    return MappingProxyType({name: test(address) for name, test in IN6_TESTS.items()})
