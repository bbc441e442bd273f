"""Laws of the oracle: what must hold for any case, on any system (X3)."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.address.address import Address
from dualstack.core.oracle.case import SKIPPED, UNKNOWN, Call, Case, Prediction, Sock, Step
from dualstack.core.oracle.case_json import case_document, prediction_document, read_case
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.systems import STACKS
from dualstack.errors import CaseError

IPV4 = ("0.0.0.0", "127.0.0.1", "10.0.0.1", "10.0.0.2")
IPV6 = ("::", "::1", "fd00::1", "fe80::1%eth0", "fe80::1%eth1", "::ffff:0.0.0.0", "::ffff:10.0.0.1")
TO = ("127.0.0.1", "10.0.0.1", "10.0.0.9", "::1", "fd00::1", "fe80::1%eth0")

sockets = st.builds(
    Sock,
    st.just(4) | st.just(6),
    st.sampled_from(IPV4 + IPV6).map(Address),
    st.none() | st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from((0, 0, 1000)),
    st.booleans(),
)


@st.composite
def cases(draw: st.DrawFn, os: tuple[str, ...] = tuple(STACKS)) -> Case:
    made = draw(st.lists(sockets, min_size=1, max_size=5))
    index = st.integers(0, len(made) - 1)
    to = [Address(text) for text in draw(st.lists(st.sampled_from(TO), unique=True))]
    sources = [Address("10.0.0.7") if address.version == 4 else Address("fd00::7") for address in to]
    calls = draw(
        st.lists(
            st.builds(
                lambda socket, op, address: Call(socket, op, address.version, address),
                index,
                st.sampled_from(("connect", "sendto")),
                st.sampled_from(IPV4 + IPV6 + ("fe80::1", "224.0.0.1")).map(Address),
            ),
            max_size=3,
        )
    )
    return Case(
        STACKS[draw(st.sampled_from(os))],
        draw(st.sampled_from(("tcp", "udp"))),
        tuple(made),
        tuple(draw(st.lists(st.builds(Step, st.sampled_from(("bind", "listen")), index), max_size=12))),
        tuple(to),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.none() | st.just(frozenset(Address(text) for text in (*IPV4[1:], *IPV6[1:5])))),
        draw(st.sampled_from(({}, {"eth0": 2, "eth1": 3}))),
        tuple(sources),
        tuple(calls),
    )


@given(cases())
def test_every_step_destination_and_call_has_one_answer(case: Case) -> None:
    made = predict(case)
    assert len(made.steps) == len(case.steps)
    assert len(made.deliveries) == len(case.destinations)
    assert len(made.calls) == len(case.calls)
    assert all((delivery.errno is None) == bool(delivery.receivers) for delivery in made.deliveries)
    assert all((outcome.wire is None) or outcome.errno is None for outcome in made.calls)


@given(cases())
def test_a_case_survives_its_line(case: Case) -> None:
    again = read_case(case_document(case))
    assert again == case
    assert prediction_document(again, predict(again)) == prediction_document(case, predict(case))


@given(cases())
def test_only_what_was_bound_and_listens_receives(case: Case) -> None:
    made = predict(case)
    entry = "listen" if case.proto == "tcp" else "bind"
    receiving = {s.socket for s, o in zip(case.steps, made.steps, strict=True) if s.call == entry and o.errno is None}
    assert {each.socket for delivery in made.deliveries for each in delivery.receivers} <= receiving


@given(cases())
def test_a_mapped_address_is_seen_on_af_inet6_sockets_alone(case: Case) -> None:
    for to, delivery in zip(case.destinations, predict(case).deliveries, strict=True):
        for each in delivery.receivers:
            mapped = to.version == 4 and case.sockets[each.socket].family == 6
            assert each.local.is_mapped == each.peer.is_mapped == mapped


@given(cases())
def test_a_failed_step_changes_nothing(case: Case) -> None:
    """Without the steps that failed for another's sake, the rest goes as before."""
    made = predict(case)
    kept = [n for n, outcome in enumerate(made.steps) if outcome.errno not in {"EADDRINUSE", "EACCES", SKIPPED}]
    again = predict(replace(case, steps=tuple(case.steps[n] for n in kept), calls=()))
    assert again.deliveries == made.deliveries
    assert [o.errno for o in again.steps] == [made.steps[n].errno for n in kept]


@given(cases(os=("linux",)))
def test_linux_is_whole(case: Case) -> None:
    made: Prediction = predict(case)
    assert UNKNOWN not in {outcome.errno for outcome in made.steps} | {each.errno for each in made.deliveries}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = ("os", "proto", "bindv6only", "ipv6", "local", "interfaces", "sockets", "steps", "to", "calls")


@given(json_values | st.dictionaries(st.sampled_from(KEYS), json_values))
def test_any_json_is_a_case_or_a_case_error(document: object) -> None:
    """Never anything else."""
    try:
        case = read_case(document)
    except CaseError:
        return
    predict(case)
