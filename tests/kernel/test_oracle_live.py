"""The oracle held against this kernel: every ordered pair of sockets, TCP and UDP, in a namespace of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

TESTS = str(Path(__file__).parents[1])


def compared(tests: str, proto: str, bindv6only: int) -> list[str]:
    import sys

    sys.path.insert(0, tests)
    from support.pairs import disagreements

    return disagreements(proto, bindv6only=bool(bindv6only))


@pytest.mark.parametrize("bindv6only", [0, 1])
@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_every_pair_of_sockets_is_as_predicted(namespace: Callable[..., object], proto: str, bindv6only: int) -> None:
    host = namespace(sysctls={"net.ipv6.bindv6only": bindv6only})
    assert host.call(compared, TESTS, proto, bindv6only) == []
