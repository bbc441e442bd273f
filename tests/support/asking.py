"""A client of a proxy on its own host: does what the lines of JSON on its standard input say, a line of JSON each.

    {"connect": [PORT, REQUESTS]}   each request, as hexadecimal digits, on a connection of its own; what is answered
    {"send": [PORT, DATAGRAMS]}     each datagram on an association of its own, and behind it one to `beside` if that is
                                    given, which is waited for; the associations stay open
    {"hear": N}                     an answer on each of the last N associations
    {"end": 0}                      close them

Run as a program in a host.
"""

import json
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

PROXY = "127.0.0.1"
LIMIT_S = 60.0
ASSOCIATE = b"\x05\x01\x00" + b"\x05\x03\x00\x01" + bytes(6)
kept: list[tuple[socket.socket, socket.socket]] = []


def connect(port: int, requests: list[str]) -> list[str]:
    """What comes back: enough to tell the answer."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda request: _asked(port, bytes.fromhex(request)), requests))


def _asked(port: int, request: bytes) -> str:
    with socket.create_connection((PROXY, port), timeout=LIMIT_S) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := client.recv(4096):
                answer += piece
        except ConnectionResetError:
            pass
        return answer[:64].hex()


def send(port: int, datagrams: list[str], beside: str = "") -> int:
    """How many."""
    for datagram in datagrams:
        control = socket.create_connection((PROXY, port), timeout=LIMIT_S)
        control.sendall(ASSOCIATE)
        answer = control.makefile("rb").read(2 + 10)
        assert answer[:4] == b"\x05\x00\x05\x00", answer
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(LIMIT_S)
        sock.connect((PROXY, int.from_bytes(answer[-2:], "big")))
        sock.send(bytes.fromhex(datagram))
        if beside:
            sock.send(bytes.fromhex(beside))
            sock.recv(4096)
        kept.append((control, sock))
    return len(datagrams)


def hear(count: int) -> int:
    """How many answered."""
    return sum(bool(sock.recv(4096)) for _, sock in kept[-count:])


def end(_: int) -> int:
    """How many were open."""
    count = len(kept)
    for control, sock in kept:
        control.close()
        sock.close()
    kept.clear()
    return count


VERBS: dict[str, Callable[..., object]] = {"connect": connect, "send": send, "hear": hear, "end": end}


def main() -> None:
    for line in sys.stdin:
        ((verb, arguments),) = json.loads(line).items()
        words = arguments if isinstance(arguments, list) else [arguments]
        sys.stdout.write(json.dumps(VERBS[verb](*words)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
