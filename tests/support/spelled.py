"""A proxy on its own host that is asked for every spelling of what it denies; says what the kernel saw of it.

Clients talk to it over socket pairs and names are answered here, so a connection that the kernel counts is one that
the proxy began. Prints how many requests there were, the answers that granted one, and how many connections were begun
by them and by a request for a public address after them.

Its argument, as JSON: [[DENIED ADDRESSES], PUBLIC IPV4, PUBLIC IPV6].
"""

import asyncio
import json
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.prefix import Prefix
from dualstack.core.planning.targets import ForwardTarget, ProxyProtocol
from dualstack.errors import DualstackError
from dualstack.gateway.forward.negotiate import Negotiated, Rejected, arrange
from dualstack.gateway.forward.udp_destination import hops_to
from dualstack.gateway.upstream.connect import reach
from support.gateway import Running, running
from support.spellings import carriers, texts

PORT = 7099
NAMED = ("2a00:64::/32", "2a00:6440::/40", "2a00:6448:1::/48", "2a00:6456:1:100::/56", "2a00:6464:1:1::/64")
NAMED += ("2a00:6496::/96",)
FOUND = "2a00:6400:1::/96"
AT_ONCE = 64
CLIENTS = count()


def dialled() -> int:
    """How many connections this host has begun."""
    head, counts = (line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line[:4] == "Tcp:")
    return int(counts[head.index("ActiveOpens")])


class Names:
    """Answers `aHEX.test` with that address, and tells of the translator that was not named."""

    def getaddrinfo(self, host: bytes, _port: object, family: int, *_hints: int) -> list[object]:
        name = host.decode().lower().rstrip(".")
        if name == "ipv4only.arpa":
            addresses = [Address.from_int(Prefix.parse(FOUND).first | 0xC00000AA, 6)]
        elif name.endswith(".test"):
            addresses = [Address(bytes.fromhex(name[1:].partition(".")[0]))]
        else:
            addresses = []
        wanted = 6 if family == socket.AF_INET6 else 4
        found = [each for each in addresses if each.version == wanted]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        end = (0,) if wanted == 4 else (0, 0, 0)
        return [(family, socket.SOCK_STREAM, 6, "", (str(each), *end)) for each in found]

    def getnameinfo(self, *_arguments: object) -> tuple[str, str]:
        raise NotImplementedError


def hosts(
    targets: list[Address], public: Address, prefixes: list[Prefix], *, only_behind: bool
) -> Iterator[tuple[str, Address | None]]:
    """Every text for the targets, or for those behind the translators alone; the address where it is plainly one."""
    for target in targets:
        inside = carriers(target, public, prefixes) if target.version == 4 else ()
        every = [target, *inside]
        for address in [each for each in every if each in prefixes[0]] if only_behind else every:
            yield str(address), address
            for text in texts(address):
                yield text, None
            for name in (f"a{address.packed.hex()}.test", f"A{address.packed.hex().upper()}.Test."):
                yield name, None


def requests(host: str, address: Address | None) -> Iterator[bytes]:
    """The ways to ask for it: HTTP twice, SOCKS4a, SOCKS5 by name and by address."""
    name = host.encode()[:255]
    port = PORT.to_bytes(2, "big")
    authority = f"[{host}]" if ":" in host else host
    yield f"CONNECT {authority}:{PORT} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    yield f"GET http://{authority}:{PORT}/ HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    yield b"\x04\x01" + port + b"\0\0\0\x01me\0" + name + b"\0"
    yield b"\x05\x01\x00\x05\x01\x00\x03" + bytes((len(name),)) + name + port
    if address is not None:
        kind = b"\x01" if address.version == 4 else b"\x04"
        yield b"\x05\x01\x00\x05\x01\x00" + kind + address.packed + port
        if address.version == 4:
            yield b"\x04\x01" + port + address.packed + b"me\0"


TARGET = ForwardTarget((ProxyProtocol.SOCKS5, ProxyProtocol.SOCKS4A, ProxyProtocol.HTTP_CONNECT, ProxyProtocol.HTTP))


async def asked(r: Running, request: bytes) -> str:
    """What became of a request: the kind of answer, or `granted`."""
    service = r.gateway.services["p"]
    plane = r.gateway._plane
    # Each is another client's: one alone has its share of the lookups.
    number = next(CLIENTS)
    peer = (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 4000)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.sendall(request)
        theirs.shutdown(socket.SHUT_WR)

        async def dial(target: Endpoint) -> socket.socket:
            return await reach(ours, target, service.upstream, plane, service.counters, peer=peer)

        # The client's last words are read at once, so nobody waits for it to leave.
        theirs.setblocking(False)
        asking = asyncio.ensure_future(arrange(ours, TARGET, dial, within_s=20))
        asyncio.get_running_loop().add_reader(theirs, _leave, theirs)
        try:
            arranged = await asking
        except Rejected as turned:
            return "refused" if turned.is_refusal else "unreached"
        finally:
            asyncio.get_running_loop().remove_reader(theirs)
        assert isinstance(arranged, Negotiated)
        arranged.server.close()
        return "granted"


def _leave(theirs: socket.socket) -> None:
    with suppress(OSError):
        while theirs.recv(4096):
            pass


async def may_be_sent_to(r: Running, address: Address) -> bool:
    """Whether an association would send datagrams there."""
    try:
        return bool(await hops_to(Endpoint(address.canonical, PORT), r.gateway.services["p"].upstream))
    except (DualstackError, OSError):
        return False


async def tried(r: Running, every: list[bytes]) -> tuple[Counter[str], list[str]]:
    """The kinds of answers, and the requests that were granted, in hexadecimal digits."""
    answers: Counter[str] = Counter()
    granted: list[str] = []
    todo = iter(every)

    async def ask_on() -> None:
        for request in todo:
            answer = await asked(r, request)
            answers[answer] += 1
            if answer == "granted":
                granted.append(request.hex())

    await asyncio.gather(*(ask_on() for _ in range(AT_ONCE)))
    return answers, granted


async def main(targets: list[str], public4: str, public6: str, nth: int) -> None:
    """Ask a proxy that was told of its translators, and one that has to find its own."""
    for named in (NAMED, ()):
        text = "[[services]]\nname = 'p'\nlisten = '127.0.0.1:0'\nforward = ['socks5']\nconnect_timeout = 2\n"
        text += f"access = ['allow any']\nnat64 = {json.dumps(named)}\n"
        prefixes = [Prefix.parse(text) for text in named or (FOUND,)]
        found = list(hosts(list(map(Address, targets)), Address(public6), prefixes, only_behind=not named))
        every = [request for host, address in found for request in requests(host, address)][::nth]
        async with running(text) as r:
            service = r.gateway.services["p"]
            upstream = service.upstream
            service.obey(replace(upstream, dialer=replace(upstream.dialer, resolver=Names())))
            before = dialled()
            answers, granted = await tried(r, every)
            begun = dialled() - before
            for public in (public4, public6):
                for request in requests(public, Address(public)):
                    await asked(r, request)
            seen = dialled() - before - begun
            sendable = [str(address) for _, address in found if address and await may_be_sent_to(r, address)]
            assert await may_be_sent_to(r, Address(public4)), "so that it can fail"
        told = {
            "asked": len(every),
            "answers": answers,
            "granted": granted[:9],
            "begun": begun,
            "seen": seen,
            "sendable": sendable,
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def run() -> None:
    """The program."""
    asyncio.run(main(*json.loads(sys.argv[1])))
