"""A UDP association of a proxy that an ordinary user runs: its port is one that any user may have."""

import signal
from pathlib import Path

import pytest

from support.associate import associate
from support.gateway import Echo, run
from support.ordinary import ordinary_user

# ip-sysctl: those that a socket gets which asks for port 0.
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_each_association_has_an_ephemeral_port_of_its_own(host: str) -> None:
    lowest, highest = map(int, RANGE.read_text().split())

    async def asked(port: int) -> None:
        with Echo(4) as four, await associate(port, host) as one, await associate(port, host) as other:
            for client in (one, other):
                assert lowest <= client.bound[1] <= highest
                assert (await client.ask_of(f"127.0.0.1:{four.port}"))[1] == b"you: hello"
            assert one.bound != other.bound

    with ordinary_user() as user:
        words = ("-m", "dualstack", "proxy", "localhost:0", "--reach", "allow any", "--quiet", "--json")
        with user.popen(*words) as proxy:
            try:
                assert proxy.stdout is not None
                port = int(proxy.stdout.readline().partition('"port":')[2].partition(",")[0])
                run(lambda: asked(port))
            finally:
                proxy.send_signal(signal.SIGTERM)
        assert proxy.returncode == 0
