"""`python -m bench.lab`: how long seven hosts take to be there and to be gone, and a round trip between two of them.

As root, on Linux. Medians of five.
"""

import time
from statistics import median

from dualstack.lab.declaration import HOSTS, Declaration
from dualstack.lab.network import Network

_ROUNDS = 5


def main() -> None:
    """Measure, and print a line for each."""
    up, down, trips = [], [], []
    for _ in range(_ROUNDS):
        started = time.monotonic()
        with Network(Declaration(HOSTS)) as network:
            up.append(time.monotonic() - started)
            client, server = list(network.hosts.values())[:2]
            trips.append(client.call(_asked, server.name))
            started = time.monotonic()
        down.append(time.monotonic() - started)
    print(f"{len(HOSTS)} hosts: up {median(up):.3f} s, down {median(down):.3f} s")
    print(f"a round trip of two milliseconds: {median(trips) * 1e3:.1f} ms")


def _asked(name: str) -> float:
    """Runs on a host of the lab: until another refuses a connection."""
    import socket
    import time

    address = socket.getaddrinfo(name, 9, 0, socket.SOCK_STREAM)[0][4]
    with socket.socket(socket.AF_INET6 if len(address) == 4 else socket.AF_INET) as sock:
        started = time.monotonic()
        assert sock.connect_ex(address)
        return time.monotonic() - started


if __name__ == "__main__":
    main()
