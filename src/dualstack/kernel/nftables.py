"""Rules of the kernel's packet filter (nft(8)), written over nfnetlink: the few expressions that a gate takes.

pyroute2 0.9 has the messages and none of the expressions that are needed here (log, tproxy, socket); the program nft(8)
takes longer than all else, and a right that it would have to be lent.
"""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from dualstack.kernel.netlink import attribute
from dualstack.kernel.netlink_changes import CREATE, Change, be16, be32, nested, text

__all__ = [
    "ACCEPT",
    "DROP",
    "NETLINK_NETFILTER",
    "Chain",
    "Expression",
    "filter_table",
    "from_interface",
    "has_socket",
    "is_marked",
    "is_new_stream",
    "is_protocol",
    "log_to",
    "transparently_to",
    "transport_bytes",
]

NETLINK_NETFILTER = 12

# include/uapi/linux/netfilter/nfnetlink.h, nf_tables.h
_BATCH_BEGIN, _BATCH_END, _NFTABLES = 0x10, 0x11, 10
_NEWTABLE, _NEWCHAIN, _NEWRULE = 0, 3, 6
_APPEND = 0x800
_INET, _PREROUTING = 1, 0
_VERDICT, _REGISTER = 0, 1
_META_MARK, _META_IIFNAME, _META_L4PROTO = 3, 6, 16
_TRANSPORT = 2
_EQUAL, _NOT_EQUAL = 0, 1
_SOCKET_TRANSPARENT = 0
_IFNAMSIZ = 16
_DROP, _ACCEPT = 0, 1
_GENERIC = struct.Struct("!BBH")  # struct nfgenmsg: family, version, resource

Expression = bytes
"""One step of a rule: it reads, compares, or acts."""


def _expression(name: str, *attributes: bytes) -> Expression:
    return nested(1, text(1, name), nested(2, *attributes))


def _meta(key: int) -> Expression:
    return _expression("meta", be32(1, _REGISTER), be32(2, key))


def _compare(value: bytes, operation: int = _EQUAL) -> Expression:
    return _expression("cmp", be32(1, _REGISTER), be32(2, operation), nested(3, attribute(1, value)))


def _payload(base: int, offset: int, length: int) -> Expression:
    return _expression("payload", be32(1, _REGISTER), be32(2, base), be32(3, offset), be32(4, length))


def _verdict(code: int) -> Expression:
    return _expression("immediate", be32(1, _VERDICT), nested(2, nested(2, be32(1, code))))


DROP: Expression = _verdict(_DROP)
ACCEPT: Expression = _verdict(_ACCEPT)


def from_interface(name: str) -> Sequence[Expression]:
    """The packet came by this interface."""
    return _meta(_META_IIFNAME), _compare(name.encode().ljust(_IFNAMSIZ, b"\0"))


def is_marked(mark: int) -> Sequence[Expression]:
    """The packet has this mark (SO_MARK)."""
    return _meta(_META_MARK), _compare(struct.pack("=I", mark))


def is_protocol(number: int) -> Sequence[Expression]:
    """The packet is of this protocol above IP."""
    return _meta(_META_L4PROTO), _compare(bytes([number]))


def transport_bytes(offset: int, value: bytes) -> Sequence[Expression]:
    """These bytes stand there behind the IP header."""
    return _payload(_TRANSPORT, offset, len(value)), _compare(value)


def is_new_stream() -> Sequence[Expression]:
    """The packet is a TCP segment with SYN, and neither ACK, RST nor FIN (RFC 9293 section 3.1)."""
    return (*is_protocol(socket.IPPROTO_TCP), _payload(_TRANSPORT, 13, 1), _masked(b"\x17"), _compare(b"\x02"))


def _masked(mask: bytes) -> Expression:
    return _expression(
        "bitwise",
        be32(1, _REGISTER),
        be32(2, _REGISTER),
        be32(3, len(mask)),
        nested(4, attribute(1, mask)),
        nested(5, attribute(1, bytes(len(mask)))),
    )


def has_socket() -> Sequence[Expression]:
    """A socket of this namespace takes the packet, be it one that listens."""
    # The expression ends the rule where there is none; what it reads does not matter then.
    found = _expression("socket", be32(1, _SOCKET_TRANSPARENT), be32(2, _REGISTER))
    return found, _compare(b"\xff", _NOT_EQUAL)


def log_to(group: int) -> Expression:
    """Hand a copy of the packet to whoever listens to this group (`kernel.nflog`), at once."""
    return _expression("log", be16(1, group), be32(3, 0xFFFF), be16(4, 1))


def transparently_to(port: int) -> Sequence[Expression]:
    """Give the packet to the transparent socket on this port, whatever address it is for."""
    number = _expression("immediate", be32(1, _REGISTER), nested(2, attribute(1, struct.pack("!H", port))))
    return number, _expression("tproxy", be32(1, 0), be32(3, _REGISTER))


@dataclass(frozen=True, slots=True)
class Chain:
    """Rules for packets as they come in, before they are routed.

    Args:
        name: its name.
        priority: before those with a higher number.
        rules: each the expressions of one.
    """

    name: str
    priority: int
    rules: Sequence[Sequence[Expression]]


def filter_table(name: str, chain: Chain) -> Sequence[Change]:
    """A table of both families with one chain, as one transaction.

    >>> len(filter_table("gate", Chain("incoming", -310, [[DROP]])))
    5
    """
    hook = nested(4, be32(1, _PREROUTING), be32(2, chain.priority & 0xFFFF_FFFF))
    own = text(1, name)
    return [
        Change(_BATCH_BEGIN, _GENERIC.pack(0, 0, _NFTABLES), is_silent=True),
        _change(_NEWTABLE, own, f"nft table {name}"),
        _change(_NEWCHAIN, own + text(3, chain.name) + hook + text(7, "filter"), f"nft chain {chain.name}"),
        *[
            _change(
                _NEWRULE,
                own + text(2, chain.name) + nested(4, *rule),
                f"nft rule {number} of {chain.name}",
                _APPEND,
            )
            for number, rule in enumerate(chain.rules, 1)
        ],
        Change(_BATCH_END, _GENERIC.pack(0, 0, _NFTABLES), is_silent=True),
    ]


def _change(kind: int, body: bytes, what: str, flags: int = 0) -> Change:
    return Change(_NFTABLES << 8 | kind, _GENERIC.pack(_INET, 0, 0) + body, CREATE | flags, what)
