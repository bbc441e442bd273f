"""An echo server in a thread of the test's own: what a gateway goes to, where nothing else about it matters."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["echo_server"]


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        try:
            while received := self.request.recv(1 << 16):
                self.request.sendall(received)
        except ConnectionError:
            return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 1024


@contextmanager
def echo_server() -> Iterator[int]:
    """Its port on 127.0.0.1, until the block ends."""
    with _Server(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
