"""An address is judged at its lookup, and again when it is dialled."""

import asyncio
from functools import partial

import pytest

from dualstack import Dialer, DialError
from dualstack.core.access.access_list import Decision, Verdict
from dualstack.core.address.address import Address
from dualstack.core.address.embedded import Nat64
from dualstack.core.dial.egress import EgressPolicy
from support.dialling import Servers


class Revoked:
    """Rules that let an address pass once, at its lookup."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def check(self, address: Address) -> Decision:
        self.asked.append(str(address))
        is_first = self.asked.count(str(address)) == 1
        return Decision(Verdict.ALLOW, None) if is_first else Decision(Verdict.DENY, f"deny {address}")

    def check_through(self, address: Address, _nat64: Nat64) -> Decision:
        return self.check(address)


def test_an_address_that_is_let_pass_no_more_when_it_is_dialled_is_not_dialled() -> None:
    async def scenario() -> None:
        with Servers() as servers:
            servers.accept("127.0.0.9")
            dialer = Dialer(outlet=EgressPolicy(access=Revoked()), history=None)
            for connect in (dialer.connect, partial(asyncio.to_thread, lambda *a: dialer.create_connection(a))):
                dialer.outlet.access.asked.clear()  # type: ignore[union-attr]
                with pytest.raises(DialError, match=r"rule `deny 127\.0\.0\.9` denies it"):
                    await connect("127.0.0.9", servers.port)
            servers.listening["127.0.0.9"].setblocking(False)
            with pytest.raises(BlockingIOError):
                servers.listening["127.0.0.9"].accept()

    asyncio.run(scenario())
