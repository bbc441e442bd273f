"""`sandbox.publish`: whom a client of a published port is led to."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.host.facts import Listener
from dualstack.sandbox.publish import _best

OWN = {4: Address("192.0.2.2"), 6: Address("2001:db8::2")}


def listener(address: str, *, v6only: bool = False) -> Listener:
    family = 6 if ":" in address else 4
    return Listener("tcp", family, Address(address), 80, v6only=v6only if family == 6 else None, uid=0)


@pytest.mark.parametrize(
    ("listeners", "version", "expected", "is_loopback"),
    [
        ([listener("0.0.0.0")], 4, "192.0.2.2", False),
        ([listener("0.0.0.0")], 6, "192.0.2.2", False),
        ([listener("::", v6only=True)], 4, "2001:db8::2", False),
        ([listener("::")], 4, "192.0.2.2", False),
        ([listener("::")], 6, "2001:db8::2", False),
        ([listener("0.0.0.0"), listener("::", v6only=True)], 6, "2001:db8::2", False),
        ([listener("127.0.0.1")], 6, "127.0.0.1", True),
        ([listener("127.0.0.1"), listener("::1")], 6, "::1", True),
        ([listener("192.0.2.2")], 6, "192.0.2.2", False),
    ],
)
def test_a_client_is_led_to_its_own_family_where_somebody_takes_it(
    listeners: list[Listener],
    version: int,
    expected: str,
    is_loopback: bool,  # noqa: FBT001 - a row
) -> None:
    assert _best(listeners, version, OWN) == (Address(expected), is_loopback)


def test_where_nobody_listens_a_client_is_refused() -> None:
    with pytest.raises(ConnectionRefusedError):
        _best([], 4, OWN)
