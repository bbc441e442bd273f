"""A client's question to a name server, and the answer to it (RFC 1035, RFC 6891): of addresses and of names.

`wire.dns` is the other side, who asks. What is out of the ordinary, another opcode or class, is answered as such; what
cannot be read, and what is an answer itself, is answered by nothing.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from dualstack.core.address.address import Address

__all__ = ["AAAA", "NOTIMP", "NXDOMAIN", "PTR", "SERVFAIL", "A", "Question", "answer", "cut_short", "read_question"]

A, PTR, AAAA = 1, 12, 28
SERVFAIL, NXDOMAIN, NOTIMP = 2, 3, 4

_HEADER = struct.Struct("!6H")
_QUESTION = struct.Struct("!2H")
_RECORD = struct.Struct("!2HIH")
_IS_ANSWER, _OPCODE, _IS_CUT, _WANTS_RECURSION = 0x8000, 0x7800, 0x0200, 0x0100
_RECURSES, _CHECKING_DISABLED = 0x0080, 0x0010
_OPT, _IN = 41, 1
# The name of a record that is the question's own: a pointer to it (RFC 1035 section 4.1.4).
_SAME_NAME = b"\xc0\x0c"
_LABEL_MAX, _NAME_BYTES_MAX = 63, 255  # RFC 1035 section 2.3.4
_PLAIN_BYTES = 512
# RFC 9715: what goes through without fragments.
_EDNS_BYTES = 1232
_OUR_OPT = b"\0" + _RECORD.pack(_OPT, _EDNS_BYTES, 0, 0)


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks.

    Args:
        number: by which it knows the answer.
        flags: of its header.
        name: without the last dot, in lower case; what is no text stands as its escapes (RFC 1035 section 5.1).
        kind: of records, such as `AAAA`.
        asked: the question as it stood in the packet, which the answer repeats.
        limit_bytes: how much may be answered over UDP.
        has_edns: it has an OPT record, so the answer has one.
        opcode: 0 is a query.
        is_internet: it is of class IN.
    """

    number: int
    flags: int
    name: str
    kind: int
    asked: bytes
    limit_bytes: int
    has_edns: bool
    opcode: int
    is_internet: bool


def read_question(packet: bytes) -> Question | None:
    """The question in a packet; None where there is none, or several, or it is an answer."""
    if len(packet) < _HEADER.size:
        return None
    number, flags, questions, answers, authorities, additional = _HEADER.unpack_from(packet)
    if flags & _IS_ANSWER or questions != 1:
        return None
    try:
        name, at = _name(packet)
        kind, klass = _QUESTION.unpack_from(packet, at)
        end = at + _QUESTION.size
        edns = _edns(packet, end) if (answers, authorities) == (0, 0) and additional else None
    except (IndexError, struct.error):
        return None
    return Question(
        number=number,
        flags=flags,
        name=name,
        kind=kind,
        asked=packet[_HEADER.size : end],
        limit_bytes=_PLAIN_BYTES if edns is None else min(max(edns, _PLAIN_BYTES), _EDNS_BYTES),
        has_edns=edns is not None,
        opcode=(flags & _OPCODE) >> 11,
        is_internet=klass == _IN,
    )


def answer(
    question: Question,
    records: Iterable[Address | str] = (),
    *,
    code: int = 0,
    ttl_s: int = 0,
    limit_bytes: int | None = None,
) -> bytes:
    """The answer to a question.

    Args:
        question: as read.
        records: addresses of the family that was asked for; texts are names, for PTR.
        code: what is wrong, 0 for nothing.
        ttl_s: how long a client may keep it.
        limit_bytes: of the whole; the question's own where none is given. What does not fit is left out and said.
    """
    limit = question.limit_bytes if limit_bytes is None else limit_bytes
    opt = _OUR_OPT if question.has_edns else b""
    room = limit - _HEADER.size - len(question.asked) - len(opt)
    written = [_record(question.kind, record, ttl_s) for record in records]
    if sum(map(len, written)) > room:
        return cut_short(question)
    return _head(question, code, len(written)) + b"".join(written) + opt


def cut_short(question: Question) -> bytes:
    """What says that the answer does not fit: it is to be asked for over a stream (RFC 7766)."""
    return _head(question, _IS_CUT, 0) + (_OUR_OPT if question.has_edns else b"")


def _head(question: Question, more: int, records: int) -> bytes:
    flags = _IS_ANSWER | question.flags & (_OPCODE | _WANTS_RECURSION | _CHECKING_DISABLED) | _RECURSES | more
    return _HEADER.pack(question.number, flags, 1, records, 0, question.has_edns) + question.asked


def _record(kind: int, record: Address | str, ttl_s: int) -> bytes:
    content = record.packed if isinstance(record, Address) else _written(record)
    return _SAME_NAME + _RECORD.pack(kind, _IN, ttl_s, len(content)) + content


def _written(name: str) -> bytes:
    labels = name.removesuffix(".").encode("ascii").split(b".")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _name(packet: bytes) -> tuple[str, int]:
    """The name behind the header, and where it ends; a question has no pointers."""
    at, labels = _HEADER.size, list[str]()
    while length := packet[at]:
        if length > _LABEL_MAX or at + length >= len(packet):
            raise IndexError
        labels.append(_text(packet[at + 1 : at + 1 + length]))
        at += 1 + length
    if at + 1 - _HEADER.size > _NAME_BYTES_MAX:
        raise IndexError
    return ".".join(labels), at + 1


def _text(label: bytes) -> str:
    return "".join(
        chr(byte) if 0x21 <= byte < 0x7F and byte not in b".\\" else f"\\{byte:03d}" for byte in label.lower()
    )


def _edns(packet: bytes, at: int) -> int | None:
    """How much the client takes, where its first additional record says so (RFC 6891 section 6.1.2)."""
    if packet[at]:
        return None
    kind, size, _, _ = _RECORD.unpack_from(packet, at + 1)
    return int(size) if kind == _OPT else None
