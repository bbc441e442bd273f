"""Records of a lab's names beside their addresses, such as `HTTPS 1 svc port=8443`: written as zone files have them."""

from collections.abc import Iterable

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from dualstack.errors import ConfigError
from dualstack.lab.declaration import DOMAIN

__all__ = ["ORIGIN", "checked_records", "parsed_record"]

ORIGIN = dns.name.from_text(f"{DOMAIN}.")


def parsed_record(text: str) -> dns.rdata.Rdata:
    """The record that a text says; names in it without a dot at the end are the lab's.

    Raises:
        dns.exception.DNSException, ValueError: it says none.
    """
    kind, _, rdata = text.strip().partition(" ")
    return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(kind), rdata, ORIGIN, relativize=False)


def checked_records(name: str, texts: Iterable[str], where: str = "") -> tuple[str, tuple[str, ...]]:
    """The name in lower case, and the texts, each of which says a record.

    Raises:
        ConfigError: a text says none, or there can be no such name.
    """
    given = tuple(texts)
    try:
        dns.name.from_text(name, ORIGIN)
        for text in given:
            parsed_record(text)
    except (dns.exception.DNSException, ValueError) as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(
            where, f"records.{name}", f"{', '.join(given)}: {what}; write HTTPS 1 NAME port=8443"
        ) from None
    return name.lower(), given
