"""HAProxy before and behind us, by each version of the PROXY protocol: the client stays who it is, in either family."""

from itertools import product
from pathlib import Path

import pytest

from conftest import MakeNamespace
from dualstack.lab.host import Host
from support.program import Dualstack, Program

pytestmark = pytest.mark.daemon("haproxy", "curl")

CLIENTS = {4: "192.0.2.7", 6: "2001:db8::7"}
SERVERS = {4: "192.0.2.1", 6: "2001:db8::1"}
# The one behind answers with the client's address as the header gave it, and what the client connected to.
HAPROXY = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend before
    bind {v4}:80
    bind {v6}:80
    default_backend gateway
backend gateway
    server gateway 127.0.0.1:8001 {send}
frontend behind
    mode http
    bind 127.0.0.1:8002 accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src] %[dst]"
"""
GATEWAY = """
[[services]]
name = "web"
listen = "127.0.0.1:8001, 192.0.2.1:8001, [2001:db8::1]:8001"
to = "127.0.0.1:8002"
proxy_in = ["127.0.0.0/8"]
proxy_out = {version}
"""


class Haproxy(Program):
    """Both of its faces."""

    def __init__(self, host: Host, directory: Path, send: str) -> None:
        path = directory / "haproxy.cfg"
        path.write_text(HAPROXY.format(v4=SERVERS[4], v6=SERVERS[6], send=send), encoding="utf-8")
        super().__init__("haproxy", "-V", "-db", "-f", path, host=host)


@pytest.mark.parametrize(("send", "version"), [*product(["send-proxy", "send-proxy-v2"], [1, 2])])
def test_the_client_is_known_behind_two_proxies(
    namespace: MakeNamespace, directory: Path, send: str, version: int
) -> None:
    host = namespace()
    for address in (*CLIENTS.values(), *SERVERS.values()):
        length = 128 if ":" in address else 32
        host.run(["ip", "address", "add", f"{address}/{length}", "dev", "lo", *(["nodad"] if length == 128 else [])])
    config = directory / "gateway.toml"
    config.write_text(GATEWAY.format(version=version), encoding="utf-8")
    control = ("--control", directory / "control")
    with Haproxy(host, directory, send), Dualstack("gateway", "--config", config, *control, host=host):
        for family, port in product((4, 6), (80, 8001)):
            client, server = CLIENTS[family], SERVERS[family]
            url = f"http://[{server}]:{port}/" if family == 6 else f"http://{server}:{port}/"
            retry = ("--retry", "20", "--retry-connrefused", "--retry-delay", "0", "--max-time", "20")
            said = host.run(["curl", "--silent", "--show-error", *retry, "--interface", client, url]).stdout
            assert said == f"{client} {server}", port
