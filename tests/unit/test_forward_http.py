"""Plain requests to a proxy, as their servers get them (RFC 9112 section 3.2, RFC 9110 section 7.6.1)."""

import pytest

from dualstack.core.configuration import ProxyProtocol
from dualstack.gateway.forward.http import Http
from dualstack.wire.handshake import Wish


@pytest.mark.parametrize(
    ("line", "target", "start"),
    [
        (b"GET http://a HTTP/1.1", "a:80", b"GET / HTTP/1.1\r\nHost: a\r\n"),
        (b"GET HTTP://a?q HTTP/1.1", "a:80", b"GET /?q HTTP/1.1\r\nHost: a\r\n"),
        (b"GET http://a:81/b?c=http://d/ HTTP/1.0", "a:81", b"GET /b?c=http://d/ HTTP/1.0\r\nHost: a:81\r\n"),
        (b"OPTIONS http://a HTTP/1.1", "a:80", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n"),
        (b"OPTIONS http://a/ HTTP/1.1", "a:80", b"OPTIONS / HTTP/1.1\r\nHost: a\r\n"),
        (b"GET http://[2001:db8::1]/ HTTP/1.1", "[2001:db8::1]:80", b"GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n"),
        (b"GET http://[::ffff:192.0.2.1]:8/ HTTP/1.1", "192.0.2.1:8", b"GET / HTTP/1.1\r\nHost: 192.0.2.1:8\r\n"),
    ],
)
def test_a_request_in_absolute_form_becomes_one_in_origin_form(line: bytes, target: str, start: bytes) -> None:
    (wish,) = Http((ProxyProtocol.HTTP,)).receive(line + b"\r\nHost: other\r\n\r\nbehind")
    assert isinstance(wish, Wish)
    assert str(wish.target) == target
    assert wish.first.startswith(start)
    assert wish.first.endswith(b"\r\nConnection: close\r\n\r\nbehind")
    assert b"other" not in wish.first


def test_what_ends_the_body_goes_on_whatever_connection_names() -> None:
    said = b"POST http://a/ HTTP/1.1\r\nHost: a\r\nConnection: transfer-encoding\r\n"
    said += b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    (wish,) = Http((ProxyProtocol.HTTP,)).receive(said)
    assert isinstance(wish, Wish)
    assert b"\r\nTransfer-Encoding: chunked\r\n" in wish.first
