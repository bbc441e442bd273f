"""What a program pays for its first connection, by what is imported: no clock is asked (`bench.start` asks one)."""

import os
import subprocess
import sys

import pytest

FIRST = """
import sys
before = {{*sys.modules}}
import socket, dualstack
with socket.create_server(("127.0.0.1", 0)) as server:
    dualstack.create_connection(({host!r}, server.getsockname()[1])).close()
print(*{{*sys.modules}} - before)
"""

# Each takes from one to ten milliseconds of its own.
HEAVY = {
    *("argparse", "ast", "asyncio", "concurrent.futures", "contextlib", "copy", "dataclasses", "dis", "email", "heapq"),
    *("importlib.metadata", "inspect", "ipaddress", "json", "logging", "pathlib", "queue", "re", "shutil", "ssl"),
    *("string", "subprocess", "tempfile", "tokenize", "traceback", "typing", "urllib.parse", "warnings"),
}
# What names, rules, other hosts and other ways to wait need; a literal and this host need none of it.
OTHERS = {
    *("access", "core.address.embedded", "core.address.idna", "core.address.inet_aton", "core.address.sockaddr"),
    *("core.dial.hosts_file", "core.dial.lookup_shares", "core.dial.resolv_conf", "core.host", "core.oracle"),
    *("kernel.facts", "kernel.netlink", "net.dial.by_name", "net.names.getaddrinfo", "net.names.thread_pool"),
}
# The way itself has as many.
MOST_OF_OURS = 44


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_first_connection_imports_nothing_heavy_and_nothing_that_others_need(host: str) -> None:
    code = FIRST.format(host=host)
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20, env=alone)
    loaded = set(done.stdout.split())
    assert loaded & HEAVY == set()
    ours = {name.removeprefix("dualstack.") for name in loaded if name.startswith("dualstack.")}
    assert ours & OTHERS == set()
    assert len(ours) <= MOST_OF_OURS
