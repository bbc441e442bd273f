"""Where messages of HTTP/1 end (RFC 9112 sections 6 and 7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.errors import WireError
from dualstack.wire.http1 import HEAD_MAX, Body, Chunked, Head, ResponseHead, Sized, UntilEnd, response_body


def taken(body: Body, content: bytes, size: int) -> int:
    """How much of it is the body's, given `size` bytes at a time."""
    at = 0
    while at < len(content) and not body.is_over:
        piece = content[at : at + size]
        cut = body.take(piece)
        assert cut <= len(piece)
        at += cut
        if cut < len(piece):
            break
    return at


CHUNKED = b"5;a=b\r\nhello\r\nA0  \r\n" + b"x" * 160 + b"\r\n0\r\nX-Trailer: 1\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("body", [CHUNKED, b"0\r\n\r\n", b"00000\r\n\r\n", b"1;\t\r\na\r\n0;x\r\n\r\n"])
def test_a_chunked_body_ends_behind_its_trailers(body: bytes, size: int) -> None:
    chunked = Chunked()
    assert taken(chunked, body + b"GET / HTTP/1.1", size) == len(body)
    assert chunked.is_over
    assert chunked.left == 0
    chunked.pass_over(0)
    assert not chunked.ends_with_connection


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    "body",
    [
        *(b"\r\n", b"5\nhello", b"5;a\nhello", b"5;a\rb\r\n", b"0x5\r\n", b"+5\r\n", b" 5\r\n", b"5 5\r\n", b"g\r\n"),
        *(b"1\r\nab\r\n", b"1\r\na\n\n", b"1\r\na0\r\n", b"f" * 16 + b"\r\n", b"5;\x00\r\n", b"5" + b" " * 2000),
        *(b"0\r\nno field\r\n", b"0\r\n x: y\r\n", b"0\r\nx: y\n", b"0\r\nx : y\r\n", b"0\r\nx:" + b"y" * HEAD_MAX),
        b"0\r\n" + b"x: y\r\n" * HEAD_MAX,
    ],
)
def test_what_could_be_read_in_two_ways_is_no_body(body: bytes, size: int) -> None:
    with pytest.raises(WireError):
        taken(Chunked(), body, size)


@given(st.binary(max_size=40), st.binary(max_size=12), st.integers(1, 9))
def test_a_chunked_body_ends_in_the_same_place_however_it_comes(content: bytes, behind: bytes, size: int) -> None:
    body = b"%x\r\n%b\r\n" % (len(content), content) if content else b""
    body += b"0\r\n\r\n"
    assert taken(Chunked(), body + behind, size) == taken(Chunked(), body + behind, 1000) == len(body)


@given(st.binary(max_size=60), st.integers(1, 9))
def test_any_bytes_are_a_body_or_an_error_and_the_same_however_they_come(content: bytes, size: int) -> None:
    def told(pieces: int) -> object:
        try:
            return taken(Chunked(), content, pieces)
        except WireError:
            return None

    assert told(size) == told(1)


@pytest.mark.parametrize("before", [b"", b"1\r\na\r\n"])
def test_a_line_of_a_chunk_has_a_bound_wherever_it_begins(before: bytes) -> None:
    Chunked().take(before + b"0;" + b"x" * 1022)
    with pytest.raises(WireError, match="within 1024 bytes"):
        Chunked().take(before + b"0;" + b"x" * 1023)


def test_a_sized_body_takes_so_many_bytes_and_one_until_the_end_all() -> None:
    sized = Sized(5)
    assert (sized.take(b"abc"), sized.left, sized.is_over) == (3, 2, False)
    sized.pass_over(1)
    assert (sized.take(b"abc"), sized.left, sized.is_over) == (1, 0, True)
    until = UntilEnd()
    until.pass_over(9)
    assert (until.take(b"abc"), until.is_over, until.ends_with_connection) == (3, False, True)


def read(content: bytes, size: int = 1000) -> tuple[Head, bytes] | None:
    reader = ResponseHead()
    for at in range(0, len(content), size):
        if (found := reader.receive(content[at : at + size])) is not None:
            return found[0], found[1] + content[at + size :]
    return None


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_head_is_read_however_it_comes(size: int, end: bytes) -> None:
    content = end.join((b"HTTP/1.1 200 All well", b"A: b ", b"a :c,d", b"E:", b"", b""))
    head, behind = read(content + b"behind", size) or pytest.fail("no head")
    assert head == Head(200, b"All well", is_old=False, fields=((b"A", b"b"), (b"a", b"c,d"), (b"E", b"")))
    assert behind == b"behind"
    assert head.values(b"a") == [b"b", b"c", b"d"]
    assert head.values(b"f") == []


def test_a_head_may_have_no_fields_and_no_reason() -> None:
    assert read(b"HTTP/1.0 204\r\n\r\n") == (Head(204, b"", is_old=True, fields=()), b"")
    assert read(b"HTTP/1.1 200 OK\r\nA: b\r\n") is None


@pytest.mark.parametrize(
    "content",
    [
        *(b"ICY 200 OK", b"SSH-2.0", b"HTTP/2.0 200 OK\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n", b"HTTP/1.1 200OK\r\n\r\n"),
        *(b"HTTP/1.1 200 OK\r\n: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", b"\n\n", b"<html>\n\n"),
        *(b"HTTP/1.1 200 OK\r\nA: b\x00\r\n\r\n", b"HTTP/1.1 200 OK\r\nA" + b"a" * (1 << 16)),
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * (1 << 14) + b"\r\n",
    ],
)
def test_what_is_no_head_is_told_and_kept(content: bytes) -> None:
    reader = ResponseHead()
    with pytest.raises(WireError) as raised:
        reader.receive(content)
    assert "b'" not in str(raised.value)
    assert reader.held == content


@pytest.mark.parametrize(
    ("fields", "method", "status", "kind"),
    [
        ("Content-Length: 5", b"GET", 200, Sized),
        ("Content-Length: 5, 5", b"GET", 200, Sized),
        ("Transfer-Encoding: Chunked", b"GET", 200, Chunked),
        ("", b"GET", 200, UntilEnd),
        ("Content-Length: 5", b"HEAD", 200, None),
        ("Content-Length: 5", b"GET", 204, None),
        ("Content-Length: 5", b"GET", 304, None),
        ("", b"GET", 103, None),
    ],
)
def test_a_response_says_how_its_body_ends(fields: str, method: bytes, status: int, kind: type | None) -> None:
    head, _ = read(
        f"HTTP/1.1 {status} X\r\n{fields}\r\n\r\n".replace("\r\n\r\n\r\n", "\r\n\r\n").encode()
    ) or pytest.fail("none")
    body = response_body(head, method)
    assert body.is_over if kind is None else isinstance(body, kind)
    if kind is Sized:
        assert body.left == 5


@pytest.mark.parametrize(
    ("first", "fields"),
    [
        ("1.1", "Content-Length: 5, 6"),
        ("1.1", "Content-Length: -5"),
        ("1.1", "Content-Length: 0x5"),
        ("1.1", "Content-Length: " + "9" * 30),
        ("1.1", "Content-Length:"),
        ("1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        ("1.1", "Transfer-Encoding: gzip"),
        ("1.1", "Transfer-Encoding: gzip, chunked"),
        ("1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        ("1.0", "Transfer-Encoding: chunked"),
    ],
)
def test_a_response_with_two_ends_or_an_unknown_one_is_none(first: str, fields: str) -> None:
    head, _ = read(f"HTTP/{first} 200 OK\r\n{fields}\r\n\r\n".encode()) or pytest.fail("none")
    with pytest.raises(WireError):
        response_body(head, b"GET")
