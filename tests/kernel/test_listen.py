"""`bind_sockets`, `bind_socket` and `start_server`: what one text means, asked of the kernel (N1, N5, N8)."""

import asyncio
import errno
import importlib.metadata
import os
import socket
import subprocess
import sys

import pytest

import dualstack
from dualstack import Address, ConfigError, DualstackError, ListenError, bind_socket, bind_sockets, start_server
from dualstack.kernel.sockets import describe
from support.program import Dualstack


def bound(where: str | int, **options: object) -> list[tuple[int, str, bool | None]]:
    sockets = bind_sockets(where, **options)
    try:
        assert len({sock.getsockname()[1] for sock in sockets}) == 1, "one port number in both families"
        assert not any(sock.getblocking() or sock.get_inheritable() for sock in sockets)
        return [(d["family"], d["address"], d["v6only"]) for d in map(describe, sockets)]
    finally:
        for sock in sockets:
            sock.close()


@pytest.mark.parametrize(
    ("where", "options", "expected"),
    [
        ("*:0", {}, [(6, "::", True), (4, "0.0.0.0", None)]),
        ("*:0", {"sockets": "single"}, [(6, "::", False)]),
        (0, {}, [(6, "::", True), (4, "0.0.0.0", None)]),
        ("*, [::]", {"port": 0}, [(6, "::", True), (4, "0.0.0.0", None)]),
        ("0.0.0.0, [::]", {"port": 0}, [(4, "0.0.0.0", None), (6, "::", True)]),
        ("[::]:0", {"v6only": True}, [(6, "::", True)]),
        ("localhost:0", {}, [(4, "127.0.0.1", None), (6, "::1", True)]),
        ("::ffff:127.0.0.1", {"port": 0}, [(4, "127.0.0.1", None)]),
    ],
)
def test_a_text_becomes_these_sockets(
    where: str | int, options: dict[str, object], expected: list[tuple[int, str, bool | None]]
) -> None:
    assert sorted(bound(where, **options)) == sorted(expected)


def test_one_socket_for_a_framework_takes_both_families() -> None:
    with bind_socket("*:0") as sock:
        number = sock.getsockname()[1]
        for host, seen in (("127.0.0.1", "::ffff:127.0.0.1"), ("::1", "::1")):
            with socket.create_connection((host, number)):
                accepted, peer = sock.accept()
                accepted.close()
                assert peer[0] == seen


def test_one_socket_is_refused_where_the_text_needs_more() -> None:
    with pytest.raises(ListenError, match="needs 2 sockets here"):
        bind_socket("localhost:0")


def test_a_failure_leaves_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(ListenError) as caught:
            bind_sockets(f"[::1]:{number}, 127.0.0.1:{number}")
        assert caught.value.errno == errno.EADDRINUSE
        assert isinstance(caught.value, OSError)
        bind_sockets(f"[::1]:{number}")[0].close()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"family": 5}, "family: 5: expected 4 or 6"),
        ({"sockets": "x"}, "sockets: 'x': expected one of auto, single, pair"),
        ({"port": "80"}, "'80': the port beside a text is a whole number"),
        ({"port": True}, "True: the port beside a text is a whole number"),
    ],
)
def test_a_wrong_argument_is_a_clear_error(options: dict[str, object], expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        bind_sockets("*", **{"port": 0, **options})
    assert isinstance(caught.value, DualstackError)


def test_an_address_in_use_names_those_in_the_way_alone() -> None:
    """Neither who is on another address of the number, nor we ourselves."""
    with Dualstack("listen", "127.0.0.7:0") as there:
        number = there.port
        with (
            Dualstack("listen", f"[::]:{number}", "--v6only"),
            bind_sockets(f"127.0.0.8:{number}")[0],
            pytest.raises(ListenError) as caught,
        ):
            bind_sockets(f"0.0.0.0:{number}")
    named = str(caught.value).partition(" by ")[2]
    assert named.startswith(f"127.0.0.7:{number} (")
    assert named.count(f":{number}") == 1


def test_an_address_that_we_have_ourselves_is_named_too() -> None:
    with bind_sockets("127.0.0.1:0")[0] as mine:
        number = mine.getsockname()[1]
        with pytest.raises(ListenError, match=rf"in use by 127\.0\.0\.1:{number} \(.*pid {os.getpid()}\)"):
            bind_sockets(f"127.0.0.1:{number}")


@pytest.mark.parametrize("where", ["[fe80::1]:0", "[fe80:2::1]:0", "nothing.invalid:0"])
def test_what_cannot_be_bound_is_a_clear_error(where: str) -> None:
    with pytest.raises((ConfigError, dualstack.LookupFailed)):
        bind_sockets(where)


@pytest.mark.skipif(sys.platform != "linux", reason="the refusal is Linux's")
def test_a_group_of_hosts_is_no_address_for_tcp_and_a_wrong_value() -> None:
    with pytest.raises(ListenError, match="a TCP socket cannot have a multicast address; bind one of this") as refused:
        bind_sockets("[ff05::2]:0")
    assert refused.value.exit_code == 78


def test_a_server_answers_both_families_with_unmapped_peers() -> None:
    async def scenario() -> None:
        async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(writer.get_extra_info("peername")[0].encode())
            writer.close()

        async with await start_server(serve, "*:0") as server:
            assert server.is_serving()
            number = server.sockets[0].getsockname()[1]
            for host in ("127.0.0.1", "::1"):
                reader, writer = await asyncio.open_connection(host, number)
                assert await reader.read() == host.encode()
                writer.close()
                await writer.wait_closed()

    asyncio.run(scenario())


def test_serving_forever_ends_by_cancelling_and_closes_all_sockets() -> None:
    async def scenario() -> None:
        server = await start_server(lambda _reader, writer: writer.close(), "localhost:0", start_serving=False)
        assert not server.is_serving()
        await server.start_serving()
        numbers = [sock.getsockname() for sock in server.sockets]
        task = asyncio.create_task(server.serve_forever())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.wait_closed()
        for host, number, *_ in numbers:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(host, number)

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["bind_sockets", "start_server", "Server"])
def test_naming_what_listens_costs_no_asyncio_and_no_ssl(name: str) -> None:
    code = f"import dualstack, sys; dualstack.{name}; print(*{{'asyncio', 'ssl'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_the_version_is_that_of_what_is_installed_and_costs_nothing_before() -> None:
    code = "import sys, dualstack; before = 'importlib.metadata' in sys.modules; print(dualstack.__version__, before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{importlib.metadata.version('dualstack')} False\n"


def test_the_public_names_are_all_there() -> None:
    for name in dualstack.__all__:
        assert getattr(dualstack, name) is not None
    assert set(dualstack.__all__) == set(dir(dualstack))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = dualstack.nonsense  # type: ignore[attr-defined]


def test_the_library_needs_python_alone() -> None:
    code = (
        "import sys, dualstack\n"
        "for name in dualstack.__all__: getattr(dualstack, name)\n"
        "dualstack.bind_sockets('localhost:0')\n"
        "foreign = {m.split('.')[0] for m in sys.modules} - set(sys.stdlib_module_names) - {'dualstack'}\n"
        "print(sorted(n for n in foreign if not n.startswith('_')))\n"
    )
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=alone)
    assert done.stdout == "[]\n"


def test_an_address_of_the_library_is_the_one_of_the_gateway() -> None:
    assert Address("::ffff:192.0.2.1").canonical == Address("192.0.2.1")
