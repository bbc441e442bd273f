"""`kernel.probes` over this host's own loopback: what is sent, what is an answer, and who is waited for no more."""

import errno
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

import pytest

from dualstack.core.address.address import Address
from dualstack.kernel import probes
from dualstack.kernel.probes import Heard, Probe, Way, probe_all
from support.free_port import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the error queue is Linux'")

HERE = {4: Address("127.0.0.1"), 6: Address("::1")}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
BOTH = pytest.mark.parametrize("version", [4, 6])


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def server(undo: ExitStack, version: int, kind: int = socket.SOCK_DGRAM) -> socket.socket:
    made = undo.enter_context(socket.socket(FAMILIES[version], kind))
    made.bind((str(HERE[version]), 0))
    made.setblocking(False)
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made


def silent(undo: ExitStack, version: int = 4, limit_s: float = 0.03) -> tuple[socket.socket, Probe]:
    """Somebody who takes what comes and says nothing."""
    there = server(undo, version)
    return there, Probe(Way.UDP, HERE[version], there.getsockname()[1], b"?", limit_s=limit_s)


def taken(there: socket.socket) -> list[bytes]:
    """All that has come."""
    found = []
    while True:
        try:
            found.append(there.recv(1 << 16))
        except BlockingIOError:
            return found


def says(there: socket.socket, words: Sequence[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `there` answer the first question with these words, as soon as it is asked."""
    send = probes._Sent.send

    def send_and_answer(self: probes._Sent, now: float) -> Heard | None:
        heard = send(self, now)
        for word in words if self.probe.port == there.getsockname()[1] else ():
            there.sendto(word, self.sock.getsockname())
        return heard

    monkeypatch.setattr(probes._Sent, "send", send_and_answer)


@BOTH
def test_nobody_at_a_port_is_said_by_the_host_itself(version: int) -> None:
    (udp,) = probe_all([Probe(Way.UDP, HERE[version], free_port(), b"?")])
    assert udp == Heard(b"", errno.ECONNREFUSED, HERE[version])
    assert udp.is_from(HERE[version])
    assert not udp.is_from(Address("192.0.2.1"))
    assert not udp.is_unasked
    (tcp,) = probe_all([Probe(Way.TCP, HERE[version], free_port())])
    assert tcp is not None
    assert tcp.errno == errno.ECONNREFUSED
    assert tcp.is_from(HERE[version])


@BOTH
def test_a_connection_that_is_made_is_an_answer_and_closed(version: int, undo: ExitStack) -> None:
    there = server(undo, version, socket.SOCK_STREAM)
    assert probe_all([Probe(Way.TCP, HERE[version], there.getsockname()[1])]) == [Heard()]
    accepted = undo.enter_context(there.accept()[0])
    assert accepted.recv(1) == b""


def test_what_a_connection_carries_is_answered_by_bytes_or_by_their_receipt(
    undo: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "_LOOK_S", 0.005)
    there = server(undo, 4, socket.SOCK_STREAM)
    assert probe_all([Probe(Way.TCP, HERE[4], there.getsockname()[1], b"hello")]) == [Heard()]
    accepted = undo.enter_context(there.accept()[0])
    assert accepted.recv(16) == b"hello"


@pytest.mark.parametrize(
    ("version", "size", "bytes_sent"),
    [(4, 0, 3), (4, 20, 3), (4, 128, 100), (6, 128, 80), (6, 52, 4), (6, 51, 3), (4, 32, 4), (4, 65000, 64972)],
)
def test_a_packet_is_as_large_as_it_is_asked_to_be(version: int, size: int, bytes_sent: int, undo: ExitStack) -> None:
    there, probe = silent(undo, version, 0.0)
    assert probe_all([replace(probe, content=b"abc", size=size)]) == [None]
    assert taken(there) == [b"abc".ljust(bytes_sent, b"\0")]


def test_what_is_too_large_for_the_way_says_so_itself() -> None:
    (heard,) = probe_all([Probe(Way.UDP, HERE[4], 9, b"?", size=65535 + 20)])
    assert heard == Heard(errno=errno.EMSGSIZE)
    assert not heard.is_too_big, "it did not get away"
    assert Heard(b"", errno.EMSGSIZE, HERE[4]).is_too_big
    assert not Heard(b"", errno.ECONNREFUSED, HERE[4]).is_too_big


def test_a_datagram_is_sent_again_while_nothing_comes_back_and_a_limit_ends_it(
    undo: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "_AGAIN_S", 0.005)
    there, probe = silent(undo, limit_s=0.1)
    assert probe_all([probe]) == [None]
    assert 2 <= len(taken(there)) <= 21
    monkeypatch.setattr(probes, "_AGAIN_S", 60)
    assert probe_all([replace(probe, limit_s=0.001)]) == [None]
    assert taken(there) == [b"?"]


def test_an_answer_is_what_the_question_takes_for_one(undo: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    there, probe = silent(undo, limit_s=5)
    says(there, [b"no", b"yes"], monkeypatch)
    assert probe_all([probe]) == [Heard(b"no")]
    assert probe_all([replace(probe, is_answer=lambda content: content == b"yes")]) == [Heard(b"yes")]


def test_an_empty_datagram_is_an_answer(undo: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    there, probe = silent(undo, limit_s=5)
    says(there, [b""], monkeypatch)
    assert probe_all([replace(probe, is_answer=bool)]) == [Heard()]


def test_one_answer_makes_the_others_of_its_name_moot_and_only_these(
    undo: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, answered = silent(undo, limit_s=5)
    says(there, [b"yes"], monkeypatch)
    moot = replace(silent(undo)[1], limit_s=3600, moot_with="a")
    other, unnamed = (replace(silent(undo)[1], moot_with=name) for name in ("b", ""))
    found = probe_all([replace(answered, moot_with="a"), moot, other, unnamed])
    assert found == [Heard(b"yes"), None, None, None]


def test_what_is_refused_by_another_makes_nothing_moot(undo: ExitStack) -> None:
    """There is no way to it, or none of that kind: that says nothing of the others."""
    there, probe = silent(undo)
    nowhere = Probe(Way.UDP, Address("fe80::1", "gone0"), 53, b"?", moot_with="a")
    heard, other = probe_all([nowhere, replace(probe, moot_with="a")])
    assert (heard is not None and heard.errno != 0 and not heard.is_unasked, other) == (True, None)
    assert taken(there) == [b"?"]


def test_who_has_no_descriptor_left_has_asked_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*_: object) -> socket.SocketType:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(probes.socket, "SocketType", no_socket)
    assert probe_all([Probe(Way.UDP, HERE[4], 9)]) == [Heard(errno=errno.EMFILE, is_unasked=True)]


def test_nobody_asked_is_nobody_waited_for() -> None:
    assert probe_all([]) == []


@BOTH
def test_an_echo_request_is_answered_or_this_group_may_not_send_one(version: int) -> None:
    (heard,) = probe_all([Probe(Way.ECHO, HERE[version], content=b"abc", hops=3, limit_s=5)])
    assert heard is not None
    if heard.is_unasked:  # net.ipv4.ping_group_range, icmp(7)
        assert heard.errno == errno.EACCES
        return
    assert heard.content[0] == {4: 0, 6: 129}[version]
    assert heard.content[6:] == b"\0\1abc"


class Refuses:
    """A socket whose send fails, with nothing in its error queue."""

    def __init__(self, number: int) -> None:
        self.number = number

    def send(self, _content: bytes) -> int:
        raise OSError(self.number, "so")

    recv = send

    def recvmsg(self, *_: int) -> object:
        raise BlockingIOError(errno.EAGAIN, "none")


@pytest.mark.parametrize(
    ("number", "heard"),
    [
        (errno.EAGAIN, None),
        (errno.ENOBUFS, None),
        (errno.ENETUNREACH, Heard(errno=errno.ENETUNREACH)),
        (0, Heard(errno=errno.EIO)),
    ],
)
def test_a_send_that_fails_for_want_of_room_is_made_again_and_no_other(number: int, heard: Heard | None) -> None:
    sent = probes._Sent(Probe(Way.UDP, HERE[4], 9), Refuses(number), 100.0)  # type: ignore[arg-type]
    assert sent.until == 101.0
    assert sent.send(100.0) == heard
    assert sent.again == 100.35
    assert sent.read() == (heard if number != errno.EAGAIN else None)


@pytest.mark.parametrize(
    ("number", "hears"), [(0, True), (errno.ECONNREFUSED, True), (errno.ECONNRESET, True), (errno.ETIMEDOUT, False)]
)
def test_without_a_sender_tcps_own_answers_alone_show_that_somebody_is_there(number: int, *, hears: bool) -> None:
    assert Heard(errno=number).is_from(HERE[4]) is hears


def test_a_sender_is_compared_without_its_zone() -> None:
    assert Heard(sender=Address("fe80::1")).is_from(Address("fe80::1%eth0"))
