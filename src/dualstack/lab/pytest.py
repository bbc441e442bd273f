r"""Fixtures for tests on hosts of each family: load them with `-p dualstack.lab.pytest`.

    def test_my_client(network, fault):
        client, server = network.host("client", "dual"), network.host("server", "ipv6-only")
        server.popen(["my-server"])
        fault("lookup-late 1s a")
        assert client.run(["my-client", "server.test"]).stdout == "hello\n"

Where this machine or user can have no namespaces, such a test is skipped, and says what to do about it.
"""

from collections.abc import Callable, Iterator

import pytest

__all__ = ["fault", "network"]


@pytest.fixture
def network() -> Iterator[object]:
    """A `dualstack.lab.network.Network` without hosts; all that was made in it is gone at the end of the test."""
    from dualstack.lab.network import Network, why_no_network

    if why := why_no_network():
        pytest.skip(why)
    with Network() as made:
        yield made


@pytest.fixture
def fault(network: object) -> Callable[[str], object]:
    """`fault("dropped ipv6 server")` breaks something until the end of the test, or of a `with` block around it."""
    from dualstack.lab.network import Network

    assert isinstance(network, Network)  # noqa: S101 - the fixture above makes it
    return network.fault
