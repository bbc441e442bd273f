"""Pipes for splice, and the pool that keeps some."""

import os
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from dualstack.kernel.pipes import Pipe, PipePool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="splice is Linux's")


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as cheap as it gets


@pytest.fixture
def pool() -> Iterator[PipePool]:
    with closing(PipePool(keep=2, limit=4)) as pool:
        yield pool


def held_pipe(pool: PipePool) -> Pipe:
    """A pipe that holds five bytes."""
    pipe = pool.take()
    assert pipe is not None
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"bytes")
        assert pipe.fill(theirs.fileno()) == 5
    return pipe


def test_a_pool_that_was_closed_is_swept_and_has_nothing_to_close(pool: PipePool) -> None:
    """What was spare at the sweep before is gone: who counts on it would close what is not there."""
    before = open_descriptors()
    pipes = [pool.take() for _ in range(2)]
    for pipe in pipes:
        assert pipe is not None
        pool.give_back(pipe)
    pool.sweep()
    pool.close()
    pool.sweep()
    assert (len(pool), open_descriptors()) == (0, before)
    again = pool.take()
    assert again is not None
    pool.give_back(again)
    pool.sweep()
    assert len(pool) == 1, "it was needed since the sweep before"


def test_what_fills_a_pipe_drains_from_it(pool: PipePool) -> None:
    pipe = held_pipe(pool)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pipe.drain(ours.fileno())
        assert (theirs.recv(10), pipe.held) == (b"bytes", 0)
    pool.give_back(pipe)


def test_an_end_is_zero_bytes_and_an_empty_socket_blocks(pool: PipePool) -> None:
    pipe = pool.take()
    assert pipe is not None
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setblocking(False)
        with ours, pytest.raises(BlockingIOError):
            pipe.fill(theirs.fileno())
        assert pipe.fill(theirs.fileno()) == 0
    pool.give_back(pipe)


def test_a_pipe_given_back_empty_is_given_out_again(pool: PipePool) -> None:
    pipe = pool.take()
    assert pipe is not None
    pool.give_back(pipe)
    assert pool.take() is pipe
    pool.give_back(pipe)


def test_a_pipe_given_back_with_bytes_in_it_is_closed(pool: PipePool) -> None:
    before = open_descriptors()
    pool.give_back(held_pipe(pool))
    assert (len(pool), open_descriptors()) == (0, before)


def test_no_more_are_kept_than_it_keeps_and_none_given_out_above_the_limit(pool: PipePool) -> None:
    before = open_descriptors()
    pipes = [pool.take() for _ in range(4)]
    assert pool.take() is None
    for pipe in pipes:
        assert pipe is not None
        pool.give_back(pipe)
    assert (len(pool), open_descriptors() - before) == (2, 4)


def test_the_second_sweep_in_a_row_without_use_closes_all(pool: PipePool) -> None:
    before = open_descriptors()
    for pipe in [pool.take(), pool.take()]:
        assert pipe is not None
        pool.give_back(pipe)
    pool.sweep()
    used = pool.take()
    assert used is not None
    pool.give_back(used)
    pool.sweep()
    assert len(pool) == 1
    pool.sweep()
    assert (len(pool), open_descriptors()) == (0, before)


def test_without_descriptors_there_is_no_pipe(pool: PipePool) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        assert pool.take() is None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
