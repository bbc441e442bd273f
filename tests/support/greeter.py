"""A server of three protocols in one: HTTP, WebSocket and Redis, each of which says `hello`."""

import base64
import hashlib
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from support.dialling import Servers

__all__ = ["greet", "serving"]

HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
_WEBSOCKET = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
# RFC 6455 section 1.3: what a server hashes the key with; a frame of text, then one that closes.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FRAMES = b"\x81\x05hello\x88\x02\x03\xe8"
_REDIS = {b"HELLO": b"%1\r\n$5\r\nproto\r\n:3\r\n", b"GET": b"$5\r\nhello\r\n"}


def greet(peer: socket.socket) -> None:
    """Answer one client until it goes."""
    heard = b""
    while more := peer.recv(65536):
        heard += more
        if heard.startswith(b"*"):
            heard = _answer_commands(peer, heard)
        elif b"\r\n\r\n" in heard:
            peer.sendall(_answer(heard))
            peer.recv(65536)  # a WebSocket's closing frame, or nothing more
            return


def _answer(request: bytes) -> bytes:
    key = re.search(rb"^Sec-WebSocket-Key: (.*)\r$", request, flags=re.MULTILINE | re.IGNORECASE)
    if key is None:
        return HTTP
    accept = base64.b64encode(hashlib.sha1(key[1] + _GUID, usedforsecurity=False).digest())
    return _WEBSOCKET + accept + b"\r\n\r\n" + _FRAMES


def _answer_commands(peer: socket.socket, heard: bytes) -> bytes:
    """What is left of the bytes when every whole command of them is answered."""
    while command := re.match(rb"\*(\d+)\r\n\$\d+\r\n(\w+)\r\n", heard):
        lines = heard.split(b"\r\n")
        length = 1 + 2 * int(command[1])
        if len(lines) <= length:
            break
        peer.sendall(_REDIS.get(command[2].upper(), b"+OK\r\n"))
        heard = b"\r\n".join(lines[length:])
    return heard


@contextmanager
def serving(address: str) -> Iterator[int]:
    """The port of a server that says hello once, at this one of the loopback's addresses; the other says nothing."""

    def serve() -> None:
        with servers.peer(address) as peer:
            greet(peer)

    with Servers() as servers, ThreadPoolExecutor(1) as pool:
        servers.silent("127.0.0.1" if address == "::1" else "::1")
        servers.accept(address)
        served = pool.submit(serve)
        yield servers.port
        served.result(20)
