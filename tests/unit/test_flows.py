"""The table of flows in virtual time: which flow, when it is over, who makes room."""

from math import inf

from dualstack.core.flow_table import CONVERSATION_IDLE_S, QUESTION_IDLE_S, Flow, FlowLimits, FlowTable


def table(flows: int = 3, per_client: int | None = None) -> FlowTable[Flow]:
    return FlowTable(FlowLimits(flows, per_client))


def begin(flows: FlowTable[Flow], key: str, now: float, client: str = "") -> Flow | None:
    """What a driver does with the first datagram of a client; None where it is refused."""
    if flows.make_room(client or key).refusal is not None:
        return None
    flow = Flow(key, client or key)
    flows.add(flow, now)
    flows.asked(flow, now)
    return flow


def converse(flows: FlowTable[Flow], key: str, now: float, client: str = "") -> Flow:
    flow = begin(flows, key, now, client)
    assert flow is not None
    flows.answered(flow, now)
    flows.asked(flow, now)
    return flow


def keys(flows: FlowTable[Flow]) -> list[object]:
    return [flow.key for flow in flows]


def test_a_datagram_finds_the_flow_of_its_key_and_no_other() -> None:
    flows = table()
    flow = begin(flows, "a", 0.0)
    assert flows.find("a") is flow
    assert flows.find("b") is None


def test_a_question_is_over_after_half_a_minute_of_silence() -> None:
    flows = table()
    flow = begin(flows, "a", 0.0)
    assert flow is not None
    assert flows.next_expiry() == QUESTION_IDLE_S
    flows.answered(flow, 10.0)
    assert flows.next_expiry() == 10.0 + QUESTION_IDLE_S, "an answer is no silence"
    assert flows.expired(39.9) == []
    assert flows.expired(40.0) == [flow]
    assert (len(flows), flows.next_expiry()) == (0, inf)


def test_who_speaks_again_after_an_answer_is_in_conversation_and_stays_two_minutes() -> None:
    flows = table()
    flow = converse(flows, "a", 0.0)
    assert flow.is_conversation
    assert flows.next_expiry() == CONVERSATION_IDLE_S
    flows.asked(flow, 50.0)
    flows.answered(flow, 60.0)
    assert flows.expired(60.0 + CONVERSATION_IDLE_S - 0.1) == []
    assert flows.expired(60.0 + CONVERSATION_IDLE_S) == [flow]


def test_who_asks_again_without_an_answer_is_not_in_conversation() -> None:
    flows = table()
    flow = begin(flows, "a", 0.0)
    assert flow is not None
    flows.asked(flow, 5.0)
    assert not flow.is_conversation
    assert flow.is_waiting
    assert flows.next_expiry() == 5.0 + QUESTION_IDLE_S


def test_the_longest_silent_question_makes_room() -> None:
    flows = table(flows=2)
    first, second = begin(flows, "a", 0.0), begin(flows, "b", 1.0)
    assert first is not None
    flows.asked(first, 2.0)
    room = flows.make_room("c")
    assert (room.evicted, room.refusal) == (second, None)
    assert keys(flows) == ["a"]


def test_a_flood_of_forged_senders_ends_no_conversation_and_the_table_does_not_grow() -> None:
    flows = table(flows=3)
    talk = converse(flows, "talk", 0.0)
    for number in range(1000):
        assert begin(flows, f"forged{number}", 1.0) is not None
        assert len(flows) <= 3
    assert flows.find("talk") is talk


def test_where_all_are_in_conversation_the_newcomer_is_refused() -> None:
    flows = table(flows=2)
    converse(flows, "a", 0.0)
    converse(flows, "b", 0.0)
    assert flows.make_room("c").refusal == "max_connections: 2"
    assert flows.give_way("no descriptors left").refusal == "no descriptors left"
    flows.expired(CONVERSATION_IDLE_S)
    assert begin(flows, "c", CONVERSATION_IDLE_S) is not None


def test_a_client_at_its_limit_gives_up_its_own_oldest_question_and_nobody_elses() -> None:
    flows = table(flows=9, per_client=2)
    begin(flows, "other", 0.0)
    oldest = begin(flows, "a1", 1.0, "a")
    begin(flows, "a2", 2.0, "a")
    assert flows.make_room("a").evicted is oldest
    assert keys(flows) == ["other", "a2"]


def test_a_client_whose_flows_are_all_conversations_is_refused_and_others_are_not() -> None:
    flows = table(flows=9, per_client=2)
    talks = [converse(flows, key, 0.0, "a") for key in ("a1", "a2")]
    assert flows.make_room("a").refusal == "max_per_client: 2"
    assert flows.make_room("b").refusal is None
    flows.remove(talks[0])
    assert flows.make_room("a").refusal is None


def test_new_limits_count_from_the_next_flow_on() -> None:
    flows = table(flows=3)
    for key in "abc":
        begin(flows, key, 0.0)
    flows.limits = FlowLimits(1, None, question_idle_s=5.0)
    assert len(flows) == 3
    assert flows.next_expiry() == 5.0
    assert [flow.key for flow in flows.expired(5.0)] == ["a", "b", "c"]


def test_a_flow_that_is_gone_is_not_removed_twice_nor_one_that_took_its_place() -> None:
    flows = table()
    old = begin(flows, "a", 0.0)
    assert old is not None
    assert flows.remove(old)
    assert not flows.remove(old)
    new = begin(flows, "a", 1.0)
    assert not flows.remove(old)
    assert flows.find("a") is new
