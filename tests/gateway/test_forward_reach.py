"""Every address of the vectors that is not public, asked for by name and by address: none is dialled (N7)."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dualstack.core.address.address import Address
from dualstack.core.dial.steps import DialStep, Kind
from dualstack.errors import AddressError
from dualstack.net.dial.policy import OnStep
from support.gateway import SOON, Running, ended, run, running

VECTORS = json.loads((Path(__file__).parent.parent / "data" / "addresses.json").read_text())
DENIED = [vector["input"] for vector in VECTORS if vector.get("public_only") == "deny"]
PORT = (9).to_bytes(2, "big")
# Those that the vectors were made for; a rule sees through no other.
NAT64 = (
    *("2001:db8::/32", "2001:db8:100::/40", "2001:db8:122::/48", "2001:db8:122:300::/56", "2001:db8:122:344::/64"),
    *("2001:db8:122:344::/96", "2a00:1450:64::/96"),
)
SERVICE = "[[services]]\nname = 'p'\nlisten = 'localhost:0'\nforward = ['socks5']\naccess = ['allow any']\n"
SERVICE += f"nat64 = {json.dumps(NAT64)}\n"


def requests(text: str) -> Iterator[bytes]:
    """SOCKS5 requests for a text: as a name, and as an address where it is one."""
    name = text.encode()
    if len(name) < 256:
        yield b"\5\1\0\3" + bytes((len(name),)) + name + PORT
    with suppress(AddressError):
        address = Address(text)
        if address.scope is not None:
            return  # the protocol has no room for a zone, and without it this is another address
        yield b"\5\1\0" + (b"\1" if address.version == 4 else b"\4") + address.packed + PORT


async def reply(r: Running, request: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", r.port("p"))
    try:
        writer.write(b"\5\1\0" + request)
        async with asyncio.timeout(SOON):
            return (await reader.readexactly(4))[3]
    finally:
        writer.close()


class Watched:
    """A dialler that keeps the steps of all its connections."""

    def __init__(self, dialer: object) -> None:
        self._dialer = dialer
        self.steps: list[DialStep] = []

    async def connect(self, host: str, port: int, *, timeout: float, on_step: OnStep) -> object:  # noqa: ASYNC109
        def note(step: DialStep) -> None:
            self.steps.append(step)
            on_step(step)

        return await self._dialer.connect(host, port, timeout=timeout, on_step=note)  # type: ignore[attr-defined]


def test_no_address_that_is_not_public_is_dialled_however_it_is_written() -> None:
    async def scenario() -> None:
        async with running(SERVICE) as r:
            upstream = r.gateway.services["p"].upstream
            watched = Watched(upstream.dialer)
            object.__setattr__(upstream, "dialer", watched)
            asked = [request for text in DENIED for request in requests(text)]
            for request in asked:
                assert await reply(r, request) in {1, 2}, request
            assert [step for step in watched.steps if step.kind is Kind.ATTEMPT] == []
            assert [step for step in watched.steps if step.kind is Kind.FILTERED]
            await ended(r, "p", 0)
            # The log says the like of it a few times; the counters counts each.
            counters = r.gateway.services["p"].counters
            assert sum(refused.count for refused in counters.rules.by_rule.values()) + counters.unreached == len(asked)

    run(scenario)
