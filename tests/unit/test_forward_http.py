"""Plain requests to a proxy, as their servers get them (RFC 9112 section 3.2, RFC 9110 section 7.6.1)."""

import pytest

from dualstack.core.planning.targets import ProxyProtocol
from dualstack.gateway.forward import http as http_module
from dualstack.gateway.forward.http import HEAD_MAX, Http
from dualstack.wire.handshake import Refusal, Request


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
        (b"GET http://a:/ HTTP/1.1", "a:80", b"GET / HTTP/1.1\r\nHost: a\r\n"),
        (b"GET http://a:?q HTTP/1.1", "a:80", b"GET /?q HTTP/1.1\r\nHost: a\r\n"),
        (b"GET http://[2001:db8::1]:/ HTTP/1.1", "[2001:db8::1]:80", b"GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n"),
        (b"GET http://[fe80::1%25lo]/ HTTP/1.1", "[fe80::1%lo]:80", b"GET / HTTP/1.1\r\nHost: [fe80::1]\r\n"),
        (b"GET http://[fe80::1%25a%2Eb]:8/ HTTP/1.1", "[fe80::1%a.b]:8", b"GET / HTTP/1.1\r\nHost: [fe80::1]:8\r\n"),
        (b"GET http://[fe80::1%lo]/ HTTP/1.1", "[fe80::1%lo]:80", b"GET / HTTP/1.1\r\nHost: [fe80::1]\r\n"),
        (b"GET http://[fe80::1%25]/ HTTP/1.1", "[fe80::1%25]:80", b"GET / HTTP/1.1\r\nHost: [fe80::1]\r\n"),
    ],
)
def test_a_request_in_absolute_form_becomes_one_in_origin_form(line: bytes, target: str, start: bytes) -> None:
    (request,) = Http((ProxyProtocol.HTTP,)).receive(line + b"\r\nHost: other\r\n\r\nbehind")
    assert isinstance(request, Request)
    assert str(request.target) == target
    assert request.first.startswith(start)
    assert request.first.endswith(b"\r\nConnection: close\r\n\r\n")
    assert request.plain is not None
    assert request.plain.behind == b"behind"
    assert b"other" not in request.first


def test_what_ends_the_body_goes_on_whatever_connection_names() -> None:
    said = b"POST http://a/ HTTP/1.1\r\nHost: a\r\nConnection: transfer-encoding\r\n"
    said += b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    (request,) = Http((ProxyProtocol.HTTP,)).receive(said)
    assert isinstance(request, Request)
    assert b"\r\nTransfer-Encoding: chunked\r\n" in request.first


@pytest.mark.parametrize("authority", ["a", "192.0.2.1", "[2001:db8::1]"])
def test_a_tunnel_without_a_port_is_told_to_name_one(authority: str) -> None:
    (refusal,) = Http((ProxyProtocol.HTTP_CONNECT,)).receive(
        f"CONNECT {authority} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    )
    assert isinstance(refusal, Refusal)
    assert refusal.why == f"CONNECT to '{authority}' names no port: write HOST:PORT, such as {authority}:443"
    assert refusal.answer.startswith(b"HTTP/1.1 400 ")


def test_a_tunnel_to_a_zone_in_a_uris_spelling_is_one_to_that_zone() -> None:
    (request,) = Http((ProxyProtocol.HTTP_CONNECT,)).receive(b"CONNECT [fe80::1%25lo]:9 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert isinstance(request, Request)
    assert str(request.target) == "[fe80::1%lo]:9"


@pytest.mark.parametrize(
    "said",
    [
        b"GET  http://a/\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nA c\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nA: b\x00\r\n\r\n",
        b"G\"' HTTP\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n",
        b"CONNECT \xff:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a\xff/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET " + b"a" * 5000 + b"\r\n\r\n",
    ],
)
def test_no_refusal_shows_bytes_as_python_writes_them(said: bytes) -> None:
    (refusal,) = Http(tuple(ProxyProtocol)).receive(said)
    assert isinstance(refusal, Refusal)
    for shown in ("bytearray", "b'", 'b"'):
        assert shown not in refusal.why
        assert shown.encode() not in refusal.answer
    assert len(refusal.why) < 300


def test_a_head_that_comes_bytewise_is_bounded_and_each_byte_is_searched_a_few_times_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched = []

    class Searching:
        """Where the end of a head is looked for."""

        def search(self, held: bytearray, start: int, end: int) -> object:
            searched.append(min(len(held), end) - start)
            return real.search(held, start, end)

    real = http_module._END
    monkeypatch.setattr(http_module, "_END", Searching())
    http = Http((ProxyProtocol.HTTP,))
    said = b"GET http://a/ HTTP/1.1\r\n" + b"a:\n" * HEAD_MAX
    events = [http.receive(said[at : at + 1]) for at in range(HEAD_MAX)]
    assert not any(events[:-1])
    (refusal,) = events[-1]
    assert isinstance(refusal, Refusal)
    assert refusal.answer.startswith(b"HTTP/1.1 431 ")
    assert max(searched) <= 3


@pytest.mark.parametrize(
    ("fields", "keeps"),
    [("", True), ("Connection: close", False), ("Proxy-Connection: Close", False), ("Connection: x, close", False)],
)
def test_a_client_says_whether_it_will_ask_again(fields: str, keeps: bool) -> None:  # noqa: FBT001
    (request,) = Http((ProxyProtocol.HTTP,)).receive(
        f"GET http://a/ HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n".replace("\r\n\r\n\r\n", "\r\n\r\n").encode()
    )
    assert isinstance(request, Request)
    assert request.plain is not None
    assert request.plain.keeps is keeps
