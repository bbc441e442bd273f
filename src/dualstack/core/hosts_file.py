"""What hosts(5) and nsswitch.conf(5) say, from their texts: the addresses of a name, and whether that is final.

Never reads a file. A resolver that asks for both families at once takes a name's addresses from the hosts file and
asks nobody else; asked for one family at a time, it goes on to the name servers for a family that the file lacks. So
who asks for each family by itself has to look here first.
"""

import re
from collections.abc import Mapping

from dualstack.core.address import Address
from dualstack.errors import AddressError

__all__ = ["comes_first", "parse_hosts"]


def parse_hosts(text: str) -> Mapping[str, tuple[Address, ...]]:
    """The addresses of each name in lower case, IPv6 first, each family in the order of the lines.

    >>> parse_hosts("127.0.0.1 here Here.example # and so on")["here.example"]
    (Address('127.0.0.1'),)
    """
    found: dict[str, dict[Address, None]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or ("",)
        try:
            read = Address(address).canonical
        except AddressError:
            continue
        for name in names:
            found.setdefault(name.lower(), {})[read] = None
    return {name: tuple(sorted(addresses, key=lambda each: -each.version)) for name, addresses in found.items()}


# A first source "files", with nothing in brackets after it that would go on after a success.
_FILES_FIRST = re.compile(r"^[ \t]*hosts:[ \t]*files(?![ \t]*\[)(?:[ \t]|$)", re.MULTILINE)


def comes_first(nsswitch: str) -> bool:
    """Whether the hosts file is asked before all else, and its answer is the last word.

    >>> comes_first("hosts: files dns"), comes_first("hosts: dns files")
    (True, False)
    """
    return _FILES_FIRST.search(nsswitch) is not None
