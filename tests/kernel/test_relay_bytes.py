"""The relay as a process: every byte arrives, every descriptor comes back, and idle connections cost next to nothing.

By hand, with more of it, and the figures (-rP):
DUALSTACK_TEST_BYTES=1073741824 DUALSTACK_TEST_CONNECTIONS=10000 pytest -rP tests/kernel/test_relay_bytes.py
"""

import hashlib
import os
import re
import resource
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from support.program import Dualstack, until

BYTES = int(os.environ.get("DUALSTACK_TEST_BYTES", str(64 << 20)))
CONNECTIONS = int(os.environ.get("DUALSTACK_TEST_CONNECTIONS", "300"))
IDLE = int(os.environ.get("DUALSTACK_TEST_IDLE", "2000"))

LIMIT_S = 60 + BYTES / (20 << 20)
POOLED_PIPES = 16
KEPT_FOR_S = 10.0
BYTES_AN_IDLE_CONNECTION = 1500

WAYS = pytest.mark.parametrize(
    ("front", "back"), [("::1", "127.0.0.1"), ("127.0.0.1", "::1")], ids=["IPv6 to IPv4", "IPv4 to IPv6"]
)


class Ends:
    """A relay in a process of its own, with a listening socket of ours behind it."""

    def __init__(self, relay: Dualstack, front: str, listener: socket.socket) -> None:
        self.relay = relay
        self.front = front
        self.listener = listener

    def client(self) -> socket.socket:
        return socket.create_connection((self.front, self.relay.port), timeout=LIMIT_S)

    def server(self) -> socket.socket:
        server, _ = self.listener.accept()
        server.settimeout(LIMIT_S)
        return server

    def descriptors(self) -> Counter[str]:
        """What the relay has open, by kind: socket, pipe, anon_inode..."""
        kinds: Counter[str] = Counter()
        for fd in Path(f"/proc/{self.relay.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                kinds[str(fd.readlink()).split(":", maxsplit=1)[0]] += 1
        return kinds

    def resident(self) -> int:
        """The relay's resident memory in bytes."""
        text = Path(f"/proc/{self.relay.pid}/smaps_rollup").read_text(encoding="ascii")
        found = re.search(r"^Rss: +(\d+) kB", text, re.MULTILINE)
        assert found is not None
        return int(found[1]) << 10


@contextmanager
def relayed(front: str, back: str, *options: str) -> Iterator[Ends]:
    family = socket.AF_INET6 if ":" in back else socket.AF_INET
    with socket.create_server((back, 0), family=family, backlog=4096) as listener:
        listener.settimeout(LIMIT_S)
        target = f"{bracketed(back)}:{listener.getsockname()[1]}"
        with Dualstack("relay", f"{bracketed(front)}:0", target, "--drain", "0", *options) as relay:
            yield Ends(relay, front, listener)


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


class Stream:
    """So many bytes that repeat nowhere near each other, so that nothing can be lost, doubled or swapped unseen."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._block = os.urandom(1 << 20) * 2

    def pieces(self) -> Iterator[memoryview]:
        block = memoryview(self._block)
        for number, left in enumerate(range(self._size, 0, -1 << 20)):
            start = number * 4099 % (1 << 20)
            yield block[start : start + min(left, 1 << 20)]

    def digest(self) -> str:
        whole = hashlib.sha256()
        for piece in self.pieces():
            whole.update(piece)
        return whole.hexdigest()

    def send(self, sock: socket.socket) -> None:
        for piece in self.pieces():
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)


def digest_of(sock: socket.socket) -> str:
    """Of all that comes until the end."""
    whole, buffer = hashlib.sha256(), memoryview(bytearray(1 << 20))
    while size := sock.recv_into(buffer):
        whole.update(buffer[:size])
    return whole.hexdigest()


@pytest.mark.timeout(LIMIT_S * 2)
@WAYS
def test_a_large_transfer_arrives_byte_for_byte_in_both_directions_at_once(front: str, back: str) -> None:
    up, down = Stream(BYTES), Stream(BYTES)
    with relayed(front, back) as ends, ends.client() as client, ends.server() as server, ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(up.send, client), pool.submit(down.send, server)]
        at_server, at_client = pool.submit(digest_of, server), pool.submit(digest_of, client)
        for sent in sending:
            sent.result()
        assert at_server.result() == up.digest()
        assert at_client.result() == down.digest()


@WAYS
def test_a_client_that_half_closes_still_gets_the_whole_answer(front: str, back: str) -> None:
    answer = Stream(8 << 20)
    with relayed(front, back) as ends, ends.client() as client, ends.server() as server, ThreadPoolExecutor(1) as pool:
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert server.makefile("rb").read() == b"question"
        sent = pool.submit(answer.send, server)
        assert digest_of(client) == answer.digest()
        sent.result()


@WAYS
def test_a_server_that_half_closes_still_hears_the_rest(front: str, back: str) -> None:
    rest = Stream(8 << 20)
    with relayed(front, back) as ends, ends.client() as client, ends.server() as server, ThreadPoolExecutor(1) as pool:
        server.sendall(b"go on")
        server.shutdown(socket.SHUT_WR)
        assert client.makefile("rb").read() == b"go on"
        sent = pool.submit(rest.send, client)
        assert digest_of(server) == rest.digest()
        sent.result()


def reset(sock: socket.socket) -> None:
    """Close with RST instead of FIN (SO_LINGER of no time)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def echo(server: socket.socket) -> None:
    """Give back what comes; a first byte R asks for a reset midway."""
    with server, suppress(ConnectionError):
        while piece := server.recv(1 << 16):
            server.sendall(piece)
            if piece[:1] == b"R":
                reset(server)
                return


def ends_well(client: socket.socket, size: int) -> str:
    with client:
        client.sendall(bytes(size))
        client.shutdown(socket.SHUT_WR)
        heard = sum(len(piece) for piece in iter(lambda: client.recv(1 << 16), b""))
    return "echoed" if heard == size else f"heard {heard} of {size}"


def is_reset_by_the_client(client: socket.socket, size: int) -> str:
    """More than anybody reads is under way when it leaves."""
    client.settimeout(0.0)
    with suppress(BlockingIOError):
        while True:
            client.send(bytes(size))
    reset(client)
    return "left"


def is_reset_by_the_server(client: socket.socket, size: int) -> str:
    with client:
        try:
            client.sendall(b"R" * size)
            while client.recv(1 << 16):
                pass
        except ConnectionError:
            return "was reset"
    return "ended"


# A third is reset midway, by either side; what is larger than the engine's buffer is spliced.
KINDS: tuple[tuple[Callable[[socket.socket, int], str], int, str], ...] = (
    (ends_well, 100, "echoed"),
    (ends_well, 400_000, "echoed"),
    (is_reset_by_the_client, 400_000, "left"),
    (ends_well, 0, "echoed"),
    (ends_well, 70_000, "echoed"),
    (is_reset_by_the_server, 400_000, "was reset"),
)


def serve(ends: Ends, pool: ThreadPoolExecutor, over: threading.Event) -> None:
    ends.listener.settimeout(0.1)
    while not over.is_set():
        with suppress(TimeoutError):
            server, _ = ends.listener.accept()
            server.settimeout(LIMIT_S)
            pool.submit(echo, server)


@pytest.mark.timeout(120 + CONNECTIONS / 20)
@WAYS
def test_short_connections_a_third_of_them_reset_leave_no_descriptor(front: str, back: str) -> None:
    def call(number: int) -> None:
        act, size, expected = KINDS[number % len(KINDS)]
        assert act(ends.client(), size) == expected

    with relayed(front, back) as ends, ThreadPoolExecutor(64) as servers, ThreadPoolExecutor(24) as clients:
        over = threading.Event()
        serving = servers.submit(serve, ends, servers, over)
        try:
            before = ends.descriptors()
            list(clients.map(call, range(CONNECTIONS)))

            until(lambda: ends.descriptors()["socket"] == before["socket"], lambda: f"{ends.descriptors()}")
            assert ends.descriptors()["pipe"] <= before["pipe"] + 2 * POOLED_PIPES
            # Pipes are kept for the next connection, and given up when none has come for a while.
            until(
                lambda: ends.descriptors() == before, lambda: f"{ends.descriptors()} as {before}", within_s=KEPT_FOR_S
            )
        finally:
            over.set()
        serving.result()


@contextmanager
def idle_connections(ends: Ends, count: int) -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    with ExitStack() as stack:
        clients = [stack.enter_context(ends.client()) for _ in range(count)]
        servers = [stack.enter_context(ends.server()) for _ in range(count)]
        yield list(zip(clients, servers, strict=True))


@WAYS
def test_an_idle_connection_costs_at_most_one_and_a_half_kilobytes(front: str, back: str) -> None:
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < IDLE * 2 + 100:
        pytest.skip(f"{most} descriptors are allowed here, {IDLE * 2 + 100} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        with relayed(front, back) as ends:
            with idle_connections(ends, 1):
                before = ends.resident()
            with idle_connections(ends, IDLE) as connections:
                each = (ends.resident() - before) / IDLE
                for client, _ in connections:
                    client.sendall(b"?")
                assert all(server.recv(1) == b"?" for _, server in connections)
        sys.stdout.write(f"{each:.0f} bytes for each of {IDLE} idle connections\n")
        assert each <= BYTES_AN_IDLE_CONNECTION
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
