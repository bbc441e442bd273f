"""A lab's hosts as they really are: families, names, links, programs, and nothing left; as root and as nobody."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dualstack.errors import ConfigError, ExitCode
from dualstack.lab.declaration import HOSTS, Declaration, Kind, host_declared, parse
from dualstack.lab.faults import Fault
from dualstack.lab.network import Network, NetworkError, why_no_network
from dualstack.lab.orders import Orders
from support.ordinary import ordinary_user

if TYPE_CHECKING:
    from dualstack.lab.host import Host

ROUND_TRIP_S = 0.002


@pytest.fixture(scope="module")
def lab() -> Iterator[Network]:
    """One host of each kind; no test changes it."""
    if why := why_no_network():
        pytest.skip(why)
    with Network() as network:
        for name, kind in (("four", "ipv4-only"), ("six", "ipv6-only"), ("dual", "dual"), ("gateway", "gateway")):
            network.host(name, kind)
        network.name("www", "dual", "four")
        yield network


def addresses_of(host: "Host", interface: str) -> list[str]:
    said = host.run(["ip", "-brief", "address", "show", interface]).stdout.split()[2:]
    return [address for address in said if not address.startswith("fe80::")]


def families() -> list[object]:
    import socket

    can = []
    for family, loopback in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            try:
                sock.bind((loopback, 0))
            except OSError as error:
                can.append(error.errno)
            else:
                can.append(True)
    return can


NO_ADDRESS = 99  # EADDRNOTAVAIL


@pytest.mark.parametrize(
    ("name", "loopbacks", "on_lo", "on_eth0"),
    [
        ("four", [True, NO_ADDRESS], ["127.0.0.1/8"], ["10.64.0.4/24"]),
        ("six", [NO_ADDRESS, True], ["::1/128"], ["2001:db8:64::6/64"]),
        ("dual", [True, True], ["127.0.0.1/8", "::1/128"], ["10.64.0.8/24", "2001:db8:64::8/64"]),
        ("gateway", [True, True], ["127.0.0.1/8", "::1/128"], ["10.64.0.10/24", "2001:db8:64::a/64"]),
        ("resolver", [True, True], ["127.0.0.1/8", "::1/128"], ["10.64.0.2/24", "2001:db8:64::2/64"]),
    ],
)
def test_a_host_has_the_families_of_its_kind_and_no_other(
    lab: Network, name: str, loopbacks: list[object], on_lo: list[str], on_eth0: list[str]
) -> None:
    host = lab.hosts[name]
    assert (host.call(families), addresses_of(host, "lo")) == (loopbacks, on_lo)
    assert addresses_of(host, "eth0") == on_eth0
    told = lab.addresses(name)
    assert [address.split("/")[0] for address in on_eth0] == [*told[4], *told[6]]


def test_an_ipv4_only_host_has_no_ipv6_at_all(lab: Network) -> None:
    host = lab.hosts["four"]
    assert host.run(["ip", "-6", "address"]).stdout == ""
    assert host.run(["ip", "-6", "route"]).stdout == ""
    assert "::1" not in host.run(["cat", "/etc/hosts"]).stdout


def test_an_ipv6_only_host_has_no_ipv4_at_all(lab: Network) -> None:
    host = lab.hosts["six"]
    assert host.run(["ip", "-4", "address"]).stdout == ""
    assert host.run(["ip", "-4", "route"]).stdout == ""
    assert "127.0.0.1" not in host.run(["cat", "/etc/hosts"]).stdout


def lookup(*names: str) -> list[object]:
    import socket

    answers: list[object] = []
    for name in names:
        try:
            found = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            answers.append(error.errno)
        else:
            answers.append(sorted(each[4][0] for each in found))
    return answers


@pytest.mark.parametrize("asker", ["four", "six", "dual", "gateway", "resolver"])
def test_everybody_knows_everybody_by_name(lab: Network, asker: str) -> None:
    names = ("dual.test", "dual", "four", "six", "www.test", "WWW", "resolver", "gateway")
    assert lab.hosts[asker].call(lookup, *names) == [
        ["10.64.0.8", "2001:db8:64::8"],
        ["10.64.0.8", "2001:db8:64::8"],
        ["10.64.0.4"],
        ["2001:db8:64::6"],
        ["10.64.0.4", "10.64.0.8", "2001:db8:64::8"],
        ["10.64.0.4", "10.64.0.8", "2001:db8:64::8"],
        ["10.64.0.2", "2001:db8:64::2"],
        ["10.64.0.10", "2001:db8:64::a"],
    ]
    assert lab.hosts[asker].call(lookup, "nowhere.test", "dual.example") == [-2, -2]


def name_of(address: str) -> str:
    import socket

    return socket.getnameinfo((address, 80), socket.NI_NAMEREQD)[0]


@pytest.mark.parametrize("address", ["10.64.0.8", "2001:db8:64::8"])
def test_an_address_has_the_name_of_its_host(lab: Network, address: str) -> None:
    assert lab.hosts["six"].call(name_of, address) == "dual.test"


def test_a_host_that_comes_later_is_known_to_all(network: Network) -> None:
    first = network.host("first")
    assert first.call(lookup, "late") == [-2]
    network.host("late", "ipv6-only")
    assert first.call(lookup, "late") == [["2001:db8:64::6"]]
    assert list(network.hosts) == ["resolver", "first", "late"]
    assert network.kinds["late"] is Kind.IPV6_ONLY


SERVE = """
import socket, sys
families = {"4": (socket.AF_INET, "0.0.0.0"), "6": (socket.AF_INET6, "::")}
family, address = families[sys.argv[1]]
server = socket.create_server((address, 80), family=family)
print("up", flush=True)
while True:
    sock, peer = server.accept()
    with sock:
        sock.send(peer[0].encode())
"""


def serve(host: "Host", family: int) -> None:
    server = host.popen([sys.executable, "-c", SERVE, str(family)])
    assert server.stdout is not None
    assert server.stdout.readline() == "up\n"


def ask(name: str) -> list[str]:
    import socket

    with socket.create_connection((name, 80), timeout=10) as sock:
        return [sock.getpeername()[0], sock.recv(100).decode()]


@pytest.mark.parametrize(
    ("family", "expected"),
    [(4, ["10.64.1.6", "10.64.0.4"]), (6, ["2001:db8:64:1::6", "2001:db8:64::4"])],
)
def test_a_gateway_routes_between_links(network: Network, family: int, expected: list[str]) -> None:
    client = network.host("client", link="left")
    server = network.host("server", link="right")
    serve(server, family)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        client.call(ask, expected[0])
    assert "Network is unreachable" in caught.value.stderr
    network.host("gateway", "gateway")
    assert client.call(ask, expected[0]) == expected
    assert client.call(lookup, "server") == [["10.64.1.6", "2001:db8:64:1::6"]]
    hop_limit = client.run(["ping", "-c1", "-W5", expected[0]]).stdout if _has("ping") else "ttl=63"
    assert "ttl=63" in hop_limit


def _has(program: str) -> bool:
    from shutil import which

    return which(program) is not None


def test_the_resolver_is_on_every_link_and_hosts_of_one_link_reach_each_other_alone(network: Network) -> None:
    left, right = network.host("left", link="left"), network.host("right", link="right")
    network.host("left2", link="left")
    serve(network.hosts["left2"], 4)
    assert left.call(lookup, "right", "left2") == [
        ["10.64.1.6", "2001:db8:64:1::6"],
        ["10.64.0.8", "2001:db8:64::8"],
    ]
    assert right.call(lookup, "left") == [["10.64.0.4", "2001:db8:64::4"]]
    assert left.call(ask, "10.64.0.8") == ["10.64.0.8", "10.64.0.4"]


def round_trips(name: str, port: int) -> list[float]:
    import socket
    import time

    took = []
    for family in (socket.AF_INET, socket.AF_INET6):
        for _ in range(5):
            address = socket.getaddrinfo(name, port, family, socket.SOCK_STREAM)[0][4]
            started = time.monotonic()
            with socket.socket(family) as sock:
                try:
                    sock.connect(address)
                except ConnectionRefusedError:
                    took.append(time.monotonic() - started)
    return took


def test_a_round_trip_takes_two_milliseconds_and_what_is_declared(network: Network) -> None:
    client, _ = network.host("client"), network.host("server")
    took = client.call(round_trips, "server", 9)
    assert len(took) == 10
    assert min(took) >= ROUND_TRIP_S
    with Network(
        Declaration((host_declared("client", "dual"), host_declared("server", "dual")), round_trip_s=0.1)
    ) as far:
        took = far.hosts["client"].call(round_trips, "server", 9)
        assert len(took) == 10
        assert 0.1 <= min(took) < 0.15


def test_a_run_program_says_what_it_says_with_its_exit_code(lab: Network) -> None:
    host = lab.hosts["dual"]
    done = host.run(
        ["sh", "-c", "cat; echo $WORD; echo why >&2; exit 3"], stdin="read ", env={"WORD": "w"}, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "read w\n", "why\n")
    assert host.run(["hostname"] if _has("hostname") else ["uname", "-n"]).stdout == "dual\n"
    assert host.run(["pwd"]).stdout == f"{Path.cwd()}\n"


def test_a_killed_program_has_the_signal_as_its_exit_code(lab: Network) -> None:
    host = lab.hosts["dual"]
    assert host.run(["sh", "-c", "kill -TERM $$"], check=False).returncode == -signal.SIGTERM
    with host.popen(["sleep", "1000"]) as process:
        assert process.poll() is None
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM


def test_a_program_that_hangs_is_killed_at_its_limit_with_what_it_had_said(lab: Network) -> None:
    started = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        lab.hosts["dual"].run(["sh", "-c", "echo begun; exec sleep 1000"], timeout=0.5)
    assert time.monotonic() - started >= 0.5
    assert caught.value.stdout == b"begun\n"
    assert caught.value.timeout == 0.5
    assert no_program_of(lab, "sleep")


def no_program_of(network: Network, word: str) -> bool:
    """Whether no program of the lab has this name, the children of the programs that were started included."""
    said = network.hosts["dual"].run(["sh", "-c", "cat /proc/[0-9]*/comm"], check=False).stdout.split()
    return word not in said


def sleep(seconds: float) -> None:
    import time

    time.sleep(seconds)


def test_python_has_limits_and_says_why_it_failed(lab: Network) -> None:
    host = lab.hosts["dual"]
    with pytest.raises(subprocess.TimeoutExpired):
        host.python("import time; time.sleep(1000)", timeout=0.3)
    with pytest.raises(subprocess.TimeoutExpired):
        host.call(sleep, 1000, timeout=0.3)
    with pytest.raises(subprocess.CalledProcessError) as failed:
        host.python("raise SystemExit('because')")
    assert "because" in failed.value.__notes__[0]
    with pytest.raises(subprocess.CalledProcessError) as failed:
        host.call(sleep, "because")
    assert "TypeError" in failed.value.__notes__[0]


def both(a: int, b: list[int]) -> dict[str, object]:
    print("a program may talk")  # noqa: T201 - that is the test
    return {"sum": a + sum(b), "none": None}


def test_a_call_gives_back_what_the_function_returns(lab: Network) -> None:
    assert lab.hosts["dual"].call(both, 1, [2, 3]) == {"sum": 6, "none": None}
    assert lab.hosts["dual"].python("import sys; print(sys.argv[1:])", "a b", "c").stdout == "['a b', 'c']\n"


@pytest.mark.parametrize("start", ["run", "popen"])
def test_a_missing_program_is_named(lab: Network, start: str) -> None:
    with pytest.raises(NetworkError, match="no-such-program") as caught:
        getattr(lab.hosts["dual"], start)(["no-such-program", "--help"])
    assert (caught.value.errno, caught.value.exit_code) == (2, ExitCode.UNAVAILABLE)
    # The lab goes on.
    assert lab.hosts["dual"].run(["echo", "still"]).stdout == "still\n"


@pytest.mark.parametrize("start", ["run", "popen"])
def test_a_file_that_is_no_program_is_named(lab: Network, start: str, tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("#!/no/such/interpreter\n", encoding="utf-8")
    with pytest.raises(NetworkError, match=str(path)) as caught:
        getattr(lab.hosts["dual"], start)([path])
    assert (caught.value.errno, caught.value.exit_code) == (13, ExitCode.NO_RIGHT)


def test_a_programs_streams_are_pipes_where_they_are_asked_for(lab: Network) -> None:
    with lab.hosts["dual"].popen(["cat"], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("echoed\n")
        process.stdin.close()
        assert process.stdout.read() == "echoed\n"
        assert process.wait(10) == 0
        assert process.stderr is None


def test_programs_of_a_lab_see_each_other_and_none_of_this_machine(lab: Network) -> None:
    with lab.hosts["dual"].popen(["sleep", "1000"]) as process:
        inside = lab.hosts["four"].run(["cat", f"/proc/{process.pid_inside}/comm"]).stdout
        outside = Path(f"/proc/{process.pid}/comm").read_text(encoding="ascii")
        assert inside == outside == "sleep\n"
        assert process.pid_inside != process.pid


LEAVES = (
    "import os\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\nos.execlp('sleep', 'left', '1000')"
)


def named(word: str) -> set[int]:
    """The processes of this machine whose first argument is that."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if words[0] == word.encode():
            found.add(int(path.parent.name))
    return found


def test_a_program_that_leaves_its_parent_dies_with_the_lab() -> None:
    word = f"left-{os.getpid()}-{time.monotonic_ns()}"
    with Network() as network:
        network.namespace().python(LEAVES.replace("left", word))
        deadline = time.monotonic() + 10
        while not named(word):
            assert time.monotonic() < deadline, "it has begun"
        (pid,) = named(word)
        watched = os.pidfd_open(pid)
    with os.fdopen(watched):
        assert named(word) == set()


def test_names_are_taken_once_and_there_is_one_resolver(lab: Network) -> None:
    with pytest.raises(ConfigError, match=r"hosts\.dual: the name is taken"):
        lab.host("dual")
    with pytest.raises(ConfigError, match=r"hosts\.other: a lab has one resolver"):
        lab.host("other", "resolver")
    with pytest.raises(ConfigError, match=r"hosts\.x: 'dul': no kind of host; did you mean dual"):
        lab.host("x", "dul")
    with pytest.raises(ConfigError, match=r"names\.www: there is no host nowhere; there are resolver, four"):
        lab.name("www", "nowhere")
    assert lab.hosts["dual"].call(lookup, "four") == [["10.64.0.4"]]


def test_a_resolver_goes_by_the_name_that_it_is_declared_with(network: Network) -> None:
    network.host("dns", "resolver")
    client = network.host("client")
    assert list(network.hosts) == ["dns", "client"]
    assert client.call(lookup, "dns") == [["10.64.0.2", "2001:db8:64::2"]]


FILE = """
ipv4 = "192.168.32.0/20"
ipv6 = "fd00:64::/48"
faults = ["refused ipv4 server"]
hosts.client = "dual"
hosts.server = "dual"
names.www = ["server"]
"""


@pytest.mark.daemon("nft")
def test_a_declared_lab_is_there_whole() -> None:
    with Network(parse(FILE, "lab.toml")) as network:
        assert [str(fault) for fault in network.faults] == ["refused ipv4 server"]
        assert network.hosts["client"].call(lookup, "www") == [["192.168.32.6", "fd00:64::6"]]
        serve(network.hosts["server"], 4)
        with pytest.raises(subprocess.CalledProcessError, match="returned non-zero"):
            network.hosts["client"].call(ask, "192.168.32.6")


def test_a_range_in_use_on_this_machine_is_refused_with_exit_code_69() -> None:
    # This machine has it as its loopback.
    with pytest.raises(
        ConfigError, match=r"ipv4: 127\.0\.0\.0/8 is in use on this machine \(127\.0\.0\.1\)"
    ) as refused:
        Network(parse('ipv4 = "127.0.0.0/8"\nhosts.one = "dual"', "")).__enter__()
    assert refused.value.exit_code is ExitCode.UNAVAILABLE


def test_two_labs_side_by_side_are_apart(lab: Network) -> None:
    with Network(Declaration((host_declared("four", "dual"),))) as other:
        serve(other.hosts["four"], 4)
        assert other.hosts["four"].call(ask, "10.64.0.4") == ["10.64.0.4", "10.64.0.4"]
        with pytest.raises(subprocess.CalledProcessError) as caught:
            lab.hosts["dual"].call(ask, "10.64.0.4")
        assert "Connection refused" in caught.value.stderr
    assert lab.hosts["four"].run(["echo", "alive"]).stdout == "alive\n"


def count_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> set[int]:
    return {
        int(pid)
        for task in Path("/proc/self/task").iterdir()
        for pid in (task / "children").read_text(encoding="ascii").split()
    }


def left_behind() -> dict[str, set[str]]:
    """What a lab could leave in this process or on this machine."""
    return {
        "mounts": set(Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()),
        "interfaces": set(os.listdir("/sys/class/net")),  # noqa: PTH208 - names
        "run": set(os.listdir("/run")),  # noqa: PTH208
    }


def test_seven_hosts_leave_nothing_when_they_are_gone() -> None:
    with Network(Declaration(HOSTS)):
        pass
    before = (count_descriptors(), children(), left_behind())
    for _ in range(3):
        with Network(Declaration(HOSTS)) as network:
            assert len(network.hosts) == len(HOSTS) + 1
            network.hosts["client"].popen(["sleep", "1000"])
    assert (count_descriptors(), children(), left_behind()) == before


ONE = host_declared("one", "dual")


@pytest.mark.parametrize(
    ("declaration", "why"),
    [
        (Declaration((ONE, ONE)), "the name is taken"),
        (Declaration((ONE,), names={"www": ("two",)}), "there is no host two"),
        (Declaration((ONE,), faults=(Fault("no-default-router", "one"),)), "there is no router here"),
    ],
)
def test_a_lab_that_cannot_be_made_leaves_nothing_either(declaration: Declaration, why: str) -> None:
    before = (count_descriptors(), children(), left_behind())
    with pytest.raises(ConfigError, match=why):
        Network(declaration).__enter__()
    assert (count_descriptors(), children(), left_behind()) == before


def test_after_its_end_a_lab_says_so() -> None:
    with Network() as network:
        host = network.namespace()
    with pytest.raises(NetworkError, match="the lab has ended"):
        host.run(["true"])


def test_an_order_that_is_too_long_is_refused_and_the_lab_goes_on(lab: Network) -> None:
    with pytest.raises(NetworkError, match="start: Message too long"):
        lab.hosts["dual"].run(["true"], env={"LONG": "x" * 1_000_000})
    assert lab.hosts["dual"].run(["echo", "still"]).stdout == "still\n"


@pytest.mark.root
def test_all_of_this_is_so_for_an_ordinary_user() -> None:
    with ordinary_user() as user:
        done = user.tests(__file__)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.root
def test_a_declaration_without_the_right_to_read_it_is_exit_code_77(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text('hosts.one = "dual"', encoding="utf-8")
    path.chmod(0o600)
    load = "import sys; from dualstack.lab.declaration import load; load(sys.argv[1])"
    with ordinary_user() as user:
        done = user.run("-c", f"try:\n  {load}\nexcept Exception as e:\n  print(e.exit_code.value, e.why)", str(path))
    assert done.stdout.startswith("77 cannot be read: Permission denied")


class Interrupted(Orders):
    """Orders whose next answer is not waited for, as where Ctrl-C is pressed."""

    interrupt = False

    def _answer(self) -> tuple[dict[str, object], list[int]]:
        if self.interrupt:
            raise KeyboardInterrupt
        return super()._answer()


@pytest.mark.usefixtures("network")  # for its reason to skip
def test_an_order_that_is_interrupted_is_the_last() -> None:
    orders = Interrupted()
    orders.interrupt = True
    with pytest.raises(KeyboardInterrupt):
        orders.give("set", host="", calls=[])
    orders.interrupt = False
    with pytest.raises(NetworkError, match="the lab has ended"):
        orders.give("set", host="", calls=[])
    orders.close()
