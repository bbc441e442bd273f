"""Laws of a ping: whatever the network does, the counts agree and it comes to an end."""

from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.ping.probes import Lost, Reply, ReplyKind, Schedule, Trouble
from support.pinging import GROUP, HOST, OTHER, World, answer, failure

DELAYS = st.floats(0, 10, allow_nan=False)
HAPPENINGS = st.tuples(
    DELAYS,
    st.sampled_from([answer(), answer(OTHER), failure()]) | st.builds(lambda at: answer(stamped_s=at), DELAYS),
)
SENDS = st.lists(HAPPENINGS, max_size=4) | st.builds(lambda: OSError(105, "No buffer space available"))
SCRIPTS = st.lists(SENDS, min_size=1, max_size=6)


def ran(script: list[list[tuple[float, object]] | OSError], *, is_group: bool) -> World:
    world = World(GROUP if is_group else HOST, Schedule(len(script), 1.0, 2.0), script)  # type: ignore[arg-type]
    world.run()
    return world


@given(SCRIPTS, st.booleans())
def test_every_probe_that_was_sent_is_received_or_lost(
    script: list[list[tuple[float, object]] | OSError],
    is_group: bool,  # noqa: FBT001 - Hypothesis gives it by position
) -> None:
    world = ran(script, is_group=is_group)
    report = world.pinging.report()
    assert report.sent == sum(not isinstance(each, OSError) for each in script)
    assert report.received + report.lost == report.sent
    assert (report.times is not None) == report.is_answered
    assert world.now <= len(script) + 2.0


@given(SCRIPTS, st.booleans())
def test_what_was_told_adds_up_to_the_report(
    script: list[list[tuple[float, object]] | OSError],
    is_group: bool,  # noqa: FBT001 - Hypothesis gives it by position
) -> None:
    world = ran(script, is_group=is_group)
    report = world.pinging.report()
    told = [event for _, event in world.told]
    replies = [event.kind for event in told if isinstance(event, Reply)]
    assert sum(each.received for each in report.answerers) == replies.count(ReplyKind.ANSWER)
    assert (report.duplicates, report.late) == (replies.count(ReplyKind.DUPLICATE), replies.count(ReplyKind.LATE))
    assert sum(each.count for each in report.errors) == sum(isinstance(event, Trouble) for event in told)
    lost = [event.sequence for event in told if isinstance(event, Lost)]
    assert len(lost) == len(set(lost))
    if report.times is not None:
        times = report.times
        assert 0 <= times.min_s <= times.avg_s + 1e-9
        assert times.avg_s <= times.max_s + 1e-9
        assert times.mdev_s <= times.max_s - times.min_s + 1e-6
