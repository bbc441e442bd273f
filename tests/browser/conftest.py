"""What the tests in a real browser share."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from typing import Protocol

import pytest

from support.browser import Browser, Tab, chromium


class Site(BaseHTTPRequestHandler):
    """Says on which socket it was asked, in a page of its own origin."""

    def do_GET(self) -> None:
        body = f"<!DOCTYPE html><title>site</title><p id=said>asked at {self.server.server_address[0]}</p>".encode()
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class OverIPv6(ThreadingHTTPServer):
    """On an IPv6 socket."""

    address_family = AF_INET6


class Sites(Protocol):
    """Ports of a web server that speaks IPv4 alone, and of one that speaks IPv6 alone."""

    ipv4: int
    ipv6: int


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[int]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    """Two web servers, each of one family."""

    class Ports:
        ipv4 = 0
        ipv6 = 0

    with (
        serving(ThreadingHTTPServer(("127.0.0.1", 0), Site)) as Ports.ipv4,
        serving(OverIPv6(("::1", 0), Site)) as Ports.ipv6,
    ):
        yield Ports()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium that knows one name more, which somebody has turned to this host."""
    with chromium(turned="evil.test") as made:
        yield made


@pytest.fixture
def tab(browser: Browser) -> Tab:
    """An empty page."""
    return browser.tab()
