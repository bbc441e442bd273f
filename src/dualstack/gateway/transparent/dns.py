"""Names as clients ask for them: port 53, whatever address it is of, answered with what this host's own resolver says.

Both families of a name are asked outside, whatever a client asks for. A family that it lacks, where it has the other,
is a pool's address that stands in for it, so that a client of one family reaches every server. What is told is
remembered (`names`), for its addresses to lead to all others. Other records are passed on as they are asked for.

A name's addresses that are of a pool are not told: whoever has written them there means somebody else. Never sets AD:
what is answered is what the resolver said, not what was proved.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from socket import SocketType
from time import monotonic
from typing import TypeAlias

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import is_localhost
from dualstack.core.address.well_known import LOOPBACKS
from dualstack.core.dial.egress import IPV4ONLY_ARPA
from dualstack.errors import AddressError, LookupFailed
from dualstack.gateway.transparent.names import Names
from dualstack.net.names.gai_flags import NO_ADDRESS
from dualstack.wire import dns_answers as dns
from dualstack.wire.dns_answers import Question

__all__ = ["Ask", "DnsFront", "Found", "PassOn"]

_VERSIONS = {dns.A: 4, dns.AAAA: 6}
_TTL_S = 5
_FRESH_S = 1.0
_ASKED_MAX = 256
_STREAMS_MAX = 64
_STREAM_IDLE_S = 30.0
_LENGTH = struct.Struct("!H")  # RFC 1035 section 4.2.2
_STREAM_BYTES = 0xFFFF
_HTTPS, _SVCB = 65, 64


@dataclass(frozen=True, slots=True)
class Found:
    """What the resolver says of a name.

    Args:
        addresses: of both families.
        code: 0, or what is wrong.
    """

    addresses: tuple[Address, ...] = ()
    code: int = 0


Ask: TypeAlias = Callable[[str, int], Awaitable[tuple[Address, ...]]]
"""The addresses of a full name of one family; raises `LookupFailed`."""
PassOn: TypeAlias = Callable[[bytes], Awaitable[bytes | None]]
"""Somebody else's answer to a question; None where there is none."""
NameOf: TypeAlias = Callable[[Address], Awaitable[str | None]]
"""The name of an address; None where it has none."""


class DnsFront:
    """Who answers clients' questions.

    Args:
        names: what they are told is kept there.
        ask: who is asked for addresses.
        name_of: who is asked for names of addresses.
        pass_on: who is asked for all else.
        say: as of the gate.
    """

    def __init__(
        self, names: Names, *, ask: Ask, name_of: NameOf, pass_on: PassOn, say: Callable[[str, str], None]
    ) -> None:
        self._names = names
        self._ask = ask
        self._name_of = name_of
        self._pass_on = pass_on
        self._say = say
        self._asked: dict[str, tuple[asyncio.Task[Found], float]] = {}
        self._waiting = 0
        self._streams: set[asyncio.Task[None]] = set()

    async def answer(self, packet: bytes, *, limit_bytes: int | None = None) -> bytes | None:
        """The answer to a question over UDP, or with a limit of a stream's; None where it is none, or too many ask."""
        question = dns.read_question(packet)
        if question is None:
            return None
        if question.opcode or not question.is_internet:
            return dns.answer(question, code=dns.NOTIMP)
        if self._waiting >= _ASKED_MAX:
            self._say("dns", f"{_ASKED_MAX} questions are being asked: more are dropped until one is answered")
            return None
        self._waiting += 1
        try:
            return await self._answer(question, packet, limit_bytes)
        finally:
            self._waiting -= 1

    def serve(self, client: SocketType) -> None:
        """Answer the questions of a connection (RFC 7766), until it ends or is silent for half a minute."""
        if len(self._streams) >= _STREAMS_MAX:
            self._say("dns-streams", f"{_STREAMS_MAX} connections ask for names: no more until one ends")
            client.close()
            return
        client.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._serve(client))
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)

    def close(self) -> None:
        """Leave off."""
        for task in [*self._streams, *(task for task, _ in self._asked.values())]:
            task.cancel()

    async def _answer(self, question: Question, packet: bytes, limit_bytes: int | None) -> bytes | None:
        if question.kind in _VERSIONS:
            found = await self._look_up(question.name)
            records = self._records(question.name, found, _VERSIONS[question.kind])
            return dns.answer(question, records, code=found.code, ttl_s=_TTL_S, limit_bytes=limit_bytes)
        if question.kind in {_HTTPS, _SVCB}:
            # Their hints are addresses that go past the ones we tell (RFC 9460 section 7.3).
            return dns.answer(question)
        if question.kind == dns.PTR and (address := _reversed(question.name)) is not None:
            name = self._names.stands_for(address, monotonic()) or await self._name_of(address)
            return dns.answer(question, [name] if name else [], code=0 if name else dns.NXDOMAIN, ttl_s=_TTL_S)
        return await self._passed_on(question, packet, limit_bytes or question.limit_bytes)

    async def _passed_on(self, question: Question, packet: bytes, limit_bytes: int) -> bytes:
        passed = await self._pass_on(packet)
        if passed is None:
            return dns.answer(question, code=dns.SERVFAIL)
        return passed if len(passed) <= limit_bytes else dns.cut_short(question)

    def _records(self, name: str, found: Found, version: int) -> Sequence[Address]:
        own = [address for address in found.addresses if address.version == version]
        if own or not found.addresses or name == IPV4ONLY_ARPA:
            return own
        stand_in = self._names.stand_in(name, version, monotonic())
        if stand_in is None:
            self._say("pool", "no address of the pool is free: a name has none of its other family")
            return []
        return [stand_in]

    async def _look_up(self, name: str) -> Found:
        """Both families of a name, asked once for all who ask within a second."""
        now = monotonic()
        for old in [each for each, (task, at) in self._asked.items() if at + _FRESH_S < now and task.done()]:
            del self._asked[old]
        known = self._asked.get(name)
        if known is None:
            task = asyncio.get_running_loop().create_task(self._found(name))
            known = self._asked[name] = (task, now)
        return await asyncio.shield(known[0])

    async def _found(self, name: str) -> Found:
        if is_localhost(name):
            return Found(LOOPBACKS)
        answers = await asyncio.gather(self._ask(name, 4), self._ask(name, 6), return_exceptions=True)
        addresses = [address for answer in answers if isinstance(answer, tuple) for address in answer]
        told = tuple(address for address in dict.fromkeys(addresses) if not self._names.is_ours(address))
        if len(told) < len(set(addresses)):
            self._say("own", f"{name} has an address of the pool, which means nothing outside: not told")
        if told:
            self._names.learn(name, [address for address in told if not address.is_loopback])
            return Found(told)
        failures = [answer for answer in answers if isinstance(answer, BaseException)]
        for failure in failures:
            if not isinstance(failure, LookupFailed | OSError):
                raise failure
        return Found(code=_code(failures))

    async def _serve(self, client: SocketType) -> None:
        loop = asyncio.get_running_loop()
        sock = socket.socket(client.family, client.type, client.proto, client.detach())
        with sock:
            try:
                while True:
                    async with asyncio.timeout(_STREAM_IDLE_S):
                        (length,) = _LENGTH.unpack(await _exactly(sock, _LENGTH.size))
                        packet = await _exactly(sock, length)
                    answer = await self.answer(packet, limit_bytes=_STREAM_BYTES)
                    if answer is None:
                        return
                    await loop.sock_sendall(sock, _LENGTH.pack(len(answer)) + answer)
            except (OSError, TimeoutError, EOFError):
                return


async def _exactly(sock: socket.socket, size: int) -> bytes:
    loop, received = asyncio.get_running_loop(), b""
    while len(received) < size:
        more = await loop.sock_recv(sock, size - len(received))
        if not more:
            raise EOFError
        received += more
    return received


def _code(failures: Sequence[BaseException]) -> int:
    """That nobody says is not "there is no such name"."""
    numbers = {failure.errno for failure in failures if isinstance(failure, OSError)}
    if not numbers <= NO_ADDRESS:
        return dns.SERVFAIL
    return dns.NXDOMAIN if numbers else 0


def _reversed(name: str) -> Address | None:
    """The address in a name of in-addr.arpa (RFC 1035 section 3.5) or ip6.arpa (RFC 3596 section 2.5)."""
    labels = name.split(".")
    try:
        if labels[4:] == ["in-addr", "arpa"]:
            return Address(".".join(reversed(labels[:4])))  # dualstack: ignore[DS213] ip6.arpa is below
        if labels[32:] == ["ip6", "arpa"] and all(len(label) == 1 for label in labels[:32]):
            return Address(bytes.fromhex("".join(reversed(labels[:32]))))
    except (AddressError, ValueError):
        return None
    return None
