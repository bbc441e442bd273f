"""The hosts and servers that the documents speak of: `mail.example` and its like, a router, a deaf name server."""

import sys
from collections.abc import Iterable
from pathlib import Path

from dualstack.lab.host import Host
from dualstack.lab.network import Network
from support.tls import KEY_AND_CERTIFICATE

__all__ = ["deaf_name_server", "plain_host", "routed_host", "serve"]

NAMES = {
    "mail.example": ("2001:db8::25", "192.0.2.25"),
    "www.example": ("2001:db8::80", "192.0.2.80"),
    "irc.example": ("2001:db8::67", "192.0.2.67"),
    "example.org": ("2001:db8::a", "192.0.2.10"),
    "ipv6-only.example": ("2001:db8::6",),
    "tls.example": ("2001:db8::443", "192.0.2.44"),
}
# IPv6 to IMAP of mail.example is dropped, as by many a firewall.
DROPPED = """
table inet deaf {
  chain input {
    type filter hook input priority 0
    ip6 daddr 2001:db8::25 tcp dport 143 drop
  }
}
"""
SERVERS = """
import http.server, socket, socketserver, ssl, sys, threading

class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"hello\\n")
        self.close_connection = "Host" not in self.headers
    def log_message(self, *_):
        pass

class Mail(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"* OK IMAP4 ready\\r\\n")

class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)

def serve(kind, address, port):
    class Server(socketserver.ThreadingTCPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        allow_reuse_address = daemon_threads = True
    server = Server((address, int(port)), {"web": Web, "tls": Web, "mail": Mail, "echo": Echo}[kind])
    if kind == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever).start()

for line in sys.argv[2:]:
    serve(*line.split())
print("up", flush=True)
"""
# Hears every question and answers none.
DEAF = """
import signal, socket
deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
deaf.bind(("127.0.0.1", 53))
print("up", flush=True)
signal.pause()
"""


def plain_host(network: Network, own: Iterable[str] = ()) -> Host:
    """A host that has the addresses of all names itself, and `own` more."""
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    lines += [f"{address} {name}" for name, addresses in NAMES.items() for address in addresses]
    host = network.namespace(hosts="\n".join(lines) + "\n", resolv_conf="nameserver 127.0.0.1\n")
    commands = [
        f"address add {address}{'/128 dev lo nodad' if ':' in address else '/32 dev lo'}"
        for address in (*own, *(address for addresses in NAMES.values() for address in addresses))
    ]
    host.run(["ip", "-batch", "-"], stdin="\n".join(commands))
    host.run(["nft", "-f", "-"], stdin=DROPPED)
    return host


def routed_host(network: Network) -> Host:
    """A client whose `mail.example` and `far.example` lie behind a router: it has no way to one of their addresses."""
    unlimited = {"net.ipv4.icmp_ratelimit": 0, "net.ipv6.icmp.ratelimit": 0}
    forwards = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}
    hosts = "::1 localhost\n2001:db8:9::25 mail.example\n192.0.2.130 mail.example\n2001:db8:2::2 far.example\n"
    client, server = network.namespace(hosts=hosts), network.namespace()
    router = network.namespace(sysctls={**unlimited, **forwards})
    near = (["192.0.2.1/25", "2001:db8:1::1/64"], ["192.0.2.2/25", "2001:db8:1::2/64"])
    network.link(client, router, addresses=near)
    far = (["192.0.2.129/25", "2001:db8:2::1/64"], ["192.0.2.130/25", "2001:db8:2::2/64"])
    network.link(router, server, names=("eth1", "eth0"), addresses=far)
    for host, gateways in ((client, ("192.0.2.2", "2001:db8:1::2")), (server, ("192.0.2.129", "2001:db8:2::1"))):
        for gateway in gateways:
            host.run(["ip", "route", "add", "default", "via", gateway])
    router.run(["ip", "address", "add", "fe80::1/64", "dev", "eth0", "nodad"])
    router.run(["ip", "link", "set", "eth1", "mtu", "1280"])
    server.run(["ip", "link", "set", "eth0", "mtu", "1280"])
    return client


def deaf_name_server(host: Host) -> None:
    """A name server there that hears every question and answers none."""
    _start(host, DEAF)


def serve(host: Host, directory: Path, *wanted: str) -> None:
    """Servers there: `web ADDRESS PORT`, `tls`, `mail`, `echo`; a name stands for all its addresses."""
    pair = directory / "pair.pem"
    pair.write_text(KEY_AND_CERTIFICATE)
    lines = [
        f"{kind} {address} {port}"
        for kind, name, port in map(str.split, wanted)
        for address in NAMES.get(name, (name,))
    ]
    _start(host, SERVERS, str(pair), *lines)


def _start(host: Host, program: str, *arguments: str) -> None:
    started = host.popen([sys.executable, "-c", program, *arguments])
    assert started.stdout is not None
    assert started.stdout.readline() == "up\n"
