"""Which flow a datagram belongs to, when a flow is over, and who makes room for whom: the table of a UDP service.

UDP has no connections. A flow stands for one: a client, and the address that it asked. The table is modelled on the
one of Linux (net/netfilter/nf_conntrack_proto_udp.c and nf_conntrack_core.c: early_drop): a flow whose client speaks
again after an answer is a conversation, and is kept longer than one that asked once (RFC 4787 section 4.3: two minutes
at least). Where there is no room, the flow that was silent longest and is no conversation makes it. A conversation
never does: a flood of forged senders, who hear no answer, ends none. Where all flows are conversations the newcomer is
refused.

Opens no socket and asks no clock; times are whatever clock `now` is of, and it never runs backwards.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

__all__ = ["CONVERSATION_IDLE_S", "QUESTION_IDLE_S", "Flow", "FlowLimits", "FlowTable", "Room"]

QUESTION_IDLE_S, CONVERSATION_IDLE_S = 30.0, 120.0
"""How long a flow is kept that is silent: nf_conntrack_udp_timeout and nf_conntrack_udp_timeout_stream."""


@dataclass(frozen=True, slots=True)
class FlowLimits:
    """What a service allows.

    Args:
        flows: at a time.
        per_client: flows at a time of one client; None for no limit of its own.
        question_idle_s: until a silent flow is over.
        conversation_idle_s: until a silent conversation is over.
    """

    flows: int
    per_client: int | None = None
    question_idle_s: float = QUESTION_IDLE_S
    conversation_idle_s: float = CONVERSATION_IDLE_S


class Flow:
    """A client at an address of ours. Times are the table's; the fields are the table's to write.

    Args:
        key: what the datagrams of this flow have in common.
        client: whose flows are counted together.
    """

    __slots__ = ("active", "client", "is_conversation", "is_waiting", "key", "was_answered")

    def __init__(self, key: Hashable, client: str) -> None:
        self.key = key
        self.client = client
        self.active = -inf
        self.is_waiting = False
        self.was_answered = False
        self.is_conversation = False


F = TypeVar("F", bound=Flow)


@dataclass(frozen=True, slots=True)
class Room(Generic[F]):
    """Whether there is room for a flow: the one that makes it, or why there is none; neither where there was."""

    evicted: F | None = None
    refusal: str | None = None


class _Client(Generic[F]):
    """How many flows a client has, and those that are no conversation, the oldest first."""

    __slots__ = ("count", "questions")

    def __init__(self) -> None:
        self.count = 0
        self.questions: dict[F, None] = {}


class FlowTable(Generic[F]):
    """The flows of one service, at most as many as its limits say.

    `find` gives the flow of a key, None where there is none.

    Args:
        limits: what it allows; new ones count from the next flow on and end none.
    """

    find: Callable[[Hashable], F | None]

    def __init__(self, limits: FlowLimits) -> None:
        self.limits = limits
        self._flows: dict[Hashable, F] = {}
        # The dictionary's own: it is asked for each datagram.
        self.find = self._flows.get
        # The longest silent first: all flows of a kind have one limit, so this is the order in which they are over.
        self._questions: OrderedDict[F, None] = OrderedDict()
        self._conversations: OrderedDict[F, None] = OrderedDict()
        self._clients: dict[str, _Client[F]] = {}

    def __len__(self) -> int:
        return len(self._flows)

    def __iter__(self) -> Iterator[F]:
        return iter(list(self._flows.values()))

    def make_room(self, client: str) -> Room[F]:
        """Room for a new flow of `client`; the one that makes it is out of the table already."""
        limits = self.limits
        own = self._clients.get(client)
        if limits.per_client is not None and own is not None and own.count >= limits.per_client:
            return self._evict(own.questions, f"max_per_client: {limits.per_client}")
        if len(self._flows) >= limits.flows:
            return self.give_way(f"max_connections: {limits.flows}")
        return Room()

    def give_way(self, why: str) -> Room[F]:
        """Room where something else than the limits is short; `why` is the refusal where no flow may go."""
        return self._evict(self._questions, why)

    def _evict(self, flows: dict[F, None], why: str) -> Room[F]:
        for flow in flows:
            self.remove(flow)
            return Room(evicted=flow)
        return Room(refusal=why)

    def add(self, flow: F, now: float) -> None:
        """Enter a new flow."""
        flow.active = now
        self._flows[flow.key] = flow
        self._questions[flow] = None
        client = self._clients.setdefault(flow.client, _Client())
        client.count += 1
        client.questions[flow] = None

    def asked(self, flow: F, now: float) -> None:
        """A datagram came from the client."""
        flow.active = now
        flow.is_waiting = True
        if flow.is_conversation:
            self._conversations.move_to_end(flow)
        elif flow.was_answered:
            flow.is_conversation = True
            del self._questions[flow], self._clients[flow.client].questions[flow]
            self._conversations[flow] = None
        else:
            self._questions.move_to_end(flow)

    def answered(self, flow: F, now: float) -> None:
        """A datagram came from the target."""
        flow.active = now
        flow.is_waiting = False
        flow.was_answered = True
        (self._conversations if flow.is_conversation else self._questions).move_to_end(flow)

    def remove(self, flow: F) -> bool:
        """Forget a flow; whether it was there."""
        if self._flows.get(flow.key) is not flow:
            return False
        del self._flows[flow.key]
        client = self._clients[flow.client]
        if flow.is_conversation:
            del self._conversations[flow]
        else:
            del self._questions[flow], client.questions[flow]
        client.count -= 1
        if not client.count:
            del self._clients[flow.client]
        return True

    def expired(self, now: float) -> list[F]:
        """Take out the flows that are over, the longest silent first of each kind."""
        over: list[F] = []
        for flows, idle_s in self._by_kind():
            while flows and next(iter(flows)).active + idle_s <= now:
                flow = next(iter(flows))
                self.remove(flow)
                over.append(flow)
        return over

    def next_expiry(self) -> float:
        """When the next flow is over if nothing moves; `inf` for never."""
        return min((next(iter(flows)).active + idle_s for flows, idle_s in self._by_kind() if flows), default=inf)

    def _by_kind(self) -> tuple[tuple[OrderedDict[F, None], float], ...]:
        limits = self.limits
        return (self._questions, limits.question_idle_s), (self._conversations, limits.conversation_idle_s)
