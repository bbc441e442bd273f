"""Targets by name go through the connector: raced, from the ports of their link, judged, patient (B2, D4, D5, X2)."""

import asyncio
import errno
import os
import socket

import pytest

from dualstack.errors import DialError
from support.dialling import Servers
from support.gateway import run, running, service


def test_a_name_whose_ipv6_address_says_nothing_is_reached_over_ipv4() -> None:
    async def scenario() -> None:
        async with running(service("a", to="localhost:BEHIND")) as r:
            with Servers() as servers:
                servers.port = r.behind
                servers.silent("::1")
                for _ in range(3):
                    assert await r.ask("a") == b"you: hello\n"

    run(scenario)


def test_a_name_is_dialled_from_the_ports_of_its_link_and_only_while_they_are_up() -> None:
    async def scenario() -> None:
        links = "[ports.p4]\nbind = '127.0.0.9'\n[[links]]\nto = 'localhost'\nports = ['p4']\n"
        with socket.create_server(("127.0.0.1", 0)) as behind:
            async with running(service("a", to=f"localhost:{behind.getsockname()[1]}") + links) as r:
                _, writer = await asyncio.open_connection("127.0.0.1", r.port("a"))
                server, peer = await asyncio.to_thread(behind.accept)
                server.close()
                writer.close()
                assert peer[0] == "127.0.0.9"
                await r.gateway.stop_port("p4")
                with pytest.raises(ConnectionResetError):
                    await r.ask("a")
                why = str(r.events.of("unreached")[-1]["why"])
                assert "no port of link localhost can dial it (up: none, all are stopped)" in why

    run(scenario)


def test_every_address_of_a_name_is_judged() -> None:
    async def scenario() -> None:
        text = service("some", to="localhost:BEHIND", reach='["deny ::1", "allow any"]')
        text += service("none", to="localhost:BEHIND", reach='["allow public"]')
        async with running(text) as r:
            assert await r.ask("some") == b"you: hello\n"
            with pytest.raises(ConnectionResetError):
                await r.ask("none")
            why = str(r.events.of("unreached")[-1]["why"])
            assert "::1: no rule allows it; 127.0.0.1: no rule allows it" in why
            assert all(port.connections == 0 for port in r.gateway.ports.values())

    run(scenario)


def test_what_went_wrong_with_each_address_is_in_the_log() -> None:
    async def scenario() -> None:
        with Servers() as servers:
            servers.accept("127.0.0.9")
            async with running(service("a", to=f"localhost:{servers.port}")) as r:
                with pytest.raises(ConnectionResetError):
                    await r.ask("a")
                why = str(r.events.of("unreached")[-1]["why"])
                assert "::1: Connection refused; 127.0.0.1: Connection refused" in why

    run(scenario)


def test_a_target_that_says_nothing_is_given_up_in_time() -> None:
    async def scenario() -> None:
        with Servers() as servers:
            servers.silent("127.0.0.1", "::1")
            async with running(service("a", to=f"localhost:{servers.port}", connect_timeout="0.3")) as r:
                with pytest.raises(ConnectionResetError):
                    await r.ask("a")
                assert "no connection within" in str(r.events.of("unreached")[-1]["why"])

    run(scenario)


class Exhausted:
    """A dialler without descriptors, the first time."""

    def __init__(self, port: int) -> None:
        self.calls = 0
        self._port = port

    async def connect(
        self,
        _host: str,
        _port: int,
        *,
        timeout: float,  # noqa: ASYNC109
        on_step: object,  # noqa: ARG002
    ) -> socket.socket:
        self.calls += 1
        if self.calls == 1:
            raise DialError("x", attempts=(("::1", OSError(errno.EMFILE, os.strerror(errno.EMFILE))),))
        assert timeout <= 30
        sock = socket.create_connection(("127.0.0.1", self._port))
        sock.setblocking(False)
        return sock


def test_a_client_waits_for_descriptors_rather_than_paying_for_their_lack() -> None:
    async def scenario() -> None:
        async with running(service("a", to="localhost:BEHIND")) as r:
            running_service = r.gateway.services["a"]
            dialer = Exhausted(r.behind)
            upstream = running_service.upstream
            object.__setattr__(upstream, "dialer", dialer)
            assert await r.ask("a") == b"you: hello\n"
            assert dialer.calls == 2

    run(scenario)
