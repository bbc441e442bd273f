"""`dualstack doctor` on a host that is broken in twelve ways: the first finding is the cause, as root and not."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from dualstack.lab.network import Network, why_no_network

if TYPE_CHECKING:
    from pathlib import Path

    from dualstack.lab.host import Host

pytestmark = pytest.mark.daemon("nft")

# The doctor again and again in one process: a line with its arguments in, its exit code and report out. The
# ordinary user is this one after first runs, which have imported all that it may not read.
AGAIN = """
import contextlib, io, json, os, sys
from dualstack.cli import main

def doctor(arguments):
    said = io.TextIOWrapper(io.BytesIO(), "utf-8")
    sys.argv = ["dualstack", "doctor", *arguments]
    with contextlib.redirect_stdout(said):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    said.flush()
    return json.dumps([code, said.buffer.getvalue().decode()])

doctor(["--json"])
doctor(["--probe", "-v"])
if os.environ["WHO"] == "ordinary" and os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
for line in sys.stdin:
    print(doctor(json.loads(line)), flush=True)
"""

# Answers for ipv4only.arpa alone, with an address of 64:ff9b::/96.
DNS64 = """
import socket
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.bind(("::", 53))
print("up", flush=True)
found = {1: b"\\xc0\\0\\0\\xaa", 28: bytes.fromhex("0064ff9b" + "00" * 8 + "c00000aa")}
while True:
    ask, who = server.recvfrom(4096)
    end = ask.index(b"\\0", 12) + 5
    kind = ask[end - 3]
    is_known = b"ipv4only" in ask
    answer = b"\\xc0\\x0c\\0" + bytes([kind]) + b"\\0\\1\\0\\0\\0\\x3c\\0" + bytes([len(found[kind])]) + found[kind]
    head = ask[:2] + (b"\\x81\\x80" if is_known else b"\\x81\\x83") + b"\\0\\1\\0" + bytes([is_known]) + b"\\0" * 4
    server.sendto(head + ask[12:end] + answer * is_known, who)
"""


class Lab:
    """A client, a neighbour, a router, and behind it a server that the client's hosts file names."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.client = network.host("client")
        for name, kind, link in (("neighbour", "dual", "lan"), ("router", "gateway", "lan"), ("server", "dual", "far")):
            network.host(name, kind, link=link)
        self.resolv_conf = self.client.run(["cat", "/etc/resolv.conf"]).stdout
        self.hosts = "127.0.0.1 localhost\n::1 localhost\n"
        self.hosts += "".join(f"{self.of('server', version)} server\n" for version in (4, 6))
        self.client.use_files({"hosts": self.hosts, "resolv.conf": self.resolv_conf})
        # Of their own: daemons of this machine that are installed and do not run are no part of the lab.
        self._doctors = {
            who: self.client.popen([sys.executable, "-c", AGAIN], stdin=-1, env={"WHO": who})
            for who in ("root", "ordinary")
        }

    def of(self, host: str, version: int) -> str:
        return self.network.addresses(host)[version][0]

    def ask(self, *arguments: str) -> dict[str, tuple[int, str]]:
        """What root's doctor says, and the other's: exit code and output."""
        for doctor in self._doctors.values():
            assert doctor.stdin is not None
            doctor.stdin.write(json.dumps(arguments) + "\n")
            doctor.stdin.flush()
        return {who: tuple(json.loads(doctor.stdout.readline())) for who, doctor in self._doctors.items()}  # type: ignore[union-attr]

    def close(self) -> None:
        """Have the doctors end by themselves."""
        for doctor in self._doctors.values():
            assert doctor.stdin is not None
            doctor.stdin.close()
            assert doctor.wait() == 0

    @contextmanager
    def set(self, calls: Sequence[Sequence[object]], back: Sequence[Sequence[object]]) -> Iterator[None]:
        self.client.set(calls)
        try:
            yield
        finally:
            self.client.set(back)

    @contextmanager
    def sysctl(self, name: str, value: int, back: int, host: str = "client") -> Iterator[None]:
        self.network.hosts[host].set_sysctl(name, value)
        try:
            yield
        finally:
            self.network.hosts[host].set_sysctl(name, back)

    @contextmanager
    def file(self, name: str, text: str) -> Iterator[None]:
        self.client.use_files({name: text})
        try:
            yield
        finally:
            self.client.use_files({"hosts": self.hosts, "resolv.conf": self.resolv_conf})

    @contextmanager
    def without_ipv6(self) -> Iterator[None]:
        """The kernel takes the addresses and routes away with it."""
        mine, router = f"{self.of('client', 6)}/64", self.of("router", 6)
        with ExitStack() as undo:
            undo.callback(self.client.set, [["address", "add", "eth0", mine], ["route", "add", "::/0", router]])
            undo.enter_context(self.sysctl("net.ipv6.conf.all.disable_ipv6", 1, 0))
            yield

    @contextmanager
    def unique_local(self) -> Iterator[None]:
        mine = f"{self.of('client', 6)}/64"
        with self.set(
            [["address", "del", "eth0", mine], ["address", "add", "eth0", "fd00:64::1/64"]],
            [["address", "del", "eth0", "fd00:64::1/64"], ["address", "add", "eth0", mine]],
        ):
            yield

    @contextmanager
    def duplicate(self) -> Iterator[None]:
        theirs = f"{self.of('neighbour', 6)}/64"
        add, remove = ([["address", call, "eth0", theirs]] for call in ("add", "del"))
        with self.sysctl("net.ipv6.conf.eth0.accept_dad", 1, 0), self.set(add, remove):
            self.client.run(["sh", "-c", "until ip -6 address show dadfailed | grep -q inet6; do sleep 0.02; done"])
            yield

    @contextmanager
    def listening(self, *argv: str) -> Iterator[None]:
        """A server on the client while it is needed, from when it listens."""
        server = self.client.popen(argv, stdin=-1)
        try:
            self.client.run(["sh", "-c", "until ss -Hltn | grep -q .; do sleep 0.02; done"])
            yield
        finally:
            server.kill()
            server.wait()

    @contextmanager
    def dns64(self) -> Iterator[None]:
        server: Host = self.network.hosts["neighbour"]
        with ExitStack() as undo:
            answering = server.popen([sys.executable, "-c", DNS64])
            undo.callback(answering.kill)
            assert answering.stdout is not None
            assert answering.stdout.readline() == "up\n"
            undo.enter_context(self.file("resolv.conf", f"nameserver {self.of('neighbour', 6)}\n"))
            yield


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if why := why_no_network():
        pytest.skip(why)
    with Network() as network:
        lab = Lab(network)
        yield lab
        lab.close()


class Broken(NamedTuple):
    """A way to break the client, the finding that comes first, and what its evidence says."""

    why: str
    breaks: Callable[[Lab], AbstractContextManager[object]]
    code: str
    says: str


BROKEN = (
    Broken("no IPv6", Lab.without_ipv6, "DS130", "net.ipv6.conf.all.disable_ipv6 = 1"),
    Broken(
        "IPv6 without a default route",
        lambda lab: lab.network.fault("no-default-router ipv6 client"),
        "DS137",
        "2001:db8:",
    ),
    Broken("unique local addresses alone", Lab.unique_local, "DS136", "fd00:64::1/64 on eth0"),
    Broken("a dead resolver", lambda lab: lab.network.fault("dropped resolver"), "DS142", "nothing comes back"),
    Broken("a resolver that drops AAAA", lambda lab: lab.network.fault("lookup-lost aaaa"), "DS144", "AAAA: nothing"),
    Broken("bindv6only", lambda lab: lab.sysctl("net.ipv6.bindv6only", 1, 0), "DS149", "bindv6only = 1"),
    Broken(
        "no ::1 in hosts",
        lambda lab: lab.file("hosts", lab.hosts.replace("::1 localhost\n", "")),
        "DS147",
        "127.0.0.1 localhost",
    ),
    Broken(
        "no ::1 on lo",
        lambda lab: lab.set([["address", "del", "lo", "::1/128"]], [["address", "add", "lo", "::1/128"]]),
        "DS133",
        "::1",
    ),
    Broken(
        "a path MTU black hole",
        lambda lab: lab.network.fault("pmtu-black-hole ipv6 server"),
        "DS141",
        "1280 bytes come back, 1500 do not",
    ),
    Broken("DNS64 without NAT64", Lab.dns64, "DS146", "64:ff9b::/96"),
    Broken(
        "a path that is dead past the first hop",
        lambda lab: lab.sysctl("net.ipv6.conf.all.forwarding", 0, 1, "router"),
        "DS140",
        "behind it",
    ),
    Broken("a duplicate address", Lab.duplicate, "DS131", "dadfailed"),
)


@pytest.mark.parametrize("broken", BROKEN, ids=[each.why for each in BROKEN])
def test_the_first_finding_is_the_cause(lab: Lab, broken: Broken) -> None:
    with broken.breaks(lab):
        asked = lab.ask("--json")
    for who, (code, said) in asked.items():
        first = json.loads(said)["findings"][0]
        assert (first["code"], first["caused_by"], code) == (broken.code, None, 1), who
        assert broken.says in first["evidence"], who


NGINX = """
daemon off; master_process off; pid {files}/pid; error_log /dev/null;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {files}; proxy_temp_path {files}; fastcgi_temp_path {files};
    uwsgi_temp_path {files}; scgi_temp_path {files};
    server {{
        listen {listen};
        return 204;
    }}
}}
"""


@pytest.mark.daemon("nginx")
def test_a_daemon_that_runs_is_held_to_its_settings_and_really_connected_to(lab: Lab, tmp_path: "Path") -> None:
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(NGINX.format(files=tmp_path, listen="8080"))
    with lab.listening("nginx", "-c", str(configuration)):
        code, said = lab.ask("--probe", "--json")["root"]
        report = json.loads(said)
        (found,) = [each for each in report["findings"] if each["severity"] == "warning"]
        assert (code, found["code"], found["file"]) == (1, "DS102", str(configuration))
        assert "\n+        listen 8080; listen [::]:8080;\nthen: systemctl restart nginx" in found["remedy"]
        (listener,) = report["listeners"]
        assert (listener["daemon"], listener["probed"]) == ("nginx", {"ipv4": "yes"})
        assert "yes, and did" in lab.ask("--probe", "-v")["root"][1]

        configuration.write_text(NGINX.format(files=tmp_path, listen="[::]:8080"))
        # In the next second at the latest, for that is how exactly /proc has when it was started.
        os.utime(configuration, (later := configuration.stat().st_mtime + 2, later))
        first, *_ = json.loads(lab.ask("--json")["root"][1])["findings"]
        assert (first["code"], "v6only=1; open: tcp 0.0.0.0:8080 (nginx" in first["evidence"]) == ("DS150", True)


@pytest.mark.parametrize(("verdict", "says"), [("drop", "nothing comes back"), ("reject", "Connection refused")])
def test_a_socket_that_a_filter_stands_before_is_found_by_connecting(lab: Lab, verdict: str, says: str) -> None:
    rules = f"table ip6 t {{ chain c {{ type filter hook input priority 0; tcp dport 7000 {verdict}; }}; }}"
    listen = "import socket; s = socket.create_server(('', 7000), family=socket.AF_INET6, dualstack_ipv6=True); input()"
    with lab.listening(sys.executable, "-c", listen):
        lab.client.run(["nft", rules])
        try:
            for who, (code, said) in lab.ask("--probe", "--json").items():
                first = json.loads(said)["findings"][0]
                assert (code, first["code"]) == (1, "DS153"), who
                assert first["evidence"].endswith(f"over IPv6: {says}"), who
        finally:
            lab.client.run(["nft", "delete table ip6 t"])


def test_a_filter_that_rejects_one_way_of_asking_is_no_dead_path(lab: Lab) -> None:
    """The kernel then answers in this host's own name, before the echo is back."""
    lab.client.run(["nft", "table inet t { chain c { type filter hook output priority 0; udp dport 33434 reject; }; }"])
    try:
        for code, said in lab.ask("--reach", "server").values():
            assert (code, said.count("\n")) == (0, 1), said
    finally:
        lab.client.run(["nft", "delete table inet t"])


def test_a_name_that_is_not_found_is_said(lab: Lab) -> None:
    for code, said in lab.ask("--reach", "nobody.invalid").values():
        assert (code, "whether nobody.invalid is reached: " in said, "All is well" in said) == (0, True, False), said


def test_where_all_is_well_nothing_but_that_is_said(lab: Lab) -> None:
    for code, said in lab.ask().values():
        assert (code, said.count("\n")) == (0, 1), said
        assert said.startswith("All is well")
