"""Records what the system that it runs on does with sockets, as lines of JSON on standard output.

One file that needs Python 3.8 and nothing else, no rights and no network: sockets on this machine's own 127.0.0.1 and
::1 are bound, listened on, sent to and called out from, some 13,000 cases in 15 seconds at most, and all are closed.
Nothing is read of the machine but the names and versions of the system and of Python.

    python3 record.py > mine.jsonl          then, where dualstack is:  dualstack explain --compare mine.jsonl
    python3 record.py 5 > mine.jsonl        in five seconds, as many as that allows

Each line carries a sum over itself and all lines before it; the last says how many cases there are. A record that was
edited, or that ends without its last line, is not believed.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import platform
import random
import select
import socket
import struct
import sys
import time

FORMAT = 1
SECONDS = 15.0
FIRST_PORT, LAST_PORT = 20000, 30000
# Windows tries for two seconds where it is refused.
PATIENCE_S = 0.05 if sys.platform == "win32" else 0.3
RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # SO_LINGER: on, for no time

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
LOOPBACKS = {4: "127.0.0.1", 6: "::1"}
BOUND = {4: ("0.0.0.0", "127.0.0.1"), 6: ("::", "::1", "::ffff:0.0.0.0", "::ffff:127.0.0.1")}
CALLED = {4: ("127.0.0.1",), 6: ("::1", "::ffff:127.0.0.1")}
SYSTEMS = {"darwin": "macos", "sunos": "illumos"}
# uname -v of gVisor, of release 4.4.0 as of 4.19.0-gvisor.
GVISOR = "#1 SMP Sun Jan 10 15:06:54 PST 2016"


def system_name() -> str:
    """The word that dualstack has for this system."""
    name = platform.system().lower()
    if name == "linux" and platform.version() == GVISOR and has_gvisor_sockets():
        return "gvisor"
    if name == "sunos" and platform.version().startswith("11."):
        return "solaris"
    return SYSTEMS.get(name, name)


def has_gvisor_sockets() -> bool:
    """Whether they are its own: with the network of its host they are Linux's, which says EINVAL here."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(("::ffff:127.0.0.1", 0))
    except OSError as error:
        return error.errno == errno.EHOSTUNREACH
    return False


def name_of(error: OSError) -> str:
    """The name of an errno; those of Windows without their WSA."""
    name = errno.errorcode.get(error.errno or 0, str(error.errno))
    return name[3:] if name.startswith("WSA") else name  # noqa: FURB188 - Python 3.8


def is_there(family: int) -> bool:
    """Whether the loopback address of the family can be bound and is up."""
    try:
        with socket.socket(FAMILIES[family], socket.SOCK_DGRAM) as tried:
            tried.bind((LOOPBACKS[family], 0))
            tried.connect((LOOPBACKS[family], 9))
    except OSError:
        return False
    return True


def options() -> dict[str, int]:
    """What lets sockets share a port here, by the word that a case has for it."""
    found = {"reuseaddr": socket.SO_REUSEADDR}
    for word, name in (("reuseport", "SO_REUSEPORT"), ("exclusive", "SO_EXCLUSIVEADDRUSE")):
        if hasattr(socket, name):
            found[word] = getattr(socket, name)
    return found


OPTIONS = options()


def sockets(families: list[int]) -> list[dict[str, object]]:
    """Every socket that a case has, as the case writes it: an address, IPV6_V6ONLY, the options."""
    made = []
    for family in families:
        settings = (None, False, True) if family == 6 else (None,)
        for address, v6only in itertools.product(BOUND[family], settings):
            for on in itertools.product((False, True), repeat=len(OPTIONS)):
                sock: dict[str, object] = {"family": family, "address": address}
                if v6only is not None:
                    sock["v6only"] = v6only
                sock.update({word: True for word, is_on in zip(OPTIONS, on) if is_on})  # noqa: B905 - Python 3.8
                made.append(sock)
    return made


def orders(proto: str, count: int) -> list[list[list[object]]]:
    """The orders of calls: one by one; all binds, then the listens in order; or in reverse."""
    binds: list[list[object]] = [["bind", index] for index in range(count)]
    if proto == "udp":
        return [binds]
    listens: list[list[object]] = [["listen", index] for index in range(count)]
    mixed = [step for pair in zip(binds, listens) for step in pair]  # noqa: B905 - Python 3.8
    return [mixed, binds + listens, binds + listens[::-1]][: 1 if count == 1 else 3]


def cases(system: str, families: list[int]) -> list[dict[str, object]]:
    """All of them: single sockets, calls out, and every pair in an order that is the same each time."""
    local = [LOOPBACKS[family] for family in families]
    common: dict[str, object] = {"os": system, "local": local}
    if system == "linux" and 6 in families:
        with socket.socket(socket.AF_INET6) as asked:
            common["bindv6only"] = asked.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    every = sockets(families)
    to = [[address, address] for address in local]
    first: list[dict[str, object]] = []
    pairs: list[dict[str, object]] = []
    for proto in ("tcp", "udp"):
        for count, found in ((1, first), (2, pairs)):
            for steps, chosen in itertools.product(orders(proto, count), itertools.product(every, repeat=count)):
                found.append({**common, "proto": proto, "sockets": list(chosen), "steps": steps, "to": to})
        first += [{**common, "proto": proto, **call} for call in calls(proto, families)]
    random.Random(1).shuffle(pairs)  # noqa: S311 - the same each time is what is wanted
    return first + pairs


def calls(proto: str, families: list[int]) -> list[dict[str, object]]:
    """A plain socket, bound or not, that calls out once."""
    made = []
    ops = ("connect",) if proto == "tcp" else ("connect", "sendto")
    for sock in sockets(families):
        family = 6 if sock["family"] == 6 else 4
        if any(word in sock for word in OPTIONS):
            continue
        for op, to in itertools.product(ops, CALLED[family]):
            call = {"socket": 0, "op": op, "family": family, "to": to}
            ways = [[["bind", 0]], []] if sock["address"] == BOUND[family][0] else [[["bind", 0]]]
            made += [{"sockets": [sock], "steps": steps, "calls": [call]} for steps in ways]
    return made


class Sinks:
    """Where calls out arrive, one of each family and protocol, on one port number."""

    def __init__(self, families: list[int], port: int) -> None:
        self.port = port
        self.made = {}
        for family, proto in itertools.product(families, KINDS):
            made = socket.socket(FAMILIES[family], KINDS[proto])
            self.made[family, proto] = made
            if family == 6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind((LOOPBACKS[family], port))
            made.setblocking(False)
            if proto == "tcp":
                made.listen(8)

    def close(self) -> None:
        """Close them all."""
        for made in self.made.values():
            made.close()

    def arrived(self, proto: str, wait_s: float) -> int | None:
        """The version of IP of what has come; None where nothing has."""
        mine = {made: family for (family, its), made in self.made.items() if its == proto}
        ready = select.select(list(mine), [], [], wait_s)[0]
        for made in ready:
            try:
                if proto == "udp":
                    made.recvfrom(16)
                else:
                    made.accept()[0].close()
            except OSError:
                continue
            return mine[made]
        return None


def measure(case: dict[str, object], port: int, sinks: Sinks) -> dict[str, object]:
    """Make the case on `port`: what its options, steps, destinations and calls came to."""
    proto, asked = str(case["proto"]), case["sockets"]
    made: list[socket.socket] = []
    try:
        said: list[str | None] = []
        for sock in asked if isinstance(asked, list) else []:
            made.append(socket.socket(FAMILIES[sock["family"]], KINDS[proto]))
            made[-1].setblocking(False)
            said.append(configure(made[-1], sock))
        measured: dict[str, object] = {} if said == [None] * len(said) else {"options": said}
        steps, receiving = take_steps(case, made, port)
        measured["steps"] = steps
        to = case.get("to")
        if isinstance(to, list):
            probe = probe_tcp if proto == "tcp" else probe_udp
            measured["to"] = {address: probe(receiving, address, port) for address, _ in to}
        called = case.get("calls")
        if isinstance(called, list):
            measured["calls"] = [call_out(proto, made[call["socket"]], call, sinks) for call in called]
        return measured
    finally:
        for each in made:
            each.close()


def configure(made: socket.socket, sock: dict[str, object]) -> str | None:
    """Set the options; the first that is refused, with its errno."""
    try:
        word = "v6only"
        if "v6only" in sock:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bool(sock["v6only"])))
        for word, number in OPTIONS.items():
            if word in sock:
                made.setsockopt(socket.SOL_SOCKET, number, 1)
    except OSError as error:
        return f"{word}:{name_of(error)}"
    return None


def take_steps(
    case: dict[str, object], made: list[socket.socket], port: int
) -> tuple[list[str | None], dict[int, socket.socket]]:
    """The errno of each step, and the sockets that receive after them."""
    proto, asked, steps = case["proto"], case["sockets"], case["steps"]
    said: list[str | None] = []
    failed: set[int] = set()
    receiving: dict[int, socket.socket] = {}
    for call, index in steps if isinstance(steps, list) else []:
        if index in failed:
            said.append("skipped")
            continue
        try:
            if call == "listen":
                made[index].listen(8)
            else:
                made[index].bind((asked[index]["address"] if isinstance(asked, list) else "", port))
        except OSError as error:
            said.append(name_of(error))
            if call == "bind":
                failed.add(index)
            continue
        said.append(None)
        if proto == "udp" or call == "listen":
            receiving[index] = made[index]
    return said, receiving


def probe_tcp(receiving: dict[int, socket.socket], to: str, port: int) -> object:
    """Who accepts a connection to `to`; the errno of the client where nobody does."""
    with socket.socket(FAMILIES[6 if ":" in to else 4], socket.SOCK_STREAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.setblocking(False)
        try:
            client.bind((to, 0))
            client.connect((to, port))
        except BlockingIOError:
            _, done, wrong = select.select([], [client], [client], PATIENCE_S)
            code = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code or not done or wrong:
                return name_of(OSError(code, "")) if code else "nobody"
        except OSError as error:
            return name_of(error)
        for index, sock in ready(receiving):
            try:
                connection, peer = sock.accept()
            except OSError:
                continue
            with connection:
                local = connection.getsockname()[0]
                client.close()
            return [{"socket": index, "peer": peer[0], "local": local}]
    return "nobody"


def probe_udp(receiving: dict[int, socket.socket], to: str, port: int) -> object:
    """Who receives a datagram to `to`; what came back for it where nobody does."""
    with socket.socket(FAMILIES[6 if ":" in to else 4], socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        try:
            client.bind((to, 0))
            client.connect((to, port))
            client.send(b".")
            code = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError as error:
            return name_of(error)
        for index, sock in () if code else ready(receiving, client):
            try:
                peer = sock.recvfrom(16)[1]
            except OSError:
                continue
            return [{"socket": index, "peer": peer[0], "local": None}]
        code = code or client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return name_of(OSError(code, "")) if code else "nobody"


def ready(receiving: dict[int, socket.socket], client: socket.socket | None = None) -> list[tuple[int, socket.socket]]:
    """The sockets that have something to take, as soon as one has or the client has failed."""
    watched = list(receiving.values()) + ([client] if client is not None else [])
    if not watched:
        return []
    found = select.select(watched, [], [], PATIENCE_S)[0]
    return [(index, sock) for index, sock in receiving.items() if sock in found]


def call_out(proto: str, made: socket.socket, call: dict[str, object], sinks: Sinks) -> dict[str, object]:
    """One connect or sendto: its errno, and the version of IP that arrived."""
    while sinks.arrived(proto, 0) is not None:
        pass
    name = (str(call["to"]), sinks.port)
    made.settimeout(PATIENCE_S)
    try:
        if call["op"] == "sendto":
            made.sendto(b".", name)
        else:
            if proto == "tcp":
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            made.connect(name)
            if proto == "udp":
                made.send(b".")
    except OSError as error:
        return {"errno": "ETIMEDOUT" if isinstance(error, socket.timeout) else name_of(error), "wire": None}
    return {"errno": None, "wire": sinks.arrived(proto, PATIENCE_S)}


def is_free(port: int, proto: str, families: list[int]) -> bool:
    """Whether no other program is on `port`."""
    for family in families:
        with socket.socket(FAMILIES[family], KINDS[proto]) as tried:
            try:
                if family == 6:
                    tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                tried.bind((BOUND[family][0], port))
            except OSError:
                return False
    return True


class Lines:
    """Writes the record: each line with the sum over itself and what came before."""

    def __init__(self) -> None:
        self.sum = ""

    def write(self, document: dict[str, object]) -> None:
        """One line."""
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        self.sum = hashlib.sha256((self.sum + text).encode()).hexdigest()[:16]
        sys.stdout.write(json.dumps({**document, "sum": self.sum}, sort_keys=True, separators=(",", ":")) + "\n")


def main(arguments: list[str]) -> int:
    """Record for as many seconds as the first argument says, with what was done in words on standard error."""
    families = [family for family in FAMILIES if is_there(family)]
    if 4 not in families:
        sys.stderr.write("127.0.0.1 is not up here: nothing can be measured\n")
        return 1
    begun, lines, system = time.monotonic(), Lines(), system_name()
    limit_s = float(arguments[0]) if arguments else SECONDS
    ports = itertools.cycle(range(FIRST_PORT, LAST_PORT))
    release = f"{platform.system()} {platform.release()} {platform.version()} {platform.machine()}"
    lines.write({"record": FORMAT, "system": system, "release": release, "python": platform.python_version()})
    sinks = Sinks(families, next(port for port in ports if all(is_free(port, proto, families) for proto in KINDS)))
    done = 0
    asked = cases(system, families)
    try:
        for case in asked:
            if time.monotonic() - begun > limit_s:
                break
            port = next(port for port in ports if is_free(port, str(case["proto"]), families))
            lines.write({**case, "measured": measure(case, port, sinks)})
            done += 1
    finally:
        sinks.close()
    lines.write({"end": done})
    sys.stderr.write(f"{done} of {len(asked)} cases on {system} in {time.monotonic() - begun:.1f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
