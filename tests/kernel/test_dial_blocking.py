"""`create_connection` in the place of `socket.create_connection`, and what a dialler shares (X2)."""

import http.client
import inspect
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import dualstack
from dualstack import Dialer, DialError, DialRefused, History, SharedHistory
from dualstack.core.address.address import Address
from dualstack.core.dial.order import Candidate
from dualstack.net.dial import blocking_driver
from support.dialling import Resolver, Servers, nothing_left_open


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Servers() as made:
        yield made


def test_its_parameters_are_those_of_the_function_it_stands_in_for() -> None:
    theirs = inspect.signature(socket.create_connection).parameters
    ours = inspect.signature(dualstack.create_connection).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    assert {name: ours[name].default for name in theirs} == {name: each.default for name, each in theirs.items()}
    assert {name: ours[name].kind for name in theirs} == {name: each.kind for name, each in theirs.items()}


def test_a_client_of_the_standard_library_uses_it(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    servers.accept("127.0.0.1")

    def serve() -> None:
        with servers.peer("127.0.0.1") as peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")

    monkeypatch.setattr(socket, "create_connection", dualstack.create_connection)
    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve)
        connection = http.client.HTTPConnection("localhost", servers.port)
        connection._create_connection = dualstack.create_connection
        connection.request("GET", "/")
        assert connection.getresponse().status == 204
        connection.close()
        served.result()


def test_left_out_the_timeout_is_the_default_of_the_socket_module(servers: Servers) -> None:
    servers.accept("::1")
    socket.setdefaulttimeout(11)
    try:
        for address in (("::1", servers.port), ("localhost", servers.port)):
            with dualstack.create_connection(address) as sock:
                assert sock.gettimeout() == 11
            with dualstack.create_connection(address, None) as sock:
                assert sock.gettimeout() is None
    finally:
        socket.setdefaulttimeout(None)


@pytest.mark.parametrize(("timeout", "error"), [(-1, ValueError), (float("nan"), ValueError), ("1", TypeError)])
def test_a_timeout_that_is_none(timeout: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        dualstack.create_connection(("::1", 1), timeout)


def test_a_scope_in_a_socket_address_is_taken_from_its_host(servers: Servers) -> None:
    servers.accept("::1")
    dualstack.create_connection(("::1", servers.port, 0, 0), 20).close()


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_all_errors_are_a_group_where_they_are_asked_for(servers: Servers, host: str) -> None:
    servers.accept("127.0.0.9")
    with nothing_left_open(), pytest.raises(ExceptionGroup) as caught:
        dualstack.create_connection((host, servers.port), 20, all_errors=True)
    assert all(isinstance(error, dualstack.AttemptFailed) for error in caught.value.exceptions)
    assert caught.value.split(ConnectionRefusedError)[1] is None, "what `except* ConnectionRefusedError` leaves"


def test_an_error_without_attempts_is_itself_even_then() -> None:
    with pytest.raises(DialError, match="alone is asked for"):
        dualstack.create_connection(("::1", 1), 20, all_errors=True, family=4)


def test_a_dialler_of_ones_own(servers: Servers) -> None:
    servers.accept("::1")
    Dialer(history=None).create_connection(("::1", servers.port), 20).close()


def test_an_interrupt_closes_all(servers: Servers) -> None:
    servers.silent("::1", "127.0.0.1")

    def on_step(step: dualstack.DialStep) -> None:
        if step.kind == "attempt" and step.facts["number"] == 1:
            raise KeyboardInterrupt

    with nothing_left_open(), pytest.raises(KeyboardInterrupt):
        Dialer(attempt_delay=0.010, history=None).create_connection(("localhost", servers.port), 20, on_step=on_step)


def test_many_threads_share_a_dialler(servers: Servers) -> None:
    servers.accept("127.0.0.1", backlog=512)
    dialer = Dialer(resolver=Resolver({"mail.example": {4: ["127.0.0.1"], 6: ["::1"]}}))

    def dial(_number: int) -> None:
        dialer.create_connection(("mail.example", servers.port), 20).close()

    with nothing_left_open(), ThreadPoolExecutor(8) as pool:
        list(pool.map(dial, range(200)))
    assert len(dialer.history) == 1  # who refused taught nothing


def test_where_the_selector_of_choice_is_not_there_another_serves(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.silent("::1")
    servers.accept("127.0.0.1")
    monkeypatch.setattr(blocking_driver, "_Selector", blocking_driver.SelectSelector)
    Dialer(attempt_delay=0.010, history=None).create_connection(("localhost", servers.port), 20).close()


def test_importing_it_costs_no_asyncio_and_no_ssl() -> None:
    code = "import dualstack, sys; dualstack.create_connection; print(*{'asyncio', 'ssl', 'email'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.strip() == ""


# What is shared.

SERVER = Candidate(Address("192.0.2.1"), Address("192.0.2.9"))


def test_a_shared_history_is_the_history_it_shares() -> None:
    shared = SharedHistory(History(capacity=3))
    shared.learn(SERVER, 0.1, 0.0)
    assert shared.recall(SERVER, 0.0).is_used
    assert not shared.claim_probe(SERVER, 0.0)
    other = SharedHistory()
    other.load(shared.save(0.0), 0.0)
    assert other.recall(SERVER, 0.0) == shared.recall(SERVER, 0.0)
    assert len(other) == 1


FORK = """
import os, threading
from dualstack import SharedHistory
from dualstack.core.address.address import Address
from dualstack.core.dial.order import Candidate
server = Candidate(Address("192.0.2.1"), Address("192.0.2.9"))
shared = SharedHistory()
shared.learn(server, 0.1, 0.0)
SharedHistory()  # gone at once: the fork must not mind
busy, over = threading.Event(), threading.Event()
def work():
    while not over.is_set():
        shared.learn(server, 0.1, 0.0)
        busy.set()
        over.wait(0.0005)  # a lock taken without a pause starves everybody else
thread = threading.Thread(target=work)
thread.start()
busy.wait()
codes = []
for _ in range(50):
    child = os.fork()
    if child == 0:
        os._exit(0 if shared.recall(server, 0.0).is_used else 1)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
over.set()
thread.join()
os._exit(max(codes))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork(2) on this system")
def test_a_child_goes_on_with_what_was_known_at_the_fork() -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], check=True, timeout=60)


def test_only_the_pools_idle_threads_are_left(servers: Servers) -> None:
    servers.accept("::1", "127.0.0.1")
    before = {*threading.enumerate()}
    dialer = Dialer(resolver=Resolver({"mail.example": {4: ["127.0.0.1"], 6: ["::1"]}}))
    dialer.create_connection(("mail.example", servers.port), 20).close()
    pooled = {thread for thread in threading.enumerate() if thread.name == "dualstack-lookup"}
    assert pooled, "a name was looked up"
    assert all(thread.daemon for thread in pooled)
    assert {*threading.enumerate()} - before <= pooled


@pytest.mark.parametrize(
    "wrong",
    [{"attempt_delay": 0.001}, {"in_flight": 0}, {"first_family_count": 0}, {"family": 5}, {"nat64": ["::/7"]}],
)
def test_a_policy_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Dialer(**wrong)


def test_rules_as_read_are_taken_as_they_are() -> None:
    rules = dualstack.AccessList(["allow any"])
    assert Dialer(access=rules).outlet.access is rules


def test_a_refused_plain_call_tells_how_long_it_lasted(servers: Servers) -> None:
    servers.accept("127.0.0.9")
    with pytest.raises(DialRefused) as caught:
        dualstack.create_connection(("127.0.0.1", servers.port), 20)
    assert caught.value.elapsed_s is not None
    assert 0 <= caught.value.elapsed_s < 20


@pytest.mark.parametrize("options", [{"access": "allow public"}, {"nat64": "64:ff9b::/96"}])
def test_a_dialler_given_one_of_a_list_says_what_to_write(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"a list, of which this is one: write \["):
        Dialer(**options)
