"""One question to a name server and its answer (RFC 1035): bytes out, bytes in; of records A and AAAA alone.

For who asks often and wants the ordinary answer cheaply. Whatever is out of the ordinary, another code than "no error",
an answer cut short or one that cannot be read, is told as such and left to a resolver that knows more.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from dualstack.core.address.address import Address

__all__ = ["FORMERR", "NOTIMP", "NXDOMAIN", "SERVFAIL", "Head", "Reply", "head", "query", "read"]

FORMERR, SERVFAIL, NXDOMAIN, NOTIMP = 1, 2, 3, 4
"""RFC 1035 section 4.1.1: the server could not read it, failed, knows no such name, does not do such things."""

_HEADER = struct.Struct("!6H")
_QUESTION = struct.Struct("!2H")
_RECORD = struct.Struct("!2HIH")
_TYPES = {4: 1, 6: 28}
_SIZES = {4: 4, 6: 16}
_IN = 1
_IS_ANSWER, _IS_CUT, _WANTS_RECURSION, _CODE = 0x8000, 0x0200, 0x0100, 0x000F
# RFC 6891: an OPT record, the root's, that takes 1232 bytes (RFC 9715: what goes through without fragments).
_OPT = b"\0" + _RECORD.pack(41, 1232, 0, 0)
_LABEL_MAX, _NAME_MAX = 63, 253


class Head(NamedTuple):
    """How an answer begins.

    Args:
        code: 0, or what is wrong.
        is_cut: the rest of it did not go into the datagram.
    """

    code: int
    is_cut: bool


class Reply(NamedTuple):
    """What a server says.

    Args:
        addresses: of the family asked for; none where the name has none.
        is_ordinary: there is no error, and nothing is cut off.
        is_missing: there is no such name (RFC 2308), whatever the family.
    """

    addresses: tuple[Address, ...]
    is_ordinary: bool
    is_missing: bool = False


def query(number: int, name: str, family: int, *, edns: bool = True) -> bytes:
    """A question for the addresses of one family, or for records of another type.

    Args:
        number: to know the answer by, 16 bits at random.
        name: in ASCII.
        family: 4 or 6; or the number of a type of records, which none of these two is.
        edns: say how much may be answered (RFC 6891), which not every server can read.

    Raises:
        ValueError: there can be no such name.

    >>> len(query(1, "www.example", 4))
    40
    """
    text = name.removesuffix(".").encode("ascii")
    labels = text.split(b".")
    if len(text) > _NAME_MAX or not all(0 < len(label) <= _LABEL_MAX for label in labels):
        raise ValueError(f"{name!r} cannot be asked for (RFC 1035 section 2.3.4)")
    header = _HEADER.pack(number, _WANTS_RECURSION, 1, 0, 0, edns)
    written = b"".join([bytes([len(label)]) + label for label in labels])
    return header + written + b"\0" + _QUESTION.pack(_TYPES.get(family, family), _IN) + (_OPT if edns else b"")


def read(packet: bytes, question: bytes, family: int) -> Reply | None:
    """The answer to `question` in `packet`; None where it is none, or cannot be read.

    The records of the answer are taken for the name's own: whoever answers has followed its CNAMEs.
    """
    begins = head(packet, question)
    if begins is None:
        return None
    if begins.code or begins.is_cut:
        return Reply((), is_ordinary=False, is_missing=begins.code == NXDOMAIN)
    *_, answers, _, _ = _HEADER.unpack_from(packet)
    try:
        return Reply(tuple(_addresses(packet, _end_of(question), answers, family)), is_ordinary=True)
    except (IndexError, struct.error):
        return None


def head(packet: bytes, question: bytes) -> Head | None:
    """How the answer to `question` in `packet` begins; None where it is none."""
    if len(packet) < _HEADER.size or packet[:2] != question[:2]:
        return None
    _, flags, questions, *_ = _HEADER.unpack_from(packet)
    begins = Head(flags & _CODE, bool(flags & _IS_CUT))
    if not flags & _IS_ANSWER:
        return None
    if not questions and begins.code in _UNREAD:
        return begins
    # The server's words are ours, but for capital letters (RFC 1035 section 2.3.3).
    there = slice(_HEADER.size, _end_of(question))
    return begins if questions == 1 and packet[there].lower() == question[there].lower() else None


# Who could not read a question may not repeat it.
_UNREAD = frozenset({FORMERR, NOTIMP})


def _end_of(question: bytes) -> int:
    """Where the question itself ends: before the OPT record, where it has one."""
    return len(question) - (len(_OPT) if question[_HEADER.size - 1] else 0)


def _addresses(packet: bytes, at: int, records: int, family: int) -> Iterator[Address]:
    for _ in range(records):
        at = _after_name(packet, at)
        kind, klass, _, size = _RECORD.unpack_from(packet, at)
        at += _RECORD.size
        if at + size > len(packet):
            raise IndexError
        if (kind, klass, size) == (_TYPES[family], _IN, _SIZES[family]):
            yield Address.from_int(int.from_bytes(packet[at : at + size], "big"), family)
        at += size


def _after_name(packet: bytes, at: int) -> int:
    """Where a name ends: with the root, or with a pointer to the rest of it (RFC 1035 section 4.1.4)."""
    while length := packet[at]:
        if length > _LABEL_MAX:
            return at + 2
        at += 1 + length
    return at + 1
