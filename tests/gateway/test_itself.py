"""A proxy never asks itself, and an address that changes its meaning is judged when it is dialled."""

import asyncio
from dataclasses import replace

import pytest

from dualstack.core.access.access_list import Decision, Verdict
from dualstack.core.address.address import Address
from dualstack.core.address.embedded import Nat64
from dualstack.gateway.forward import udp_association as association_module
from dualstack.wire.socks5 import client_greeting
from support.associate import associate
from support.gateway import SOON, Echo, Running, ended, run, running, until


def proxy(listen: str = "127.0.0.1:0", **more: str) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in more.items())
    forward = "forward = ['socks5', 'socks4a', 'http', 'http-connect']\n"
    return f"[[services]]\nname = 'p'\nlisten = '{listen}'\n{forward}" + lines


async def answer(r: Running, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", r.port("p"))
    try:
        writer.write(request)
        writer.write_eof()
        async with asyncio.timeout(SOON):
            return await reader.read()
    finally:
        writer.close()


def asked(host: str, port: int) -> dict[str, bytes]:
    """The same by each protocol."""
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    name, number = host.encode(), port.to_bytes(2, "big")
    return {
        "HTTP/1.1 403": f"CONNECT {authority} HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        "HTTP/1.1 403 ": f"GET http://{authority}/ HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        "\x00\x5b": b"\x04\x01" + number + b"\0\0\0\x01me\0" + name + b"\0",
        "\x05\x00\x05\x02": client_greeting() + b"\x05\x01\x00\x03" + bytes((len(name),)) + name + number,
    }


@pytest.mark.parametrize(
    ("listen", "host"),
    [
        *(("127.0.0.1:0", host) for host in ("127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1", "::ffff:7f00:1")),
        *(("*:0", host) for host in ("127.0.0.1", "localhost", "0.0.0.0", "::", "::1", "127.9.9.9")),
    ],
)
def test_a_proxy_asks_itself_by_no_protocol_however_it_is_called(listen: str, host: str) -> None:
    async def scenario() -> None:
        async with running(proxy(listen)) as r:
            for start, request in asked(host, r.port("p")).items():
                assert (await answer(r, request)).startswith(start.strip().encode("latin-1"))
            assert r.gateway.services["p"].counters.on("p").came == [4, 0], "it was its own client never"
            assert "a proxy of this gateway listens there" in str(r.events.of("refused")[-1]["why"])
            await ended(r, "p", 0)

    run(scenario)


def test_another_proxy_of_the_same_gateway_is_not_asked_either_and_its_other_services_are() -> None:
    text = proxy() + "[[services]]\nname = 'q'\nlisten = '127.0.0.1:0'\nforward = ['socks5']\n"
    text += "[[services]]\nname = 'relay'\nlisten = '127.0.0.1:0'\nto = '127.0.0.1:BEHIND'\n"

    async def scenario() -> None:
        async with running(text) as r:
            for name, start in (("q", b"HTTP/1.1 403"), ("relay", b"HTTP/1.1 200")):
                request = f"CONNECT 127.0.0.1:{r.port(name)} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                assert (await answer(r, request)).startswith(start)

    run(scenario)


def test_a_rule_that_names_its_very_address_lets_a_proxy_be_asked_through_itself() -> None:
    async def scenario() -> None:
        async with running(proxy(reach='["allow 127.0.0.1"]')) as r:
            request = f"CONNECT 127.0.0.1:{r.port('p')} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
            assert (await answer(r, request)).startswith(b"HTTP/1.1 200")

    run(scenario)


class Changing:
    """Rules that are for everything until they are changed."""

    def __init__(self) -> None:
        self.verdict = Verdict.ALLOW

    def check(self, _address: Address) -> Decision:
        return Decision(self.verdict, "deny 192.0.2.0/24")

    def check_through(self, address: Address, _nat64: Nat64) -> Decision:
        return self.check(address)


def test_a_conversation_by_datagrams_ends_when_its_address_is_let_pass_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(association_module, "_JUDGED_S", 0.0)
    rules = Changing()

    async def scenario() -> None:
        with Echo(4) as four:
            async with running(proxy()) as r:
                service = r.gateway.services["p"]
                dialer = service.upstream.dialer
                outlet = replace(dialer.outlet, access=rules)
                service.obey(replace(service.upstream, dialer=replace(dialer, outlet=outlet)))
                with await associate(r.port("p"), "127.0.0.1") as client:
                    assert (await client.ask_of(f"127.0.0.1:{four.port}"))[1] == b"you: hello"
                    rules.verdict = Verdict.DENY
                    client.send_to(f"127.0.0.1:{four.port}", b"again")
                    await until(lambda: bool(r.events.of("refused")))
                    assert len(four.heard) == 1

    run(scenario)
