"""Whether a Python file has anything that a rule could look at, told by its text before it is parsed.

A file without any of these words has hardly anything to find, and most of a large tree is such.
"""

import re

from dualstack.check.words.namings import vocabulary

__all__ = ["is_told"]

# Small ones cost nothing.
_SMALL = 3000
_PLAIN = vocabulary(
    """AF_INET inet_ gethost getHost addrinfo ipaddress IPv4 127.0.0 0.0.0.0 localhost socket iptables /proc/net PASV
    TCP4 IP4 arpa thertype ETH_ dpkt scapy netifaces psutil dns HTTPServer XMLRPC WSGIServer INET_ SIOC 0x891
    '-4' "-4" listenTCP peername client_address remote_addr {3} (':' (":" ('.') (".") '.'.join ".".join ':'.join
    ":".join }:{ %s:% route IPAddress (15 (16) =15 =16 '10. "10. 192.168 wsgiref twisted HAS_IPV6 has_ipv6 recvfrom
    .accept( netmask"""
) | {"= 15", "= 16", "32 - "}
_QUAD = re.compile(r"(?:%d\.|\}\.\{){2}|\\\.\S*\\\.|\d(?:\.\d+){2}\.\d")  # dualstack: ignore[DS218] any text with dots


def is_told(text: str) -> bool:
    """Whether a file is worth its parsing.

    Args:
        text: its text.
    """
    return len(text) < _SMALL or any(word in text for word in _PLAIN) or _QUAD.search(text) is not None
