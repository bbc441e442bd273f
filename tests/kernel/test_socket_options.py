"""What is set on each socket before it is used, asked of the kernel; and what becomes of a socket of another class."""

import _socket
import socket
import sys
from contextlib import ExitStack

import pytest

from dualstack.kernel.pipes import PipePool
from dualstack.kernel.streams import as_socket

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux' own")


def test_the_usual_class_is_given_back_and_the_plain_one_becomes_it() -> None:
    with socket.socket() as usual:
        assert as_socket(usual) is usual
    plain = _socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    number = plain.fileno()
    with as_socket(plain) as made:
        assert type(made) is socket.socket
        assert made.fileno() == number
        assert plain.fileno() == -1


@linux
def test_of_a_pool_that_is_used_up_one_that_comes_back_makes_room_for_one() -> None:
    pool = PipePool(limit=2, keep=1)
    with ExitStack() as undo:
        undo.callback(pool.close)
        taken = [pool.take() for _ in range(2)]
        assert None not in taken
        assert pool.take() is None
        for pipe in taken:
            assert pipe is not None
            pool.give_back(pipe)
            again = pool.take()
            assert again is not None
            assert pool.take() is None, "one came back, one is there"
            undo.callback(pool.give_back, again)
