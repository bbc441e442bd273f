"""What carries frames: the choice, and the tree around netem, filled with a queue that every kernel has."""

import re

import pytest

from dualstack.lab.carrier import Netem, UserSpace, carrier
from dualstack.lab.host import Host
from dualstack.lab.network import Network
from dualstack.lab.orders import NetworkError
from dualstack.lab.wire import Shape


class Heard(Host):
    """A host that writes down what it is told, and refuses what its kernel has not."""

    def __init__(self, lacks: str = "") -> None:
        self.calls: list[list[object]] = []
        self._lacks = lacks

    def set(self, calls: list[list[object]]) -> None:  # type: ignore[override]
        self.calls += [list(call) for call in calls]
        if any(self._lacks in call for call in calls if self._lacks):
            raise NetworkError("no such queue", errno=2)

    def serve(self, function: str, *arguments: object) -> object:  # type: ignore[override]
        self.calls.append([function, *arguments])
        return None


def test_netem_is_taken_where_the_kernel_has_it_and_the_switch_where_not() -> None:
    has, lacks = Heard(), Heard(lacks="netem")
    assert isinstance(carrier(has, 0.002), Netem)
    assert has.calls == [["queue", "lo", 0, "netem", {"delay": 0}], ["no_queue", "lo"]]
    assert isinstance(carrier(lacks, 0.002), UserSpace)
    assert lacks.calls[-1] == ["dualstack.lab.wire:main", 0.002, 0]


def test_a_refusal_of_another_kind_is_told() -> None:
    class Forbidden(Heard):
        def set(self, _calls: list[list[object]]) -> None:  # type: ignore[override]
            raise NetworkError("no right", errno=1)

    with pytest.raises(NetworkError, match="no right"):
        carrier(Forbidden(), 0.002)


def test_netem_has_half_a_round_trip_always_and_by_family_what_faults_ask_for() -> None:
    base = Heard()
    netem = Netem(base, 0.002)
    netem.plug("w0", "one", "lan")
    netem.plug("w1", "two", "lan")
    netem.plug("w2", "two", "other")
    plain = {"delay": 1000, "jitter": 0, "loss": 0.0, "limit": 20_000}
    assert base.calls[:6] == [
        ["bridge", "br0"],
        ["attach", "w0", "br0"],
        ["branch", "w0"],
        ["queue", "w0", 4, "netem", plain],
        ["queue", "w0", 6, "netem", plain],
        ["queue", "w0", 1, "netem", plain],
    ]
    assert [call[1:] for call in base.calls if call[0] == "attach"] == [["w0", "br0"], ["w1", "br0"], ["w2", "br1"]]
    base.calls.clear()
    netem.shape({("two", 6): Shape(0.3, 0.02, 0.1)})
    shaped = [
        call[1:3] for call in base.calls if call[4] == {"delay": 301000, "jitter": 20000, "loss": 10.0, "limit": 20_000}
    ]
    assert shaped == [["w1", 6], ["w2", 6]]
    assert sum(call[4] == plain for call in base.calls) == 7
    base.calls.clear()
    netem.shape({})
    assert all(call[4] == plain for call in base.calls)


def test_frames_pass_through_the_tree_each_in_its_class(network: Network) -> None:
    one, two = network.namespace("one"), network.namespace("two")
    base = Host(network._orders, "", {})
    netem = Netem(base, 0.002, queue="pfifo_fast")
    for number, host in enumerate((one, two)):
        network._cable((host.name, "eth0"), ("", f"w{number}"))
        base.set([["up", f"w{number}"]])
        netem.plug(f"w{number}", host.name, "lan")
        host.set(
            [
                ["address", "add", "eth0", f"192.0.2.{number + 1}/24"],
                ["address", "add", "eth0", f"2001:db8::{number + 1}/64"],
                ["up", "eth0"],
            ]
        )
    for host in (one, two):
        host.set([["settle", "eth0"]])
    base.set([["settle", "w0"], ["settle", "w1"]])
    server = two.popen(["python3", "-c", SERVER], stdin=-1)
    assert server.stdout is not None
    assert server.stdout.readline() == "up\n"
    for address in ("192.0.2.2", "2001:db8::2"):
        assert one.call(ask, address, QUESTIONS) == address
    before = sent(base)
    assert min(before[4], before[6]) >= QUESTIONS
    one.call(ask, "2001:db8::2", QUESTIONS)
    after = sent(base)
    assert after[6] - before[6] >= QUESTIONS
    assert after[4] - before[4] < QUESTIONS, "reports of multicast listeners pass at any time, a few in all"
    assert before[1] > 0, "ARP and neighbour discovery"
    base.set([["queue", "lo", 0, "pfifo_fast", {}], ["no_queue", "lo"]])  # as the kernel is asked for netem


SERVER = """
import socket
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
server.bind(("::", 53))
print("up", flush=True)
while True:
    server.sendto(*server.recvfrom(100))
"""


QUESTIONS = 50


def ask(address: str, questions: int) -> str:
    """Datagrams there and back: after the last answer nothing more is on its way, unlike a connection's end."""
    import socket

    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.connect((address, 53))
        for _ in range(questions):
            sock.send(b"?")
            sock.recv(100)
        return str(sock.getpeername()[0])


def sent(base: Host) -> dict[int, int]:
    """The packets of each class on the way to the second host."""
    shown = base.run(["tc", "-s", "class", "show", "dev", "w1"]).stdout
    found = re.findall(r"class htb 1:(\d) .*?\n Sent \d+ bytes (\d+) pkt", shown, re.DOTALL)
    return {int(number): int(packets) for number, packets in found}
