"""What hosts(5) and nsswitch.conf(5) say, from their texts: the addresses of a name, and whether that is final.

Never reads a file. A resolver that asks for both families at once takes a name's addresses from the hosts file and
asks nobody else; asked for one family at a time, it goes on to the name servers for a family that the file lacks. So
who asks for each family by itself has to look here first.
"""

import re
from collections.abc import Iterator, Mapping

from dualstack.core.address.address import Address
from dualstack.errors import AddressError

__all__ = ["Hosts", "comes_first", "is_followed_by_dns_alone", "parse_hosts"]


class Hosts(Mapping[str, tuple[Address, ...]]):
    """A table of names, in lower case, with the texts of their addresses, which are read when somebody asks.

    A file of 170,000 names that are not to be reached has 170,000 times the same address.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __getitem__(self, name: str) -> tuple[Address, ...]:
        """The addresses, IPv6 first, each family in the order of the lines."""
        found = dict.fromkeys(address for text in self._texts[name].split() for address in _read(text))
        if not found:
            raise KeyError(name)
        return tuple(sorted(found, key=lambda each: -each.version))

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._texts if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def parse_hosts(text: str) -> Hosts:
    """The addresses of each name.

    >>> parse_hosts("127.0.0.1 here Here.example # and so on")["here.example"]
    (Address('127.0.0.1'),)
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or ("",)
        for name in map(str.lower, names):
            known = found.get(name)
            found[name] = address if known is None else f"{known} {address}"
    return Hosts(found)


def _read(text: str) -> tuple[Address, ...]:
    try:
        return (Address(text).canonical,)
    except AddressError:
        return ()


# A first source "files", with nothing in brackets after it that would go on after a success.
_FILES_FIRST = re.compile(r"^[ \t]*hosts:[ \t]*files(?![ \t]*\[)(?:[ \t]|$)", re.MULTILINE)


def comes_first(nsswitch: str) -> bool:
    """Whether the hosts file is asked before all else, and its answer is the last word.

    >>> comes_first("hosts: files dns"), comes_first("hosts: dns files")
    (True, False)
    """
    return _FILES_FIRST.search(nsswitch) is not None


_FILES_AND_DNS = re.compile(r"^[ \t]*hosts:[ \t]*files[ \t]+dns[ \t]*(?:#|$)", re.MULTILINE)


def is_followed_by_dns_alone(nsswitch: str) -> bool:
    """Whether name servers, and nobody else, are asked for what the hosts file has not.

    >>> is_followed_by_dns_alone("hosts: files dns"), is_followed_by_dns_alone("hosts: files mdns4 dns")
    (True, False)
    """
    return _FILES_AND_DNS.search(nsswitch) is not None
