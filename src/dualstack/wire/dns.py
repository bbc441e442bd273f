"""One question to a name server and its answer (RFC 1035): bytes out, bytes in; A and AAAA alone.

For who asks often and wants the ordinary answer cheaply. Whatever is out of the ordinary, another code than "no error",
an answer cut short or one that cannot be read, is told as such and left to a resolver that knows more.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from dualstack.core.address import Address

__all__ = ["Reply", "query", "read"]

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


class Reply(NamedTuple):
    """What a server says.

    Args:
        addresses: of the family asked for; none where the name has none.
        is_ordinary: there is no error, and nothing is cut off.
    """

    addresses: tuple[Address, ...]
    is_ordinary: bool


def query(number: int, name: str, family: int) -> bytes:
    """A question for the addresses of one family.

    Args:
        number: to know the answer by, 16 bits at random.
        name: in ASCII.
        family: 4 or 6.

    Raises:
        ValueError: there can be no such name.

    >>> len(query(1, "www.example", 4))
    40
    """
    text = name.removesuffix(".").encode("ascii")
    labels = text.split(b".")
    if len(text) > _NAME_MAX or not all(0 < len(label) <= _LABEL_MAX for label in labels):
        raise ValueError(f"{name!r} cannot be asked for (RFC 1035 section 2.3.4)")
    header = _HEADER.pack(number, _WANTS_RECURSION, 1, 0, 0, 1)
    written = b"".join([bytes([len(label)]) + label for label in labels])
    return header + written + b"\0" + _QUESTION.pack(_TYPES[family], _IN) + _OPT


def read(packet: bytes, question: bytes, family: int) -> Reply | None:
    """The answer to `question` in `packet`; None where it is none, or cannot be read.

    The records of the answer are taken for the name's own: whoever answers has followed its CNAMEs.
    """
    asked = question[_HEADER.size : -len(_OPT)]
    end = _HEADER.size + len(asked)
    # The server's number and words are ours, but for capital letters (RFC 1035 section 2.3.3).
    if len(packet) < end or packet[:2] != question[:2] or packet[_HEADER.size : end].lower() != asked.lower():
        return None
    _, flags, questions, answers, _, _ = _HEADER.unpack_from(packet)
    if not flags & _IS_ANSWER or questions != 1:
        return None
    if flags & (_IS_CUT | _CODE):
        return Reply((), is_ordinary=False)
    try:
        return Reply(tuple(_addresses(packet, end, answers, family)), is_ordinary=True)
    except (IndexError, struct.error):
        return None


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
