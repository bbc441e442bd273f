"""Messages to workers and from them: each is read as what it was, and what is no message is refused."""

import pytest
from msgspec import Raw, ValidationError

from dualstack.core.planning.configuration import Configuration
from dualstack.gateway.processes.messages import (
    Answered,
    Asked,
    Beat,
    Became,
    Become,
    Born,
    End,
    Ended,
    Fork,
    ForkReply,
    HandOver,
    Leave,
    ListPorts,
    NotBecome,
    NotBorn,
    NotListening,
    Order,
    Refused,
    Reply,
    Share,
    StartPort,
    StopPort,
    Take,
    TakeSnapshot,
    encode,
    read_asked,
    read_fork_order,
    read_fork_reply,
    read_reply,
)

ORDERS: list[Order] = [
    Take(b"\0\xff", [0, 2], 1, "json", quiet=True),
    *(ListPorts(), TakeSnapshot(), Beat(), HandOver(), Leave(), End()),
    *(StartPort("a"), StopPort("a"), StopPort("a", float("inf"), release=True)),
]
REPLIES: list[Reply] = [Answered(1, Raw(encode([1]))), Refused(2, "no"), NotListening(3, "[::]:1", "taken", 98)]
FORK_REPLIES: list[ForkReply] = [Born(7), NotBorn("no"), Became(), NotBecome("no"), Ended(7, -9)]


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_worker_reads_the_order_that_was_given(order: Order) -> None:
    assert read_asked(encode(Asked(5, order))) == Asked(5, order)


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: type(reply).__name__)
def test_who_asked_reads_the_answer_that_was_given(reply: Reply) -> None:
    assert read_reply(encode(reply)) == reply


@pytest.mark.parametrize("reply", FORK_REPLIES, ids=str)
def test_the_fork_server_is_understood(reply: ForkReply) -> None:
    assert read_fork_reply(encode(reply)) == reply


@pytest.mark.parametrize("order", [Fork(), Become("nobody", "gateway.toml")], ids=str)
def test_the_fork_server_understands(order: Fork | Become) -> None:
    assert read_fork_order(encode(order)) == order


def test_what_is_no_order_is_refused() -> None:
    with pytest.raises(ValidationError):
        read_asked(encode({"number": 1, "order": {"type": "dance"}}))


def test_a_share_comes_as_it_was() -> None:
    share = Share(Configuration(()), (), {}, ["a"])
    assert Share.unpickled(share.pickled()) == share
