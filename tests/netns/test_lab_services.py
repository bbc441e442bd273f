"""The lab's wire and name server by themselves: told by lines, done with each before the next, ended by their input."""

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dualstack.lab.host import Host
    from dualstack.lab.network import Network
    from dualstack.lab.process import Process

RESOLVER = "import sys; from dualstack.lab.resolver import main; sys.exit(main())"
WIRE = "import sys; from dualstack.lab.wire import main; sys.exit(main(0.02, 0))"
NAMES = {"server": ["10.64.0.6", "2001:db8:64::6"], "many": [f"10.65.0.{number}" for number in range(1, 200)]}


class Service:
    """One that runs as a program of its own."""

    def __init__(self, host: "Host", code: str) -> None:
        self.process: Process = host.popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE)

    def tell(self, order: "Mapping[str, object]") -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline(), "it says so once it has done it"

    def end(self) -> tuple[int, str]:
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        complained = self.process.stderr.read()
        return self.process.wait(20), complained


def told(*faults: dict[str, object], listen: tuple[str, ...] = ("127.0.0.1", "::1")) -> dict[str, object]:
    return {"listen": listen, "names": NAMES, "records": {}, "dead": {}, "faults": faults}


def fault(kind: str, **more: object) -> dict[str, object]:
    return {"kind": kind, "host": None, "family": 0, "seconds": 0.0, "share": 0.0, **more}


def questions(resolver: str, proto: str, names: list[str], limit_s: float) -> list[list[object]]:
    """Both questions for each name, at once; what comes, in turn: (question, number of records, truncated)."""
    import socket
    import struct

    family = socket.AF_INET6 if ":" in resolver else socket.AF_INET
    answers: list[list[object]] = []
    with socket.socket(family, socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM) as sock:
        sock.settimeout(limit_s)
        sock.connect((resolver, 53))
        asked = {}
        for number, (name, kind) in enumerate((name, kind) for name in names for kind in (1, 28)):
            asked[number] = f"{name} {'A' if kind == 1 else 'AAAA'}"
            labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
            packet = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)
            sock.sendall(struct.pack("!H", len(packet)) + packet if proto == "tcp" else packet)
        stream = sock.makefile("rb") if proto == "tcp" else None
        try:
            for _ in asked:
                answer = stream.read(*struct.unpack("!H", stream.read(2))) if stream else sock.recv(65535)
                number, flags, _, records, _, _ = struct.unpack("!6H", answer[:12])
                answers.append([asked[number], records, bool(flags & 0x0200)])
        except TimeoutError:
            answers.append(["silence"])
    return answers


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("proto", ["udp", "tcp"])
def test_the_name_server_answers_over_both_protocols_and_families(network: "Network", address: str, proto: str) -> None:
    host = network.namespace()
    service = Service(host, RESOLVER)
    service.tell(told())
    assert host.call(questions, address, proto, ["server.test", "many.test"], 10) == [
        ["server.test A", 1, False],
        ["server.test AAAA", 1, False],
        ["many.test A", *([199, False] if proto == "tcp" else [0, True])],
        ["many.test AAAA", 0, False],
    ]
    assert service.end() == (0, "")


def test_the_name_server_holds_and_swaps_and_loses_answers(network: "Network") -> None:
    host = network.namespace()
    service = Service(host, RESOLVER)

    def asked(limit_s: float = 10) -> list[object]:
        return [what[0] for what in host.call(questions, "127.0.0.1", "udp", ["server.test"], limit_s)]

    service.tell(told())
    assert asked() == ["server.test A", "server.test AAAA"]
    service.tell(told(fault("lookup-late", family=4, seconds=0.2)))
    assert asked() == ["server.test AAAA", "server.test A"]
    service.tell(told(fault("lookup-swapped")))
    assert asked() == ["server.test AAAA", "server.test A"]
    service.tell(told(fault("lookup-swapped"), fault("lookup-lost", family=6)))
    assert asked(1) == ["server.test A", "silence"]  # let go, since the other one never comes
    service.tell(told(fault("lookup-lost")))
    assert asked(0.2) == ["silence"]
    assert service.end() == (0, "")


def test_the_name_server_listens_on_addresses_that_come_later(network: "Network") -> None:
    host = network.namespace()
    service = Service(host, RESOLVER)
    service.tell(told(listen=("127.0.0.1",)))
    with pytest.raises(subprocess.CalledProcessError, match="returned non-zero"):
        host.call(questions, "127.0.0.2", "tcp", ["server.test"], 10)
    service.tell(told(listen=("127.0.0.1", "127.0.0.2")))
    assert len(host.call(questions, "127.0.0.2", "tcp", ["server.test"], 10)) == 2
    assert service.end() == (0, "")


def garbage(resolver: str) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for packet in (b"", b"x", bytes(12), b"\xff" * 600):
            sock.sendto(packet, (resolver, 53))
    for packet in (b"", b"\0", b"\0\x05abcde", b"\xff\xff" + b"y" * 100):
        with socket.create_connection((resolver, 53)) as stream:
            stream.sendall(packet)


def test_the_name_server_outlives_what_is_no_question(network: "Network") -> None:
    host = network.namespace()
    service = Service(host, RESOLVER)
    service.tell(told())
    host.call(garbage, "127.0.0.1")
    assert len(host.call(questions, "127.0.0.1", "udp", ["server.test"], 10)) == 2
    assert service.end() == (0, "")


def round_trip(address: str, limit_s: float) -> object:
    import socket
    import time

    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
        sock.settimeout(limit_s)
        started = time.monotonic()
        try:
            sock.connect((address, 9))
        except ConnectionRefusedError:
            return time.monotonic() - started
        except TimeoutError:
            return "silence"
    return "connected"


def test_the_wire_joins_what_is_plugged_in_and_takes_its_time(network: "Network") -> None:
    a, b, base = (network.namespace() for _ in range(3))
    for number, host in enumerate((a, b), 1):
        addresses = ([f"192.0.2.{number}/24", f"2001:db8::{number}/64"], ())
        network.link(host, base, names=("eth0", f"w{number}"), addresses=addresses)
    service = Service(base, WIRE)
    for number, host in enumerate((a, b), 1):
        service.tell({"plug": f"w{number}", "host": host.name, "link": "lan"})
    for address in ("192.0.2.2", "2001:db8::2"):
        took = a.call(round_trip, address, 10)
        assert isinstance(took, float)
        assert took >= 0.02
    service.tell({"shapes": [[b.name, 6, 0.5, 0.0, 0.0], [b.name, 4, 0.0, 0.0, 1.0]]})
    assert a.call(round_trip, "192.0.2.2", 0.3) == "silence"
    took = a.call(round_trip, "2001:db8::2", 10)
    assert isinstance(took, float)
    assert took >= 0.52
    # An interface that has gone ends nothing.
    base.run(["ip", "link", "delete", "w1"])
    service.tell({"shapes": []})
    assert service.end() == (0, "")


def test_the_wire_says_so_where_an_interface_is_not_there(network: "Network") -> None:
    service = Service(network.namespace(), WIRE)
    assert service.process.stdin is not None
    service.process.stdin.write('{"plug": "w1", "host": "a", "link": "lan"}\n')
    service.process.stdin.flush()
    code, complained = service.end()
    assert code == 1
    assert "No such device" in complained
