"""Lines go out by a thread: whole or not at all, in order, and in nobody's way."""

import fcntl
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from dualstack.gateway.counters.line_writer import LineWriter

LINE = b"x" * 99 + b"\n"


def lost_line(count: int) -> bytes:
    return b"lost %d".ljust(80) % count + b"\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    for end in (reading, writing):
        with suppress(OSError):
            os.close(end)


class Reader:
    """Reads a pipe to its end."""

    def __init__(self, descriptor: int) -> None:
        self.content = b""
        self._descriptor = descriptor
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while content := os.read(self._descriptor, 1 << 16):
            self.content += content

    def lines(self) -> list[bytes]:
        """All of it, once the other end is closed."""
        self._thread.join(20)
        return self.content.splitlines()


def test_a_pipe_that_nobody_reads_holds_nobody_up_and_what_is_lost_is_told(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = LineWriter(writing, lost_line, is_ours=True, most_bytes=20_000)
    for _ in range(10_000):
        writer.put(LINE)
    lost = writer.lost
    # What waits, what the pipe holds, and what the thread has in its hands.
    assert 10_000 - 3 * 200 <= lost <= 10_000 - 200
    reader = Reader(reading)
    writer.close(20)
    lines = reader.lines()
    assert lines.count(LINE.rstrip()) == 10_000 - lost
    told = [int(line.split()[1]) for line in lines if line.startswith(b"lost ")]
    assert len(told) == len(lines) - lines.count(LINE.rstrip())
    assert sum(told) == writer.lost == lost


def test_what_waits_for_nobody_is_given_up_within_the_time(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = LineWriter(writing, lost_line, most_bytes=20_000)
    for _ in range(1000):
        writer.put(LINE)
    writer.close(0.01)
    assert os.read(reading, 4096).endswith(b"\n")
    reader = Reader(reading)
    assert writer.flush(20)
    # Whoever reads at last finds what comes later, too.
    writer.put(b"later\n")
    assert writer.flush(20)
    os.close(writing)
    assert reader.lines()[-1] == b"later"


def test_a_pipe_that_does_not_block_is_waited_for(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    writer = LineWriter(writing, lost_line, is_ours=True)
    for _ in range(1000):
        writer.put(LINE)
    reader = Reader(reading)
    writer.close(20)
    assert len(reader.lines()) == 1000
    assert writer.lost == 0


def test_processes_that_share_a_pipe_cut_no_line_of_each_other(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writers = [LineWriter(writing, lost_line) for _ in range(4)]
    reader = Reader(reading)
    for number in range(1000):
        for who, writer in enumerate(writers):
            writer.put(b"%d %d %s\n" % (who, number, b"x" * 90))
    for writer in writers:
        writer.close(20)
    os.close(writing)
    lines = [line.split() for line in reader.lines()]
    for who in range(4):
        assert [int(number) for writer, number, _ in lines if int(writer) == who] == list(range(1000))


def test_a_reader_who_has_left_costs_the_lines_and_nothing_else(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    writer = LineWriter(writing, lost_line, is_ours=True)
    for _ in range(10):
        writer.put(LINE)
    writer.close(20)
    assert writer.lost == 10


@contextmanager
def files_of(size: int) -> Iterator[None]:
    """No file may grow over so many bytes: a write goes in as far as it can, then fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("append", [os.O_APPEND, 0], ids=["append", "no-append"])
def test_where_there_is_no_room_a_line_is_written_whole_or_not_at_all(tmp_path: Path, append: int) -> None:
    path = tmp_path / "log"
    writer = LineWriter(os.open(path, os.O_WRONLY | os.O_CREAT | append), lost_line, is_ours=True)
    with files_of(10_050):
        for _ in range(1000):
            writer.put(LINE)
        assert writer.flush(20)
        assert path.read_bytes() == LINE * 100
        assert writer.lost == 900
    writer.put(b"again\n")
    writer.close(20)
    # The count may have been told before.
    later = path.read_bytes().removeprefix(LINE * 100)
    assert set(later.splitlines(keepends=True)) == {b"again\n", lost_line(900)}


def test_the_disk_that_is_full_is_said_of_lines_and_not_of_the_line_about_them() -> None:
    writer = LineWriter(os.open("/dev/full", os.O_WRONLY), lost_line, is_ours=True)
    writer.put(LINE)
    writer.close(20)
    assert writer.lost == 1


def test_what_follows_a_reopening_is_in_the_new_file_and_nothing_else(tmp_path: Path) -> None:
    def opened(name: str) -> int:
        return os.open(tmp_path / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    writer = LineWriter(opened("a"), lost_line, is_ours=True)
    writer.put(b"1\n")
    writer.reopen(opened("b"))
    writer.put(b"2\n")
    writer.close(20)
    assert [(tmp_path / name).read_bytes() for name in "ab"] == [b"1\n", b"2\n"]


def test_a_writer_that_was_closed_begins_anew_with_the_next_line(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = LineWriter(writing, lost_line)
    for _ in range(2):
        writer.put(LINE)
        writer.close(20)
    assert os.read(reading, 4096) == LINE * 2


FORKING = """
import os, sys
from dualstack.gateway.counters.line_writer import LineWriter
writer = LineWriter(1, lambda count: b"lost")
writer.put(b"parent\\n")
assert writer.flush(20)
child = os.fork()
if child == 0:
    writer.put(b"child\\n")
    os._exit(0 if writer.flush(20) else 1)
assert os.waitpid(child, 0) == (child, 0)
writer.put(b"parent again\\n")
"""


def test_a_child_that_is_forked_writes_its_own_lines_and_at_exit_all_are_written() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKING]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert done.stdout.splitlines() == [b"parent", b"child", b"parent again"]
