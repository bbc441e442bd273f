"""What is IPv4 by its definition, and right so: DHCPv4, ARP, Wake-on-LAN, IGMP, NAT64 and the other translators.

A word in the code's own names or in the sentence over it tells; a comment somewhere in the middle tells nothing.
"""

import re
from collections.abc import Iterable

__all__ = ["is_ipv4_by_definition"]

_THING = re.compile(
    r"(?<![a-z])(?:dhcp(?!v?6)(?:v?4)?|bootp|igmp|e?r?arp(?!a)|wake.?on.?lan|wol|magic.?packet|nat.?64|64:ff9b|464xlat|clat|siit|6to4|6rd"
    r"|teredo|isatap|dns64|rfc ?6052|rfc ?3927|zeroconf ipv4ll|ipv4ll|rip(?:v1|v2)|vrrpv2)(?![a-z])",
    re.IGNORECASE,
)
_UNDERSCORE = re.compile(r"_|(?<=[a-z])(?=[A-Z])")


def is_ipv4_by_definition(names: Iterable[str], sentence: str = "") -> bool:
    """Whether names, or the sentence over the code, are of such a protocol."""
    return _THING.search(_UNDERSCORE.sub(" ", sentence)) is not None or any(
        _THING.search(_UNDERSCORE.sub(" ", name)) for name in names
    )
