"""Laws of the table of flows: it is bounded, no conversation makes room, and its books balance."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.flow_table import CONVERSATION_IDLE_S, Flow, FlowLimits, FlowTable

CLIENTS = "abc"
# Of which a sum is exact, so that 30 seconds are 30.
SECONDS = st.integers(0, 40 << 10).map(lambda parts: parts / 1024)
EVENTS = st.lists(
    st.tuples(st.sampled_from(["asks", "is answered", "is left alone"]), st.integers(0, 9), SECONDS),
    max_size=80,
)


@given(EVENTS, st.integers(1, 6), st.integers(1, 4) | st.none())
def test_whatever_comes_the_table_keeps_its_limits_and_its_conversations(
    events: list[tuple[str, int, float]], most: int, per_client: int | None
) -> None:
    flows: FlowTable[Flow] = FlowTable(FlowLimits(most, per_client))
    now = 0.0
    for what, number, passed_s in events:
        now += passed_s
        for over in flows.expired(now):
            assert now - over.active >= (CONVERSATION_IDLE_S if over.is_conversation else 30.0)
        talks = {flow for flow in flows if flow.is_conversation}
        client = CLIENTS[number % len(CLIENTS)]
        flow = flows.find(number)
        if what == "asks" and flow is None and flows.make_room(client).refusal is None:
            flow = Flow(number, client)
            flows.add(flow, now)
        if flow is not None and what != "is left alone":
            (flows.asked if what == "asks" else flows.answered)(flow, now)
        assert talks <= set(flows), "a conversation never makes room"
        assert len(flows) <= most
        assert per_client is None or max(Counter(flow.client for flow in flows).values(), default=0) <= per_client
        assert flows.next_expiry() > now or not len(flows)
    for flow in flows:
        assert flows.remove(flow)
    assert (len(flows), flows._questions, flows._conversations, flows._clients) == (0, {}, {}, {})
