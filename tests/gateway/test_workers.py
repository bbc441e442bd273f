"""Several workers as one gateway: who dies is replaced, what listens goes on listening, and counts are one count."""

import asyncio
import os
import signal
import socket
from pathlib import Path
from types import NoneType

import pytest

from dualstack.errors import ConfigError, ListenError
from dualstack.gateway.processes.messages import Take
from dualstack.gateway.status.aggregate import read_snapshot
from support.free_port import free_port
from support.gateway import Echo, UdpClient, run, service, udp_service
from support.load import connections_of, is_alive
from support.supervised import SOON, everybody_is_back, is_stopped, supervised, until


def test_both_workers_serve_both_families_and_their_connections_are_one_count() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "localhost:0")) as r:
            assert await r.ask(host="::1") == await r.ask() == b"you: hello\n"
            held = await r.hold(24)
            shares = [connections_of(pid, r.port()) for pid in r.gateway.pids]
            assert sum(shares) == 24
            assert all(shares), "the kernel gives each its part"
            assert (await r.ports())["a"]["connections"] == 24
            told = await r.gateway.snapshots()
            assert [each.ports[0].connections for each in map(read_snapshot, told)] == shares
            for _, writer in held:
                writer.close()

    run(scenario)


def test_a_port_is_stopped_started_and_released_in_every_worker() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0") + service("b")) as r:
            held = await r.hold(4)
            number = r.port()
            for release in (False, True):
                await r.gateway.stop_port("A", release=release)
                await r.gateway.stop_port("A", release=release)
                assert (await r.ports())["a"]["state"] == "stopped"
                for _ in range(8):
                    with pytest.raises(ConnectionRefusedError):
                        await r.ask()
                assert await r.ask("b") == b"you: hello\n"
                if release:
                    socket.create_server(("127.0.0.1", number)).close()
                await r.gateway.start_port("a")
                await r.gateway.start_port("a")
                assert [await r.ask() for _ in range(8)] == [b"you: hello\n"] * 8
            assert r.port() == number
            for reader, writer in held:
                writer.write(b"y\n")
                assert await reader.readline() == b"you: y\n"
            assert await r.gateway.stop_port("a", drain_s=0) == 4
            with pytest.raises(ConfigError, match="no port 'c'; there are: a, b"):
                await r.gateway.stop_port("c")

    run(scenario)


def test_a_released_port_that_is_taken_fails_and_starts_later() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0")) as r:
            await r.gateway.stop_port("a", release=True)
            with socket.create_server(("127.0.0.1", r.port())):
                with pytest.raises(ListenError, match=r"address in use by 127\.0\.0\.1"):
                    await r.gateway.start_port("a")
                port = (await r.ports())["a"]
                assert port["state"] == "failed"
                assert "address in use" in str(port["error"])
            await r.gateway.start_port("a")
            assert await r.ask() == b"you: hello\n"

    run(scenario)


def test_a_reload_changes_what_changed_in_every_worker() -> None:
    async def scenario() -> None:
        number = free_port()
        async with supervised(service("a", "127.0.0.1:0") + service("b", f"127.0.0.1:{number}")) as r:
            held = await r.hold(6)
            kept = r.port()
            await r.gateway.stop_port("a")
            wider = service("a", "127.0.0.1:0") + service("c", f"*:{number}")
            await r.gateway.reload(r.parse(wider, workers=3))
            assert r.events.of("restart needed")[0]["keys"] == "workers"
            assert set(await r.ports()) == {"a", "c"}
            assert [await r.ask("c", "::1") for _ in range(8)] == [b"you: hello\n"] * 8
            assert (await r.ports())["a"]["state"] == "stopped"
            await r.gateway.start_port("a")
            assert r.port() == kept
            for reader, writer in held:
                writer.write(b"y\n")
                assert await reader.readline() == b"you: y\n"
            with pytest.raises(ListenError, match=r"192\.0\.2\.1"):
                await r.gateway.reload(r.parse(service("a", "192.0.2.1:1")))
            assert await r.ask() == b"you: hello\n"

    run(scenario)


def test_a_worker_that_is_killed_is_replaced_and_who_waited_for_it_is_served() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0")) as r:
            before = r.gateway.pids
            os.kill(before[0], signal.SIGSTOP)
            # About half of them go to the one that does not accept.
            asked = [asyncio.create_task(r.ask()) for _ in range(24)]
            await until(lambda: any(task.done() for task in asked))
            os.kill(before[0], signal.SIGKILL)
            assert await asyncio.gather(*asked) == [b"you: hello\n"] * 24
            await until(everybody_is_back(r, before))
            assert r.events.of("worker ended")[0]["how"] == "signal 9"
            assert r.gateway.pids[1] == before[1]

    run(scenario)


def test_a_successor_knows_which_ports_are_stopped_and_can_start_them() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            udp = udp_service("u", echo, listen="127.0.0.1:0")
            async with supervised(service("a", "127.0.0.1:0") + service("r", "127.0.0.1:0") + udp) as r:
                for name, release in (("a", False), ("r", True), ("u", False)):
                    await r.gateway.stop_port(name, release=release)
                before = r.gateway.pids
                for pid in before:
                    os.kill(pid, signal.SIGKILL)
                await until(everybody_is_back(r, before))
                await until(lambda: len(r.events.of("worker started")) == 2)
                for name in ("a", "r"):
                    with pytest.raises(ConnectionRefusedError):
                        await r.ask(name)
                for name in ("a", "r", "u"):
                    await r.gateway.start_port(name)
                assert [await r.ask(name) for name in ("a", "r") * 6] == [b"you: hello\n"] * 12
                for _ in range(6):
                    with UdpClient(r.port("u")) as client:
                        assert await client.ask() == b"you: hello"

    run(scenario)


def test_a_flow_of_datagrams_stays_with_one_worker() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with supervised(udp_service("u", echo)) as r:
                clients = [UdpClient(r.port("u")) for _ in range(12)]
                for _ in range(3):
                    for client in clients:
                        assert await client.ask() == b"you: hello"
                assert len({peer for _, peer in echo.heard}) == 12
                assert (await r.ports())["u"]["connections"] == 12
                for client in clients:
                    client.sock.close()

    run(scenario)


def test_limits_are_divided_and_together_hold() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0", max_connections="3")) as r:
            held = [await asyncio.open_connection("127.0.0.1", r.port()) for _ in range(24)]
            for _, writer in held:
                writer.write(b"x\n")
            answers = await asyncio.gather(*(reader.readline() for reader, _ in held), return_exceptions=True)
            assert answers.count(b"you: x\n") == 4, "two workers, two each"
            for _, writer in held:
                writer.close()

    run(scenario)


def test_a_gateway_of_workers_drains() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0", drain="20")) as r:
            held = await r.hold(6)
            draining = asyncio.create_task(r.gateway.drain())

            async def refused() -> bool:
                try:
                    await r.ask()
                except ConnectionRefusedError:
                    return True
                except ConnectionResetError:
                    pass
                return False

            async with asyncio.timeout(SOON):
                while not await refused():
                    pass
            for reader, writer in held:
                writer.write(b"y\n")
                assert await reader.readline() == b"you: y\n"
                writer.close()
            assert await asyncio.wait_for(draining, SOON) == 0

    run(scenario)


def test_the_process_that_workers_come_from_is_replaced_too() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0")) as r:
            before = r.gateway.pids
            (fork_server,) = {parent_of(pid) for pid in before}
            os.kill(fork_server, signal.SIGKILL)
            assert await r.ask() == b"you: hello\n"
            os.kill(before[0], signal.SIGKILL)
            await until(everybody_is_back(r, before))
            assert [await r.ask() for _ in range(8)] == [b"you: hello\n"] * 8

    run(scenario)


def test_a_worker_that_cannot_do_what_it_is_told_says_so_and_is_replaced() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0")) as r:
            before = r.gateway.pids
            worker = r.gateway._workers[0]
            with pytest.raises(ConfigError, match="UnpicklingError"):
                await worker.ask(Take(b"what?", [], 0, "text", quiet=False), NoneType)
            worker.kill()
            await until(everybody_is_back(r, before))
            assert [await r.ask() for _ in range(8)] == [b"you: hello\n"] * 8

    run(scenario)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_an_access_log_that_cannot_be_opened_again_ends_no_worker(tmp_path: Path) -> None:
    async def scenario() -> None:
        directory = tmp_path / "log"
        directory.mkdir()
        async with supervised(f"access_log = '{directory / 'access'}'\n" + service("a", "localhost:0")) as r:
            before = r.gateway.pids
            directory.rename(tmp_path / "elsewhere")
            await r.gateway.reload(r.gateway.config)
            assert r.gateway.pids == before
            assert await r.ask() == b"you: hello\n"
            await until(lambda: "service=a" in (tmp_path / "elsewhere" / "access").read_text())
            assert r.gateway.pids == before

    run(scenario)


def test_every_workers_data_plane_is_asked_whether_it_lives() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0")) as r:
            await asyncio.wait_for(r.gateway.beat(), SOON)
            victim = r.gateway.pids[0]
            os.kill(victim, signal.SIGSTOP)
            await until(lambda: is_stopped(victim))
            beating = asyncio.create_task(r.gateway.beat())
            done, _ = await asyncio.wait([beating], timeout=0.2)
            assert not done
            os.kill(victim, signal.SIGKILL)
            await asyncio.wait_for(beating, SOON)

    run(scenario)


def test_a_gateway_that_cannot_open_starts_no_worker_and_leaves_nothing() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as foreign:
            taken = foreign.getsockname()[1]
            with pytest.raises(ListenError, match="address in use"):
                async with supervised(service("a", f"127.0.0.1:{free_port()}") + service("b", f"127.0.0.1:{taken}")):
                    pass

    run(scenario)


def test_a_user_that_is_not_there_ends_the_start() -> None:
    async def scenario() -> None:
        with pytest.raises(ConfigError, match="there is no user 'no-such-user'"):
            async with supervised("user = 'no-such-user'\n" + service("a", "127.0.0.1:0")):
                pass

    run(scenario)


def test_a_worker_that_does_not_end_when_told_is_ended() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0")) as r:
            pids = r.gateway.pids
            os.kill(pids[0], signal.SIGSTOP)
        assert not any(map(is_alive, pids))

    run(scenario)


def test_another_instance_is_noticed_although_our_own_sockets_share() -> None:
    async def scenario() -> None:
        async with supervised(service("a", "127.0.0.1:0")) as r:
            with pytest.raises(ListenError, match="address in use"):
                async with supervised(service("a", f"127.0.0.1:{r.port()}")):
                    pass

    run(scenario)
