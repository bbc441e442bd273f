"""Whatever a client says first, at the real socket: an answer or a close, in time; no trace, no hang (X1).

Headers that are right but for a byte, cut, doubled or followed by anything, of every protocol: SOCKS5 with and without
a password, SOCKS4 and 4a, CONNECT and plain HTTP, the PROXY header of both versions; datagrams of an association.

By hand, with more of them: DUALSTACK_TEST_EXAMPLES=20000 pytest tests/gateway/test_malformed.py
"""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from threading import Event, Thread
from typing import Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.net.dial.dialer import Dialer
from dualstack.wire.proxy_protocol import Ends, header
from dualstack.wire.socks5 import client_association, client_greeting, client_request
from dualstack.wire.socks5_udp import header as datagram_header
from support.dialling import Resolver
from support.gateway import Events, Running, running

LIMIT_S = 20.0
EXAMPLES = settings(
    max_examples=int(os.environ.get("DUALSTACK_TEST_EXAMPLES", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# An association costs its client a look every few milliseconds.
FEWER = settings(EXAMPLES, max_examples=EXAMPLES.max_examples // 4)


class Beside:
    """A gateway on a loop and a thread of its own, so that tests may be ordinary functions."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ready = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._run()))
        self.unhandled: list[object] = []

    async def _run(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.unhandled.append(context))
        self._over = asyncio.Event()
        async with running(self._text) as r:
            self.running: Running = r
            for service in r.gateway.services.values():
                nobody = Dialer(outlet=service.upstream.dialer.outlet, history=None, resolver=Resolver({}))
                service.obey(replace(service.upstream, dialer=nobody))
            self._ready.set()
            await self._over.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(LIMIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive(), "it hangs"
        assert not self.unhandled

    @property
    def events(self) -> Events:
        return self.running.events

    def port(self, name: str = "p") -> int:
        return self.running.port(name)

    def said_to(self, content: bytes, *, name: str = "p", pieces: int = 1) -> bytes:
        """What is answered to it before the close; a reset is a close too."""
        heard = b""
        with socket.create_connection(("127.0.0.1", self.port(name)), timeout=LIMIT_S) as client:
            with suppress(ConnectionError):
                size = max(1, -(-len(content) // pieces))
                for at in range(0, len(content), size):
                    client.sendall(content[at : at + size])
            with suppress(OSError):  # it may be closed already
                client.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                while piece := client.recv(4096):
                    heard += piece
        return heard


ALL = "['socks5', 'socks4a', 'http-connect', 'http']"
PROXY = f"[[services]]\nname = 'p'\nlisten = 'localhost:0'\nforward = {ALL}\nreach = ['deny any']\n"
USERS = (
    f"[[services]]\nname = 'u'\nlisten = 'localhost:0'\nforward = {ALL}\nreach = ['deny any']\nusers = {{ann = 'x'}}\n"
)
BALANCED = "[[services]]\nname = 'b'\nlisten = 'localhost:0'\nto = '127.0.0.1:BEHIND'\nproxy_in = ['127.0.0.0/8']\n"


@pytest.fixture(scope="module")
def gateway() -> "object":
    with Beside(PROXY + USERS + BALANCED) as beside:
        yield beside


ENDS = Ends(SocketAddress(Address("192.0.2.1"), 9), SocketAddress(Address("192.0.2.2"), 80))
ENDS6 = Ends(SocketAddress(Address("2001:db8::1"), 9), SocketAddress(Address("2001:db8::2"), 80))
TARGETS = [Endpoint(Address("192.0.2.1"), 80), Endpoint(Address("2001:db8::1"), 80), Endpoint("10.0.0.1.invalid", 80)]
REQUESTS = [
    *(client_greeting() + client_request(target) for target in TARGETS),
    client_greeting() + client_association(),
    b"\x05\x02\x00\x02" + b"\x01\x03ann\x01x" + client_request(TARGETS[0]),
    b"\x04\x01\x00\x50\xc0\x00\x02\x01me\0",
    b"\x04\x01\x00\x50\x00\x00\x00\x01me\0192.0.2.1\0",
    b"CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n",
    b"GET http://192.0.2.1/path HTTP/1.1\r\nHost: 192.0.2.1\r\nConnection: close, x-own\r\nX-Own: 1\r\n\r\n",
    b"CONNECT [2001:db8::1]:80 HTTP/1.0\r\nProxy-Authorization: Basic YW5uOng=\r\n\r\n",
]
HEADERS = [header(version, ends) for version in (1, 2) for ends in (ENDS, ENDS6)] + [b"PROXY UNKNOWN\r\n"]


@st.composite
def spoiled(draw: st.DrawFn, right: list[bytes]) -> bytes:
    """A right one, in which something was put, taken out, or replaced; or any bytes behind its beginning."""
    content = draw(st.sampled_from(right))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(content)))
        until = draw(st.integers(at, min(len(content), at + 8)))
        content = content[:at] + draw(st.binary(max_size=12)) + content[until:]
    return content + draw(st.sampled_from([b"", b"\r\n\r\n", bytes(40), b"\xff" * 300]))


ANYTHING = st.binary(max_size=64)


@EXAMPLES
@given(spoiled(REQUESTS) | ANYTHING, st.sampled_from(["p", "u"]), st.integers(1, 5))
def test_a_proxy_answers_or_closes(gateway: Beside, content: bytes, name: str, pieces: int) -> None:
    heard = gateway.said_to(content, name=name, pieces=pieces)
    assert heard[:1] in {b"", b"\x00", b"\x01", b"\x05", b"H"}
    assert gateway.unhandled == []


@EXAMPLES
@given(spoiled(HEADERS) | ANYTHING, st.integers(1, 5))
def test_a_service_behind_a_balancer_answers_or_closes(gateway: Beside, content: bytes, pieces: int) -> None:
    heard = gateway.said_to(content + b"hello\n", name="b", pieces=pieces)
    assert heard == b"" or heard.startswith(b"you: ")
    assert gateway.unhandled == []


DATAGRAMS = [datagram_header(target) + b"content" for target in TARGETS]


@FEWER
@given(st.lists(spoiled(DATAGRAMS) | ANYTHING, min_size=1, max_size=8))
def test_an_association_drops_what_it_cannot_read_and_lives_on(gateway: Beside, datagrams: list[bytes]) -> None:
    with ExitStack() as stack:
        control = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port()), timeout=LIMIT_S))
        control.sendall(client_greeting() + client_association())
        answer = control.makefile("rb").read(2 + 10)
        assert answer[:4] == b"\x05\x00\x05\x00"
        sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.connect(("127.0.0.1", int.from_bytes(answer[-2:], "big")))
        counts = gateway.running.gateway.services["p"].associations.counts
        before = counts.datagrams_up
        for datagram in datagrams:
            sock.send(datagram)
        _until(lambda: counts.datagrams_up >= before + len(datagrams))
        control.shutdown(socket.SHUT_WR)
        assert control.recv(1) == b"", "it ends with its connection, and not before"
    assert gateway.unhandled == []


def _until(is_so: Callable[[], bool]) -> None:
    from support.program import until

    until(is_so, lambda: "datagrams")


@pytest.mark.parametrize(
    ("content", "name", "answer"),
    [
        (b"CONNECT 192.0.2.1:80 HTTP/1.1\r\nX: " + b"a" * 70_000, "p", b"HTTP/1.1 431"),
        (b"GET http://192.0.2.1/" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", "p", b"HTTP/1.1 431"),
        (b"A" * 100_000, "p", b"HTTP/1.1 431"),
        (b"\x04\x01\x00\x50\xc0\x00\x02\x01" + b"a" * 100_000, "p", b"\x00\x5b"),
        (b"\x05\xff" + b"\x02" * 255 + b"\x01\xff" + b"a" * 255 + b"\xff" + b"b" * 255, "u", b"\x05\x02\x01\x01"),
        (client_greeting() + b"\x05\x01\x00\x03\xff" + b"a" * 255 + b"\x00\x50", "p", b"\x05\x00\x05"),
        (b"PROXY " + b"a" * 100_000, "b", b""),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff" + bytes(65535), "b", b""),
        (b"\x16\x03\x01\x02\x00" + bytes(512), "p", b""),
        (b"\x16\x03\x01\x02\x00" + bytes(512), "b", b""),
    ],
    ids=["header", "target", "method", "user id", "password", "name", "PROXY 1", "PROXY 2", "TLS", "TLS for PROXY"],
)
def test_what_is_too_long_or_another_protocol_is_answered_or_closed(
    gateway: Beside, content: bytes, name: str, answer: bytes
) -> None:
    heard = gateway.said_to(content, name=name, pieces=7)
    # A close with bytes unread is a reset, which may overtake an answer.
    assert heard == b"" or (answer and heard.startswith(answer))
    assert gateway.unhandled == []


def test_tls_passes_untouched_whatever_its_certificate() -> None:
    """What is relayed is nobody's concern: a handshake that no peer would take comes through as it is."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + bytes(range(256)) * 2
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = f"127.0.0.1:{server.getsockname()[1]}"
        text = f"[[services]]\nname = 'p'\nlisten = 'localhost:0'\nto = '{target}'\n"
        text += "[[services]]\nname = 's'\nlisten = 'localhost:0'\nforward = ['socks5']\n"
        with Beside(text) as beside:
            for name, request in (("p", b""), ("s", client_greeting() + client_request(_end(target)))):
                with socket.create_connection(("127.0.0.1", beside.port(name)), timeout=LIMIT_S) as client:
                    client.sendall(request + hello)
                    accepted, _ = server.accept()
                    with accepted, accepted.makefile("rb") as told:
                        assert told.read(len(hello)) == hello
                        accepted.sendall(hello[::-1])
                        heard = client.makefile("rb").read(len(hello) + (12 if request else 0))
                        assert heard.endswith(hello[::-1])


def _end(target: str) -> Endpoint:
    host, _, port = target.partition(":")
    return Endpoint(Address(host), int(port))


def test_nothing_was_left_open(gateway: Beside) -> None:
    """After all of the above."""
    _until(lambda: gateway.running.gateway.total.connections == 0)
    assert gateway.running.gateway.services["p"].associations.live == 0
