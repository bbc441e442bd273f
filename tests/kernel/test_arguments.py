"""What users give by mistake, or in another form than ours: taken where it means one thing, else told in one line."""

import asyncio
import socket
from collections.abc import Iterator
from math import inf

import pytest

import dualstack
from dualstack import Address, AddressError, TargetError
from dualstack.dns import DnsResolver
from support.dialling import WAYS, Dial, Servers


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Servers() as made:
        made.accept("127.0.0.1")
        yield made


@pytest.mark.parametrize("dial", WAYS)
@pytest.mark.parametrize("source", [["127.0.0.1", 0], (b"127.0.0.1", 0), [bytearray(b"127.0.0.1"), 0]], ids=str)
def test_a_source_in_the_forms_that_bind_takes(dial: Dial, servers: Servers, source: object) -> None:
    with dial("127.0.0.1", servers.port, timeout=20, source_address=source) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("dial", WAYS)
@pytest.mark.parametrize("source", [("127.0.0.1",), (), ("127.0.0.1", 0, 0)], ids=str)
def test_a_source_that_is_no_pair_says_so(dial: Dial, servers: Servers, source: object) -> None:
    with pytest.raises(TargetError, match="pair of host and port"):
        dial("127.0.0.1", servers.port, timeout=20, source_address=source)


@pytest.mark.parametrize("dial", WAYS)
def test_a_host_in_a_bytearray_is_one_as_in_bytes(dial: Dial, servers: Servers) -> None:
    dial(bytearray(b"127.0.0.1"), servers.port, timeout=20).close()


@pytest.mark.parametrize("dial", WAYS)
def test_several_hosts_that_are_no_texts_say_so(dial: Dial) -> None:
    with pytest.raises(TargetError, match="each is an address"):
        dial([1], 80, timeout=20)


@pytest.mark.parametrize("timeout", [inf, 1e300, 2.0**31])
def test_a_time_longer_than_a_socket_can_count_is_no_limit(servers: Servers, timeout: float) -> None:
    with dualstack.create_connection(("127.0.0.1", servers.port), timeout) as sock:
        assert sock.gettimeout() is None


@pytest.mark.parametrize("timeout", ["1", [1]])
def test_a_limit_that_is_no_number_says_so_wherever_it_is_given(servers: Servers, timeout: object) -> None:
    for wait in (
        lambda: dualstack.create_connection(("127.0.0.1", servers.port), timeout),
        lambda: asyncio.run(dualstack.connect("127.0.0.1", servers.port, timeout=timeout)),
        lambda: asyncio.run(dualstack.open_connection("127.0.0.1", servers.port, timeout=timeout)),
        lambda: dualstack.getaddrinfo("localhost", 80, timeout=timeout),
        lambda: asyncio.run(dualstack.getaddrinfo_async("localhost", 80, timeout=timeout)),
    ):
        with pytest.raises(TypeError, match=r"timeout .*: "):
            wait()


def test_a_forgotten_port_is_told_with_what_to_write() -> None:
    with pytest.raises(TargetError, match=r'no port is given: write \("127.0.0.1", 8080\)'):
        asyncio.run(dualstack.open_connection("127.0.0.1:8080"))


@pytest.mark.parametrize("host", ["0", "2130706433"])
def test_the_remedy_for_a_number_does_not_name_every_address_which_nobody_can_dial(host: str) -> None:
    for asked in (
        lambda: dualstack.create_connection((host, 80)),
        lambda: dualstack.net.names.getaddrinfo.resolve(host),
    ):
        with pytest.raises(AddressError, match=r"an old decimal form of IPv4: if .* is meant, write that") as caught:
            asked()
        assert "*" not in str(caught.value)


@pytest.mark.parametrize(("host", "port"), [(5, 80), (["localhost"], 80), ("localhost", 80.5), ("localhost", [80])])
def test_a_lookup_of_what_is_no_text_says_which_argument_it_is(host: object, port: object) -> None:
    with pytest.raises(TypeError, match=r"^(host 5|host \['localhost'\]|port 80.5|port \[80\]): "):
        dualstack.getaddrinfo(host, port)


def test_a_lookup_takes_a_bytearray_as_sockets_does() -> None:
    assert dualstack.getaddrinfo(bytearray(b"127.0.0.1"), 80)[0][4] == ("127.0.0.1", 80)


def test_one_name_server_for_several_is_told_with_what_to_write() -> None:
    with pytest.raises(AddressError, match=r"write \['192.0.2.53'\]"):
        DnsResolver("192.0.2.53")


@pytest.mark.parametrize("server", [5, b"192.0.2.53", ("192.0.2.53", 53)], ids=str)
def test_a_name_server_that_is_no_text_says_so(server: object) -> None:
    with pytest.raises(AddressError, match="a name server is a text"):
        DnsResolver([server])


def test_a_name_server_may_be_an_address_and_its_file_a_text() -> None:
    resolver = DnsResolver([Address("192.0.2.53")], resolv_conf="/nowhere")
    assert str(resolver.server_for("www.test")) == str(DnsResolver(["192.0.2.53"]).server_for("www.test"))


@pytest.mark.parametrize("where", [("127.0.0.1", 0), 1.5, [b"127.0.0.1:0"]], ids=str)
def test_a_place_to_listen_that_is_no_text_says_so(where: object) -> None:
    with pytest.raises(AddressError, match="where to listen is a text"):
        dualstack.bind_sockets(where)


def test_a_place_to_listen_may_be_bytes_as_in_asyncio() -> None:
    (sock,) = dualstack.bind_sockets(b"127.0.0.1:0")
    with sock:
        assert sock.family is socket.AF_INET
