"""`dualstack run` in a lab: real programs of one family reach servers of the other, and see the errors of outside.

An agent runs inside, and one outside: each evaluates what it is sent, so that one start of a program does for many
questions. As root, and as an ordinary user with namespaces of his own.
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from textwrap import dedent

import pytest

from dualstack import run as dualstack_run
from dualstack.lab.host import Host
from dualstack.lab.network import Network, why_no_network
from dualstack.lab.process import Process
from support.ordinary import ordinary_user
from support.program import DUALSTACK, Program, dualstack

pytestmark = [pytest.mark.root, pytest.mark.daemon("curl", "dig", "nft", "setpriv")]

PORT = 7007
USER = 23456

SERVE = dedent(f"""
    import socket, sys, threading
    any_address, family = {{"4": ("0.0.0.0", socket.AF_INET), "6": ("::", socket.AF_INET6)}}[sys.argv[1]]
    def http(server):
        while True:
            client, peer = server.accept()
            client.recv(4096)
            text = peer[0].encode()
            client.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(text) + text)
            client.close()
    def echo():
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        datagrams.bind((any_address, {PORT}))
        while True:
            datagrams.sendto(*datagrams.recvfrom(65536))
    server = socket.create_server((any_address, {PORT}), family=family)
    threading.Thread(target=echo, daemon=True).start()
    print("up", flush=True)
    http(server)
""")

AGENT = dedent(f"""
    import errno, json, os, socket, subprocess, sys

    def said(*words):
        return subprocess.run(words, capture_output=True, text=True, timeout=20).stdout.strip()

    def refusal(address, port={PORT}, kind=socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as sock:
            sock.settimeout(10)
            try:
                sock.connect((address, port))
                if kind == socket.SOCK_DGRAM:
                    sock.send(b"?")
                    sock.recv(10)
            except OSError as error:
                return errno.errorcode.get(error.errno, str(error))
        return "connected"

    def echoed(name, size, family):
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(10)
            sock.sendto(bytes(size), (name, {PORT}))
            content, peer = sock.recvfrom(65536)
            return len(content), peer[0] == socket.getaddrinfo(name, 0, family)[0][4][0]

    def families(name):
        return [info[0].name for info in socket.getaddrinfo(name, {PORT}, type=socket.SOCK_STREAM)]

    for line in sys.stdin:
        print(json.dumps(eval(line)), flush=True)
""")


@dataclass(frozen=True)
class Agent:
    """Evaluates expressions where it runs."""

    process: Process

    def __call__(self, expression: str) -> object:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        """Its input ends, and so does it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(30) == 0


@dataclass(frozen=True)
class Lab:
    """A client, servers of one family and of both, and one that is broken by and by."""

    network: Network
    client: Host
    addresses: dict[str, str]
    outside: Agent

    def inside(self, words: tuple[str, ...], env: dict[str, str], *options: str) -> Agent:
        command = [*words, "-m", "dualstack", "run", *options, "--", words[-1], "-c", AGENT]
        return Agent(self.client.popen(command, stdin=-1, stderr=-1, env=env))


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if why := why_no_network():
        pytest.skip(why)
    with Network() as network:
        client = network.host("client", "dual")
        kinds = {"four": "ipv4-only", "six": "ipv6-only", "broken": "dual"}
        hosts = {name: network.host(name, kind) for name, kind in kinds.items()}
        for host, family in (("four", "4"), ("six", "6"), ("broken", "6"), ("broken", "4")):
            up = hosts[host].popen([sys.executable, "-c", SERVE, family])
            assert up.stdout is not None
            assert up.stdout.readline() == "up\n"
        outside = Agent(client.popen([sys.executable, "-c", AGENT], stdin=-1))
        asked = outside(
            "[[i[4][0] for i in socket.getaddrinfo('broken.test', 1, type=1)], socket.gethostbyname('four.test')]"
        )
        assert isinstance(asked, list)
        six, four = sorted(asked[0], key=lambda address: ":" not in address)
        yield Lab(network, client, {"6": six, "4": four, "four": asked[1]}, outside)


@pytest.fixture(scope="module", params=[0, USER], ids=["root", "an-ordinary-user"])
def inside(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Agent]:
    with ExitStack() as undo:
        words, env = (sys.executable,), dict[str, str]()
        if request.param:
            user = undo.enter_context(ordinary_user(USER))
            words, env = user.words, dict(user.env)
        agent = lab.inside(words, env)
        yield agent
        agent.end()


def fetched(options: str, host: str) -> str:
    return f"said('curl', '-s', '--max-time', '10', *{options.split()}, 'http://{host}:{PORT}/')"


def test_a_program_reaches_servers_of_either_family_whatever_it_asks_for(inside: Agent, lab: Lab) -> None:
    six = lab.outside("socket.getaddrinfo('client.test', 1, socket.AF_INET6)[0][4][0]")
    four = lab.outside("socket.gethostbyname('client.test')")
    assert inside(fetched("-4", "six.test")) == six
    assert inside(fetched("-6", "four.test")) == four
    assert inside(fetched("", "four.test")) == four
    assert inside(fetched("", "six")) == six, "the search list is the host's"
    assert inside(fetched("", lab.addresses["four"])) == four, "an address is as good as a name"


def test_a_name_is_sorted_and_told_as_outside_and_stands_in_for_the_family_that_it_lacks(
    inside: Agent, lab: Lab
) -> None:
    assert inside("families('broken.test')") == lab.outside("families('broken.test')") == ["AF_INET6", "AF_INET"]
    assert inside("said('dig', '+short', 'six.test', 'A')").startswith("198.18.")  # type: ignore[attr-defined]
    stand_in = inside("said('dig', '+short', '+tcp', 'four.test', 'AAAA')")
    assert str(stand_in).startswith("fd64:7561:6c73:7461:")
    assert inside(f"said('dig', '+short', '-x', {stand_in!r})") == "four.test."
    assert inside("said('dig', '+short', '@127.0.0.53', 'four.test', 'A')") == lab.addresses["four"]
    assert "NXDOMAIN" in str(inside("said('dig', 'nobody.test')"))
    assert "NOERROR" in str(inside("said('dig', 'four.test', 'TXT')")), "passed on to this host's name server"


def test_on_a_host_of_one_family_its_own_addresses_sort_first(lab: Lab) -> None:
    script = "getent ahosts four.test; getent ahosts broken.test"
    said = lab.network.hosts["four"].run([*DUALSTACK, "run", "--", "sh", "-c", script]).stdout.splitlines()
    firsts = [lines[0].split()[0] for lines in (said[: len(said) // 2], said[len(said) // 2 :])]
    assert firsts == [lab.addresses["four"], lab.addresses["4"]]


def test_datagrams_pass_between_the_families_and_come_from_the_address_that_was_asked(inside: Agent) -> None:
    assert inside("echoed('six.test', 1200, socket.AF_INET)") == [1200, True]
    assert inside("echoed('four.test', 30000, socket.AF_INET6)") == [30000, True]
    assert inside("refusal(socket.gethostbyname('six.test'), 9, socket.SOCK_DGRAM)") == "ECONNREFUSED"


def test_ping_is_answered_where_it_is_answered_outside(inside: Agent) -> None:
    ping = "said(sys.executable, '-m', 'dualstack', 'ping', '-c', '1', '-4', '--json', {!r})"
    assert '"received": 1' in str(inside(ping.format("six.test")))
    assert '"received": 1' not in str(inside(ping.format("198.18.77.77")))


FAULTS = ("refused", "no-route", "addr-unreachable", "port-unreachable", "admin-prohibited")


def test_the_error_of_a_connection_is_that_of_outside(inside: Agent, lab: Lab) -> None:
    for fault in FAULTS:
        with lab.network.fault(f"{fault} broken"):
            for family in ("4", "6"):
                question = f"refusal({lab.addresses[family]!r})"
                assert (fault, family, inside(question)) == (fault, family, lab.outside(question))


def test_one_silent_family_costs_a_moment(inside: Agent, lab: Lab) -> None:
    inside("families('broken.test')")
    with lab.network.fault("dropped ipv6 broken"):
        assert inside(f"refusal({lab.addresses['6']!r})") == "connected"


def test_localhost_is_the_programs_own_and_then_this_hosts(inside: Agent, lab: Lab) -> None:
    assert lab.outside("globals().__setitem__('own', socket.create_server(('127.0.0.1', 7008)))") is None
    assert inside("refusal('127.0.0.1', 7008)") == "connected"
    assert inside("refusal('127.0.0.1', 7009)") == "ECONNREFUSED"
    assert inside("globals().__setitem__('own', socket.create_server(('127.0.0.1', 7009)))") is None
    assert inside("refusal('127.0.0.1', 7009)") == "connected"
    assert lab.outside("refusal('127.0.0.1', 7009)") == "ECONNREFUSED"
    lab.outside("own.close()")
    inside("own.close()")


def test_what_may_not_be_dialled_is_not(lab: Lab) -> None:
    denied = lab.inside(
        (sys.executable,), {}, "--no-host-loopback", "-4", "--reach", "deny 10.0.0.0/8", "--reach", "allow any"
    )
    lab.outside("globals().__setitem__('own', socket.create_server(('127.0.0.1', 7010)))")
    assert denied("refusal('127.0.0.1', 7010)") == "EHOSTUNREACH"
    assert denied(f"refusal({lab.addresses['four']!r})") == "EHOSTUNREACH"
    assert denied(f"refusal({lab.addresses['6']!r})") == "EHOSTUNREACH"
    assert denied("refusal('198.18.99.99')") == "EHOSTUNREACH", "an address of the pool that stands in for nothing"
    assert denied.process.stderr is not None
    said = [denied.process.stderr.readline() for _ in range(2)]
    assert "rule `deny 127.0.0.0/8` denies it" in said[0]
    assert "rule `deny 10.0.0.0/8` denies it" in said[1]
    denied.end()
    lab.outside("own.close()")


def test_what_the_program_listens_on_is_reached_over_both_families_and_sees_its_clients(lab: Lab) -> None:
    serve = SERVE.replace(f"{PORT}", "7011")
    words = (*DUALSTACK, "run", "--publish", "auto", "--access", f"deny {lab.addresses['4']}", "--access", "allow any")
    until_told = ("sh", "-c", '"$@" & read line; kill $!', "sh")
    with Program(*words, "--", *until_told, sys.executable, "-c", serve, "4", host=lab.client) as run:
        run.err.until("port 7011 of the program is published as 7011")
        seen = [fetched_from(lab, host, "7011") for host in ("four", "six")]
        assert seen == [lab.addresses["four"], "198.18.0.3"], "an IPv4 server sees IPv6 clients as one that stands in"
        assert lab.client.run(["curl", "-s", "http://[::1]:7011/"]).stdout == "198.18.0.3"
        refused = lab.network.hosts["broken"].run(["curl", "-4", "-s", "http://client.test:7011/"], check=False)
        assert refused.returncode
        run.err.until(f"{lab.addresses['4']} may not connect to port 7011: rule `deny")
        run.say("enough")
        assert run.process.wait(20) == 0


def fetched_from(lab: Lab, host: str, port: str) -> str:
    return lab.network.hosts[host].run(["curl", "-s", "--max-time", "10", f"http://client.test:{port}/"]).stdout


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        (("sh", "-c", "exit 7"), 7, ""),
        (("sh", "-c", "kill -TERM $$"), -signal.SIGTERM, ""),
        (("no-such-program-at-all",), 127, "there is no such program"),
        (("/etc/passwd",), 126, "cannot be run: Permission denied"),
    ],
)
def test_the_end_is_the_programs_own(program: tuple[str, ...], code: int, said: str) -> None:
    done = dualstack("run", "--", *program)
    assert done.returncode == code
    assert said in done.stderr


def test_a_python_program_has_it_as_one_call() -> None:
    argv = ["sh", "-c", "read word; echo $word; exit 3"]
    done = dualstack_run(argv, stdin="hello\n", capture=True, family=4, reach=["allow any"], host_loopback=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "hello\n", "")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_killed_leaves_nobody_behind(number: signal.Signals) -> None:
    script = "sh -c 'echo $$; exec sleep 600' & echo $$; wait"
    with Program(*DUALSTACK, "run", "--", "sh", "-c", script) as run, ExitStack() as undo:
        watched = [os.pidfd_open(int(run.out.until(""))) for _ in range(2)]
        for descriptor in watched:
            undo.callback(os.close, descriptor)
        run.send_signal(number)
        for descriptor in watched:
            assert select.select([descriptor], [], [], 20)[0]


def test_a_signal_is_passed_on_and_what_reads_the_program_sees_its_end() -> None:
    script = "trap 'echo heard; exit 9' TERM; echo up; while :; do sleep 0.05; done"
    with Program(*DUALSTACK, "run", "--", "sh", "-c", script) as run:
        run.out.until("up")
        run.send_signal(signal.SIGTERM)
        run.out.until("heard")
        assert run.process.wait(20) == 9


def test_where_nobody_may_have_a_network_it_says_so_and_what_to_do() -> None:
    script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "$@"'
    words = ["unshare", "-Ur", "sh", "-c", script, "sh", *DUALSTACK, "run", "--", "true"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 77
    assert "run as root, or allow them" in done.stderr
