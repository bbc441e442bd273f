"""HAProxy and nginx before and behind us, by each version of the PROXY protocol: the client stays who it is (B3).

nginx reads both versions and writes the first alone (ngx_stream_proxy_module), so it is before us by version 1. Each
daemon behind says whom it serves, and its log too, in either family.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from dualstack.lab.host import Host
from dualstack.lab.network import Network
from support.directory import open_directory
from support.program import Dualstack, Program, until

pytestmark = pytest.mark.daemon("haproxy", "nginx", "curl")

CLIENTS = {4: "192.0.2.7", 6: "2001:db8::7"}
SERVERS = {4: "192.0.2.1", 6: "2001:db8::1"}
# Who is behind us, told by which version; each has a service of the gateway's.
BEHIND = tuple(product(("haproxy", "nginx"), (1, 2)))
# Who is before us; each has the port number of its service for a daemon behind, from this one on.
BEFORE = {"haproxy v1": 1000, "haproxy v2": 2000, "nginx v1": 3000, "nobody": 8000}
SEND = {"haproxy v1": "send-proxy", "haproxy v2": "send-proxy-v2"}
PORTS = {"haproxy": 8090, "nginx": 8091}

HAPROXY = """
global
    log stdout format raw local0
defaults
    mode tcp
    timeout connect 5s
    timeout client 5s
    timeout server 5s
{before}
frontend behind
    mode http
    bind 127.0.0.1:{port} accept-proxy
    log global
    log-format "haproxy: %ci asked %fi for %HU"
    http-request return status 200 content-type text/plain lf-string "%[src] %[dst]"
"""
HAPROXY_BEFORE = """
listen before-{at}
    bind {v4}:{at}
    bind {v6}:{at}
    server gateway 127.0.0.1:{to} {send}
"""
NGINX = """
load_module modules/ngx_stream_module.so;
user root;
pid {directory}/nginx.pid;
error_log stderr;
daemon off;
master_process off;
events {{}}
stream {{
    {before}
}}
http {{
    log_format whom 'nginx: $remote_addr asked $proxy_protocol_server_addr for $request_uri';
    access_log /dev/stdout whom;
    {paths}
    server {{
        listen 127.0.0.1:{port} proxy_protocol;
        set_real_ip_from 127.0.0.1;
        real_ip_header proxy_protocol;
        default_type text/plain;
        return 200 "$remote_addr $proxy_protocol_server_addr";
    }}
}}
"""
NGINX_BEFORE = """
    server {{
        listen {v4}:{at};
        listen [{v6}]:{at};
        proxy_pass 127.0.0.1:{to};
        proxy_protocol on;
    }}
"""
# nginx would keep what does not fit its memory in the system's directories, even if nothing ever does.
NGINX_PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
SERVICE = """
[[services]]
name = "{name}"
listen = "127.0.0.1:{at}, {v4}:{at}, [{v6}]:{at}"
to = "127.0.0.1:{to}"
proxy_in = ["127.0.0.0/8"]
proxy_out = {version}
"""


class Haproxy(Program):
    """Both of its faces."""

    def __init__(self, host: Host, directory: Path) -> None:
        before = "".join(_each(HAPROXY_BEFORE, name, send=send) for name, send in SEND.items())
        path = directory / "haproxy.cfg"
        path.write_text(HAPROXY.format(before=before, port=PORTS["haproxy"]), encoding="utf-8")
        super().__init__("haproxy", "-db", "-f", path, host=host)


class Nginx(Program):
    """Both of its faces, in one process."""

    def __init__(self, host: Host, directory: Path) -> None:
        paths = "".join(f"{name}_temp_path {directory}/{name};\n" for name in NGINX_PATHS)
        before = _each(NGINX_BEFORE, "nginx v1")
        text = NGINX.format(directory=directory, before=before, paths=paths, port=PORTS["nginx"])
        path = directory / "nginx.conf"
        path.write_text(text, encoding="utf-8")
        # `-p`: load_module is relative to where Debian has the modules.
        super().__init__("nginx", "-e", "stderr", "-p", "/usr/share/nginx", "-c", path, host=host)


def _each(template: str, before: str, **more: str) -> str:
    """The faces before us of one daemon, for each that is behind."""
    first, to = BEFORE[before], BEFORE["nobody"]
    return "".join(
        template.format(v4=SERVERS[4], v6=SERVERS[6], at=first + index, to=to + index, **more)
        for index in range(len(BEHIND))
    )


class Grid:
    """All of them on one host, and clients with an address of their own."""

    def __init__(self, host: Host, daemons: dict[str, Program]) -> None:
        self.host, self.daemons = host, daemons

    def ask(self, family: int, port: int, path: str) -> str:
        """What a client hears."""
        server = f"[{SERVERS[family]}]" if family == 6 else SERVERS[family]
        url = f"http://{server}:{port}{path}"
        said = self.host.run(
            ["curl", "--silent", "--show-error", "--max-time", "20", "--interface", CLIENTS[family], url]
        )
        return said.stdout


@pytest.fixture(scope="module")
def grid() -> Iterator[Grid]:
    with Network() as network, open_directory() as directory:
        host = network.namespace()
        for address in (*CLIENTS.values(), *SERVERS.values()):
            host.run(["ip", "address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else [])])
        config = directory / "gateway.toml"
        services = (
            SERVICE.format(
                name=f"{name} v{version}",
                at=BEFORE["nobody"] + index,
                to=PORTS[name],
                version=version,
                v4=SERVERS[4],
                v6=SERVERS[6],
            )
            for index, (name, version) in enumerate(BEHIND)
        )
        config.write_text("".join(services), encoding="utf-8")
        control = ("--control", directory / "control")
        with (
            Haproxy(host, directory) as haproxy,
            Nginx(host, directory) as nginx,
            Dualstack("gateway", "--config", config, *control, host=host),
        ):
            wanted = {*PORTS.values(), *(BEFORE["nginx v1"] + index for index in range(len(BEHIND)))}
            until(lambda: wanted <= listening(host), lambda: f"{wanted - listening(host)} do not listen")
            yield Grid(host, {"haproxy": haproxy, "nginx": nginx})


def listening(host: Host) -> set[int]:
    """The port numbers on which somebody listens."""
    lines = host.run(["ss", "-Hltn"]).stdout.splitlines()
    return {int(line.split()[3].rpartition(":")[2]) for line in lines}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("index", "behind"), [*enumerate(BEHIND)], ids=[f"{name} v{version}" for name, version in BEHIND]
)
@pytest.mark.parametrize("before", BEFORE)
def test_the_client_is_known_to_the_server_and_its_log(
    grid: Grid, before: str, index: int, behind: tuple[str, int], family: int
) -> None:
    name, version = behind
    path = f"/{before}/{name}/{version}/{family}".replace(" ", "-")
    client, server = CLIENTS[family], SERVERS[family]
    assert grid.ask(family, BEFORE[before] + index, path) == f"{client} {server}"
    grid.daemons[name].out.until(f"{name}: {client} asked {server} for {path}")
