"""Whom the gateway asks for the names of its targets: the key `resolver`."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from dualstack.errors import ConfigError
from dualstack.gateway.config.host_plan import gather_facts
from dualstack.gateway.config.toml import parse
from dualstack.lab.faults import Fault
from dualstack.lab.zone import Zone
from support.dialling import pool_rests
from support.gateway import run, running, service
from support.name_server import NameServer

ZONE = Zone({"www": ("127.0.0.1",)})


@pytest.fixture(autouse=True)
def at_rest() -> Iterator[None]:
    """What the pool does for nobody any more is over before the next test counts descriptors."""
    yield
    pool_rests()


def test_a_targets_name_is_asked_of_the_servers_that_stand_there() -> None:
    async def scenario() -> None:
        with NameServer(ZONE) as server:
            text = f'resolver = "{server.address}"\n' + service("a", to="www.test:BEHIND")
            async with running(text) as r:
                assert await r.ask("a") == b"you: hello\n"
                assert r.events.of("unresolved") == []

    run(scenario)


def test_a_reload_asks_others() -> None:
    async def scenario() -> None:
        with NameServer(Zone({})) as nothing, NameServer(ZONE) as server:
            text = service("a", to="www.test:BEHIND")
            async with running(f'resolver = ["{nothing.address}"]\n{text}') as r:
                with pytest.raises(ConnectionResetError):
                    await r.ask("a")
                await r.gateway.reload(parse(r.toml(f'resolver = "{server.address}"\n{text}'), "other.toml"))
                assert await r.ask("a") == b"you: hello\n"

    run(scenario)


def test_the_check_asks_them_too() -> None:
    async def scenario() -> None:
        with NameServer(ZONE) as server:
            config = parse(f'resolver = "{server.address}"\n' + service("a", to="www.test:1"), "file.toml")
            facts = await gather_facts(config)
            assert [str(address) for address in facts.names["www.test"]] == ["127.0.0.1"]

    run(scenario)


@pytest.mark.parametrize("text", ['""', '"sistem"', "[]", '["dns", "192.0.2.1"]', '"dns.example:53"'])
def test_a_resolver_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="resolver"):
        parse(f"resolver = {text}\n" + service("a", to="www.test:1"), "file.toml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ("system",)), ('resolver = "dns"', ("dns",)), ('resolver = ["::1", "[::1]:5353"]', ("::1", "[::1]:5353"))],
)
def test_what_may_stand_there(text: str, expected: tuple[str, ...]) -> None:
    assert parse(f"{text}\n" + service("a", to="www.test:1"), "file.toml").resolver == expected


@pytest.mark.parametrize(
    ("name", "faults", "expected"),
    [
        ("nowhere.test", (), b"HTTP/1.1 502 "),
        ("www.test", (Fault("lookup-servfail"),), b"HTTP/1.1 504 "),
        ("www.test", (Fault("lookup-nxdomain"),), b"HTTP/1.1 502 "),
    ],
)
def test_a_proxy_tells_no_such_name_from_no_answer(name: str, faults: tuple[Fault, ...], expected: bytes) -> None:
    async def scenario() -> None:
        with NameServer(replace(ZONE, faults=faults)) as server:
            text = f'resolver = "{server.address}"\n' + service("a").replace(
                "to = '127.0.0.1:BEHIND'", 'forward = ["http-connect"]\nreach = ["allow any"]'
            )
            async with running(text) as r:
                asked = f"CONNECT {name}:80 HTTP/1.1\r\nHost: x\r\n\r\n".encode()
                assert (await r.ask("a", text=asked)).startswith(expected)

    run(scenario)
