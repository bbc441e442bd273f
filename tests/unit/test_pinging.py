"""`core.ping.probes` on a virtual clock: when probes go out, whose a reply is, what it all comes to, to the
millisecond."""

import errno
from collections.abc import Callable
from dataclasses import replace

import pytest

from dualstack.core.address.address import Address
from dualstack.core.ping.echo import Echo
from dualstack.core.ping.probes import Lost, Pinging, Reply, ReplyKind, Schedule, Trouble
from dualstack.core.ping.report import AddressReport, Answerer, ErrorCount, PingReport, Times
from support.pinging import GROUP, HOST, ONE, OTHER, ROUTER, TOKEN, TWO, World, answer, failure, nothing_of


def test_each_probe_is_sent_on_time_and_answered() -> None:
    world = World(HOST, Schedule(3, 1.0, 2.0), [[(0.010, answer())], [(0.030, answer())], [(0.020, answer())]])
    report = world.run()
    assert [at for at, _ in world.told] == pytest.approx([0.010, 1.030, 2.020])
    assert world.now == pytest.approx(2.020), "it ends with the last answer"
    assert (report.sent, report.received, report.lost, report.is_answered) == (3, 3, 0, True)
    assert report.times is not None
    assert (report.times.min_s, report.times.avg_s, report.times.max_s) == pytest.approx((0.010, 0.020, 0.030))
    assert report.times.mdev_s == pytest.approx((2 / 3) ** 0.5 / 100)
    assert report.answerers == (Answerer(HOST, 3, 0, report.times, 63),)


def test_a_reply_says_who_how_fast_and_from_how_far() -> None:
    world = World(HOST, Schedule(1), [[(0.25, answer())]])
    world.run()
    assert world.told == [(0.25, Reply(HOST, 1, HOST, 0.25, 63, 56))]


def test_a_probe_without_an_answer_is_lost_when_its_time_is_up_and_others_are_not_held_up() -> None:
    world = World(HOST, Schedule(2, 1.0, 0.5), [[], [(0.1, answer())]])
    report = world.run()
    assert world.told[0] == (0.5, Lost(HOST, 1))
    assert world.now == pytest.approx(1.1)
    assert (report.sent, report.received, report.lost) == (2, 1, 1)


def test_nothing_answered_is_no_times_at_all() -> None:
    report = World(HOST, Schedule(2, 1.0, 0.5), [[], []]).run()
    assert report == AddressReport(HOST, sent=2, lost=2)
    assert not report.is_answered


def test_a_late_reply_is_told_and_the_probe_stays_lost() -> None:
    world = World(HOST, Schedule(2, 1.0, 0.5), [[(0.75, answer())], [(0.01, answer())]])
    report = world.run()
    assert world.told[1] == (0.75, Reply(HOST, 1, HOST, 0.75, 63, 56, ReplyKind.LATE))
    assert (report.received, report.lost, report.late) == (1, 1, 1)


def test_a_reply_that_the_kernel_had_in_time_counts_though_it_is_read_after() -> None:
    world = World(HOST, Schedule(2, 1.0, 0.5), [[(0.75, answer(stamped_s=0.4))], [(0.01, answer())]])
    report = world.run()
    assert [event for _, event in world.told][:2] == [Lost(HOST, 1), Reply(HOST, 1, HOST, 0.4, 63, 56)]
    assert (report.received, report.lost, report.late) == (2, 0, 0)


def test_a_stamp_before_the_probe_is_no_time_and_none_below() -> None:
    world = World(HOST, Schedule(1), [[(0.1, answer(stamped_s=-1.0))]])
    report = world.run()
    assert report.times == Times(0, 0, 0, 0)


def test_a_second_reply_of_one_host_is_a_duplicate() -> None:
    world = World(HOST, Schedule(2), [[(0.1, answer()), (0.2, answer())], [(0.1, answer())]])
    report = world.run()
    assert [event.kind for _, event in world.told if isinstance(event, Reply)] == [
        ReplyKind.ANSWER,
        ReplyKind.DUPLICATE,
        ReplyKind.ANSWER,
    ]
    assert (report.received, report.duplicates) == (2, 1)
    assert report.answerers[0].duplicates == 1


def test_a_group_is_waited_for_to_the_end_and_everybody_who_answers_is_told_apart() -> None:
    script = [[(0.1, answer(ONE)), (0.3, answer(TWO))], [(0.1, answer(TWO))]]
    world = World(GROUP, Schedule(2, 1.0, 0.5), script)
    report = world.run()
    assert world.now == pytest.approx(1.5)
    assert (report.sent, report.received, report.lost) == (2, 2, 0)
    assert [(each.address, each.received) for each in report.answerers] == [(ONE, 1), (TWO, 2)]


def test_an_error_is_told_with_its_sender_and_the_probe_is_waited_for_no_longer() -> None:
    world = World(HOST, Schedule(2, 1.0, 9.0), [[(0.1, failure())], [(0.2, failure())]])
    report = world.run()
    assert world.told[0] == (0.1, Trouble(HOST, 1, ROUTER, "no route to destination"))
    assert world.now == pytest.approx(1.2)
    assert (report.sent, report.lost) == (2, 2)
    assert report.errors == (ErrorCount(ROUTER, "no route to destination", 2),)


def test_errors_are_counted_by_who_says_what() -> None:
    too_big = failure(why="packet too big", mtu=1280)
    script = [[(0.1, too_big)], [(0.1, failure(OTHER))], [(0.1, too_big)]]
    report = World(HOST, Schedule(3), script).run()
    assert report.errors == (
        ErrorCount(ROUTER, "packet too big", 2, 1280),
        ErrorCount(OTHER, "no route to destination", 1),
    )


def test_an_error_after_the_answer_is_told_and_takes_nothing_back() -> None:
    report = World(HOST, Schedule(2), [[(0.1, answer()), (0.2, failure())], [(0.1, answer())]]).run()
    assert (report.received, report.lost, len(report.errors)) == (2, 0, 1)


def test_an_answer_after_an_error_counts() -> None:
    script = [[(0.1, failure()), (0.2, answer())], [(0.1, answer())]]
    report = World(HOST, Schedule(2), script).run()
    assert (report.received, report.lost, len(report.errors)) == (2, 0, 1)


def test_an_error_after_the_time_is_up_loses_the_probe_once() -> None:
    world = World(HOST, Schedule(2, 1.0, 0.5), [[(0.9, failure())], [(0.1, answer())]])
    report = world.run()
    assert (report.received, report.lost, len(report.errors)) == (1, 1, 1)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda echo: replace(echo, identifier=78), id="another ping's identifier"),
        pytest.param(lambda echo: replace(echo, sequence=9), id="a probe not sent"),
        pytest.param(lambda echo: replace(echo, payload=b"nottoken"), id="another ping's token"),
    ],
)
def test_replies_and_errors_of_another_ping_are_not_ours(change: Callable[[Echo], Echo]) -> None:
    world = World(HOST, Schedule(1), [[(0.1, nothing_of(change)), (0.2, answer())]])
    report = world.run()
    assert world.told == [(0.2, Reply(HOST, 1, HOST, 0.2, 63, 56))]
    assert report.errors == ()


def test_a_reply_without_its_token_is_another_pings_and_an_error_without_is_ours_as_far_as_it_quotes() -> None:
    pinging = Pinging(HOST, Schedule(), identifier=77, token=TOKEN, now=0.0)
    pinging.sent(1, 0.0)
    assert pinging.reply(Echo(77, 1), HOST, hop_limit=64, now=0.1) is None
    assert pinging.trouble(Echo(77, 1, b"our"), destination=None, reporter=ROUTER, why="x") is not None
    assert pinging.trouble(Echo(77, 1, b"not"), destination=None, reporter=ROUTER, why="x") is None


def test_an_error_about_another_destination_is_not_ours() -> None:
    pinging = Pinging(ONE, Schedule(), identifier=77, token=TOKEN, now=0.0)
    pinging.sent(1, 0.0)
    assert pinging.trouble(pinging.echo(1), destination=TWO, reporter=ROUTER, why="x") is None
    # The quote has no zone.
    assert pinging.trouble(pinging.echo(1), destination=Address("fe80::1"), reporter=ROUTER, why="x") is not None


def test_an_error_of_no_probe_is_counted_and_loses_none() -> None:
    pinging = Pinging(HOST, Schedule(), identifier=77, token=TOKEN, now=0.0)
    pinging.sent(1, 0.0)
    told = pinging.trouble(None, destination=None, reporter=None, why="Network is down")
    assert told == Trouble(HOST, None, None, "Network is down")
    assert (pinging.report().lost, pinging.report().errors) == (0, (ErrorCount(None, "Network is down", 1),))


UNREACHABLE = OSError(errno.ENETUNREACH, "Network is unreachable")


def test_where_the_first_probe_cannot_be_sent_no_other_is_tried() -> None:
    world = World(HOST, Schedule(4), [UNREACHABLE])
    report = world.run()
    assert world.told == [(0.0, Trouble(HOST, 1, None, "Network is unreachable"))]
    assert world.now == 0
    assert report == AddressReport(HOST, errors=(ErrorCount(None, "Network is unreachable", 1),))


def test_where_a_later_one_cannot_be_sent_the_rest_goes_on() -> None:
    world = World(HOST, Schedule(3), [[(0.1, answer())], UNREACHABLE, [(0.1, answer())]])
    report = world.run()
    assert (report.sent, report.received, report.lost, len(report.errors)) == (2, 2, 0, 1)


def test_a_full_buffer_is_no_reason_to_give_up() -> None:
    full = OSError(errno.ENOBUFS, "No buffer space available")
    report = World(HOST, Schedule(2), [full, [(0.1, answer())]]).run()
    assert (report.sent, report.received, report.lost) == (1, 1, 0)


def test_a_ping_that_is_broken_off_has_lost_nothing_that_is_under_way() -> None:
    report = World(HOST, Schedule(9, 1.0, 5.0), [[(0.1, answer())], [], []]).run(until=2.5)
    assert (report.sent, report.received, report.lost) == (3, 1, 0)


def test_who_was_asleep_goes_on_and_catches_nothing_up() -> None:
    pinging = Pinging(HOST, Schedule(9, 1.0, 5.0), identifier=77, token=TOKEN, now=0.0)
    assert pinging.due(0.0) == 1
    assert pinging.due(0.5) is None
    assert pinging.due(60.0) == 2
    assert pinging.wake_s == 60.0
    assert pinging.due(60.0) == 3
    assert pinging.due(60.5) is None


def test_the_numbers_on_the_wire_begin_anew_and_each_reply_is_of_the_latest_probe() -> None:
    pinging = Pinging(HOST, Schedule(), identifier=77, token=TOKEN, now=0.0)
    pinging.sent(1, 0.0)
    pinging.sent(65537, 9.0)
    assert pinging.echo(65537).sequence == 1
    assert pinging.reply(pinging.echo(1), HOST, hop_limit=None, now=9.5) == Reply(HOST, 65537, HOST, 0.5, None, 56)


@pytest.mark.parametrize(
    ("size_bytes", "payload"),
    [(0, b""), (3, b"our"), (8, b"ourtoken"), (11, b"ourtoken\x08\x09\x0a")],
)
def test_a_probe_is_as_big_as_asked_and_begins_with_the_token(size_bytes: int, payload: bytes) -> None:
    pinging = Pinging(HOST, Schedule(size_bytes=size_bytes), identifier=77, token=TOKEN, now=0.0)
    assert pinging.echo(1) == Echo(77, 1, payload)
    pinging.sent(1, 0.0)
    assert pinging.reply(pinging.echo(1), HOST, hop_limit=64, now=0.1) is not None


def test_a_host_is_answered_where_each_of_its_addresses_is() -> None:
    good, bad, unsent = AddressReport(HOST, 1, 1), AddressReport(OTHER, 1, 0, 1), AddressReport(OTHER)
    for addresses, is_answered, is_sent in (
        ((good, good), True, True),
        ((good, bad), False, True),
        ((good, unsent), False, True),
        ((unsent,), False, False),
    ):
        report = PingReport("h", addresses, 1.0)
        assert (report.is_answered, report.is_sent) == (is_answered, is_sent)
