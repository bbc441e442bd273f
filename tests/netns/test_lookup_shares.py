"""Names that nobody answers for, and what they cost others: nothing (a host with the C library's resolver)."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import MakeNamespace
    from dualstack.lab.host import Host


@pytest.fixture
def host(namespace: "MakeNamespace") -> "Host":
    return namespace(resolv_conf="nameserver 127.0.0.1\n")


def crowd(resolver: str, clients: int, each: int) -> dict[str, list[str]]:  # noqa: C901 - its source goes there
    """What came first, with `clients` that ask a proxy for silent names: theirs, or a good name for others."""
    import asyncio
    import socket
    import threading

    from dualstack.gateway.config.toml import parse
    from dualstack.gateway.counters.log import Log
    from dualstack.gateway.processes.gateway import Gateway
    from dualstack.gateway.relay.stream.choose import data_plane
    from dualstack.lab.zone import Zone

    zone = Zone({"good": ("127.0.0.1",), "fine": ("127.0.0.1",)})
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind(("127.0.0.1", 53))

    def serve() -> None:
        while True:
            packet, client = names.recvfrom(4096)
            if b"dead" not in packet:
                reply = zone.answer(packet, client[0])
                assert reply is not None
                names.sendto(reply.packet, client)

    threading.Thread(target=serve, daemon=True).start()

    class Quiet(Log):
        def __init__(self) -> None:
            self.access = None

        def info(self, event: str, **facts: object) -> None:
            pass

        warning = error = info

    async def main() -> dict[str, list[str]]:
        async def hello(_reader: object, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello\n")
            writer.close()

        behind = await asyncio.start_server(hello, "127.0.0.1", 0)
        port = behind.sockets[0].getsockname()[1]
        text = f"""
            resolver = "{resolver}"
            [[services]]
            name = "proxy"
            listen = "127.0.0.1:8080"
            forward = ["http-connect"]
            reach = ["allow any"]
            [[services]]
            name = "relay"
            listen = "127.0.0.1:8081"
            to = "fine.test:{port}"
        """
        gateway = Gateway(parse(text, "test.toml"), data_plane(asyncio.get_running_loop()), Quiet())
        await gateway.open()
        order: list[str] = []

        async def connect(name: str, source: str) -> tuple[str, object]:
            reader, writer = await asyncio.open_connection("127.0.0.1", 8080, local_addr=(source, 0))
            writer.write(f"CONNECT {name}:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            answer = (await reader.readline()).split()
            order.append(name)
            return answer[1].decode() if len(answer) > 1 else "closed", writer

        async def relayed() -> str:
            reader, _ = await asyncio.open_connection("127.0.0.1", 8081)
            line = (await reader.readline()).decode().strip()
            order.append("relayed")
            return line

        dead = [
            asyncio.ensure_future(connect(f"dead-{client}-{number}.test", f"127.0.1.{client + 1}"))
            for client in range(clients)
            for number in range(each)
        ]
        # All are heard, and ask for names, before anybody else comes.
        while sum(service.admission.connections for service in gateway.services.values()) < len(dead):  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        good, bad, fine = await asyncio.gather(
            connect("good.test", "127.0.0.7"), connect("nowhere.test", "127.0.0.8"), relayed()
        )
        for silent in dead:
            silent.cancel()
        return {"said": [good[0], bad[0], fine], "order": sorted(order)}

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("resolver", "clients", "each"), [("system", 200, 1), ("system", 40, 10), ("dns", 200, 1), ("dns", 1, 100)]
)
def test_a_good_name_is_answered_before_any_silent_one_has_given_up(
    host: "Host", resolver: str, clients: int, each: int
) -> None:
    found = host.call(crowd, resolver, clients, each, timeout=60)
    assert found["said"] == ["200", "502", "hello"]
    assert found["order"] == ["good.test", "nowhere.test", "relayed"]
