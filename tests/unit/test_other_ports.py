"""The bookkeeping of a port whose system is known by its rows: what may be bound is in the way of what comes later."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.oracle.bound_socket import Bound, bound
from dualstack.core.oracle.case import Case, Outcome, Sock
from dualstack.core.oracle.other_systems import OtherPort
from dualstack.core.oracle.systems import STACKS
from dualstack.core.oracle.unknown import UNKNOWN

TWO = Case(
    stack=STACKS["freebsd"], proto="tcp", sockets=(Sock(4, Address("10.0.0.1")), Sock(4, Address("10.0.0.1"))), steps=()
)
FIRST, SECOND = bound(TWO, 0), bound(TWO, 1)


def beside(new: Bound, old: Bound, *, listens: bool) -> Outcome:
    return Outcome("EADDRINUSE" if listens else None, f"{new.index} beside {old.index}", old.index)


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_what_may_be_bound_leaves_unknown_what_is_bound_beside_it(proto: str) -> None:
    port = OtherPort(proto, beside)
    port.bind_unsure(FIRST)
    assert port.bind(SECOND).errno is UNKNOWN
    assert port.unsure == [FIRST, SECOND]


def test_what_listens_is_in_the_way_of_another_and_is_in_the_order_of_the_binds() -> None:
    port = OtherPort("tcp", beside)
    assert (port.bind(FIRST).errno, port.bind(SECOND).errno) == (None, None)
    assert (port.listen(SECOND).errno, port.listen(FIRST).errno) == (None, None)
    assert port.receiving == [FIRST, SECOND]
    judging = OtherPort("tcp", beside, judges_listeners=True)
    judging.bind(FIRST)
    judging.bind(SECOND)
    assert (judging.listen(SECOND).errno, judging.listen(FIRST).errno) == (None, "EADDRINUSE")
    assert judging.receiving == [SECOND]


def test_udp_receives_once_it_is_bound_and_does_not_listen() -> None:
    port = OtherPort("udp", beside)
    assert (port.bind(FIRST).errno, port.receiving) == (None, [FIRST])
    assert port.listen(FIRST).errno == "EOPNOTSUPP"
