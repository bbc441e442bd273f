"""Where messages of HTTP/1 end (RFC 9112 sections 6 and 7), and the heads of responses: bytes in, values out.

Whoever relays messages has to know where one ends, or the next goes to the wrong server. So what two programs could
read in two ways is refused: two lengths, a chunk's line without its CR, a size that is no bare number. Bytes that
belong to a body are counted and pass unchanged.
"""

import re
from dataclasses import dataclass
from typing import Protocol

from dualstack.errors import WireError

__all__ = ["HEAD_MAX", "Body", "Chunked", "Head", "Plain", "ResponseHead", "Sized", "UntilEnd", "response_body"]

HEAD_MAX = 16384
"""A longer head of a request is refused, and so are longer trailers."""

_PROTOCOL = "HTTP/1"
# A chunk's line has the size and extensions, which nobody uses.
_LINE_MAX = 1024
_TEXT = rb"[^\x00-\x08\x0a-\x1f\x7f]*"
_NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;" + _TEXT + rb")?\r\n")
_TRAILER = re.compile(_NAME + rb":" + _TEXT + rb"\r\n")
_STATUS = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9][0-9])(?: (" + _TEXT + rb"))?")
_FIELD = re.compile(rb"(" + _NAME + rb")[ \t]*:[ \t]*(" + _TEXT + rb")")
_LENGTH = re.compile(rb"[0-9]{1,18}")
# RFC 9112 section 6.3: these have no body, whatever their fields say; all of 1xx besides.
_BODILESS = frozenset({204, 304})


class Body(Protocol):
    """How a body ends."""

    @property
    def left(self) -> int:
        """How many bytes may be taken unseen."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether all of it came."""
        ...

    @property
    def ends_with_connection(self) -> bool:
        """Whether nothing else ends it."""
        ...

    def take(self, content: bytes) -> int:
        """How many of the bytes that come next are this body's.

        Args:
            content: not empty.

        Raises:
            WireError: they are no body.
        """
        ...

    def pass_over(self, size: int) -> None:
        """So many bytes, `left` at most, were taken unseen."""
        ...


class Sized:
    """A body of so many bytes, of none too."""

    __slots__ = ("left",)
    ends_with_connection = False

    def __init__(self, size: int) -> None:
        self.left = size

    @property
    def is_over(self) -> bool:
        """Whether all of it came."""
        return not self.left

    def take(self, content: bytes) -> int:
        """As `Body.take`."""
        size = min(len(content), self.left)
        self.left -= size
        return size

    def pass_over(self, size: int) -> None:
        """As `Body.pass_over`."""
        self.left -= size


class UntilEnd:
    """A body that ends with its connection."""

    __slots__ = ()
    left = 1 << 62
    is_over = False
    ends_with_connection = True

    def take(self, content: bytes) -> int:
        """As `Body.take`."""
        return len(content)

    def pass_over(self, size: int) -> None:
        """As `Body.pass_over`."""


class Chunked:
    """A body in chunks (RFC 9112 section 7.1), with its trailers."""

    __slots__ = ("_line", "_read", "_rest", "_trailers", "is_over")
    left = 0
    ends_with_connection = False

    def __init__(self) -> None:
        self.is_over = False
        self._line = b""
        self._rest = 0
        self._trailers = 0
        self._read = self._size

    def take(self, content: bytes) -> int:
        """As `Body.take`."""
        at, end = 0, len(content)
        while at < end and not self.is_over:
            at = self._read(content, at)
        return at

    def pass_over(self, size: int) -> None:
        """As `Body.pass_over`: nothing may be."""

    def _size(self, content: bytes, at: int) -> int:
        line, at = self._line_of(content, at, _LINE_MAX)
        if line:
            found = _CHUNK.fullmatch(line)
            if found is None:
                raise WireError(_PROTOCOL, f"a chunk does not begin with {_shown(line)}")
            self._rest = int(found[1], 16)
            self._read = self._content if self._rest else self._trailer
        return at

    def _content(self, content: bytes, at: int) -> int:
        size = min(self._rest, len(content) - at)
        self._rest -= size
        if not self._rest:
            self._read = self._end
        return at + size

    def _end(self, content: bytes, at: int) -> int:
        line, at = self._line_of(content, at, 2)
        if line and line != b"\r\n":
            raise WireError(_PROTOCOL, f"{_shown(line)} behind a chunk, which ends with CR LF")
        if line:
            self._read = self._size
        return at

    def _trailer(self, content: bytes, at: int) -> int:
        line, at = self._line_of(content, at, HEAD_MAX - self._trailers)
        self._trailers += len(line)
        if line == b"\r\n":
            self.is_over = True
        elif line and not _TRAILER.fullmatch(line):
            raise WireError(_PROTOCOL, f"{_shown(line)} among the trailers")
        return at

    def _line_of(self, content: bytes, at: int, most: int) -> tuple[bytes, int]:
        """The line that ends in `content`, nothing where none does; and where its bytes end."""
        found = content.find(b"\n", at)
        end = len(content) if found < 0 else found + 1
        if len(self._line) + end - at > most:
            raise WireError(_PROTOCOL, f"no end of a line of a chunked body within {most} bytes")
        line = self._line + content[at:end]
        self._line = line if found < 0 else b""
        return (b"" if found < 0 else line), end


@dataclass(frozen=True, slots=True)
class Plain:
    """What a relay has to know of a request that goes on to its server.

    Args:
        method: in its own case.
        body: how it ends.
        behind: what came behind the head: of the body first.
        is_old: it is of HTTP/1.0.
        keeps: the client means to ask again on this connection.
    """

    method: bytes
    body: Body
    behind: bytes = b""
    is_old: bool = False
    keeps: bool = True


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a response; names of fields as they were written."""

    status: int
    reason: bytes
    is_old: bool
    fields: tuple[tuple[bytes, bytes], ...]

    def values(self, name: bytes) -> list[bytes]:
        """All elements of the fields of this name, which have commas between them."""
        lines = [value for key, value in self.fields if key.lower() == name]
        return [word.strip(b" \t") for word in b",".join(lines).split(b",")] if lines else []


class ResponseHead:
    """Reads one head, however its bytes come.

    Args:
        most: bytes; a longer one is refused.
    """

    __slots__ = ("_held", "_most")

    def __init__(self, most: int = 1 << 16) -> None:
        self._held = bytearray()
        self._most = most

    def receive(self, content: bytes) -> tuple[Head, bytes] | None:
        """The head, and what came behind it; None until its end is there.

        Raises:
            WireError: it is none.
        """
        # The end may have begun in what came before: three bytes of CR LF CR LF.
        start = max(len(self._held) - 3, 0)
        self._held += content
        end = _end_of_head(self._held, start)
        if end > self._most or (end < 0 and len(self._held) > self._most):
            raise WireError(_PROTOCOL, f"no end of the response's head within {self._most} bytes")
        if end < 0:
            self._check_start()
            return None
        return _read_head(bytes(self._held[:end])), bytes(self._held[end:])

    @property
    def held(self) -> bytes:
        """What has come of it."""
        return bytes(self._held)

    def _check_start(self) -> None:
        if not self._held.startswith(b"HTTP/1."[: len(self._held)]):
            raise WireError(_PROTOCOL, f"a response does not begin with {_shown(self._held)}")


_END = re.compile(rb"\n\r?\n")


def _end_of_head(held: bytearray, start: int) -> int:
    found = _END.search(held, start)
    return -1 if found is None else found.end()


def _read_head(held: bytes) -> Head:
    first, *lines = [line.removesuffix(b"\r") for line in held.rstrip(b"\r\n").split(b"\n")]
    status = _STATUS.fullmatch(first)
    if status is None:
        raise WireError(_PROTOCOL, f"a response does not begin with {_shown(first)}")
    fields = []
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise WireError(_PROTOCOL, f"{_shown(line)} is no field of a response")
        fields.append((found[1], found[2].rstrip(b" \t")))
    return Head(int(status[2]), status[3] or b"", status[1] == b"0", tuple(fields))


def response_body(head: Head, method: bytes) -> Body:
    """How the body of a final response to a request of this method ends (RFC 9112 section 6.3).

    Raises:
        WireError: it says so in two ways, or in none that is known.
    """
    if method == b"HEAD" or head.status in _BODILESS or head.status < 200:
        return Sized(0)
    codings, lengths = head.values(b"transfer-encoding"), head.values(b"content-length")
    if codings:
        if lengths or head.is_old or [coding.lower() for coding in codings] != [b"chunked"]:
            raise WireError(_PROTOCOL, "a response with more than one length, or with a coding other than chunked")
        return Chunked()
    if not lengths:
        return UntilEnd()
    if len(set(lengths)) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise WireError(_PROTOCOL, f"a response whose length is {_shown(b', '.join(lengths))}")
    return Sized(int(lengths[0]))


def _shown(content: bytes | bytearray) -> str:
    return ascii(bytes(content[:40]).decode("latin-1"))
