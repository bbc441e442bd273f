"""What needs no server is asked where the caller is; all else by a thread that can be given up."""

import socket
import threading

import pytest

from dualstack.net.names.getaddrinfo import getaddrinfo


class Remembers:
    """A resolver that keeps who asked it."""

    def __init__(self) -> None:
        self.by: list[threading.Thread] = []

    def getaddrinfo(self, *_question: object) -> list[object]:
        self.by.append(threading.current_thread())
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]

    def getnameinfo(self, *_question: object) -> tuple[str, str]:
        raise NotImplementedError


NUMERIC = socket.AI_NUMERICHOST


@pytest.mark.parametrize(
    ("host", "port", "proto", "flags", "is_here"),
    [
        ("192.0.2.1", 80, 0, 0, True),
        ("2001:db8::1", 80, 0, 0, True),
        (None, 80, 0, 0, True),
        ("192.0.2.1", "80", 0, 0, True),
        ("192.0.2.1", None, 0, 0, True),
        ("mail.example", 80, 0, NUMERIC, True),
        ("mail.example", 80, 0, 0, False),
        ("mail.example", 80, NUMERIC, 0, False),
        ("192.0.2.1", "imap", 0, 0, False),
        ("mail.example", "imap", 0, NUMERIC, False),
    ],
)
def test_what_needs_no_server_is_asked_where_the_caller_is(
    host: str | None,
    port: int | str | None,
    proto: int,
    flags: int,
    is_here: bool,  # noqa: FBT001
) -> None:
    resolver = Remembers()
    getaddrinfo(host, port, 0, socket.SOCK_STREAM, proto, flags, timeout=30, resolver=resolver)
    (by,) = resolver.by
    assert (by is threading.current_thread()) == is_here
