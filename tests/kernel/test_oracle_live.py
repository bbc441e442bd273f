"""The oracle held against this kernel, in namespaces of its own: pairs of sockets and random cases (X3, N6)."""

import json

import pytest

from dualstack.core.address.address import Address
from dualstack.core.oracle.case import Case, Sock, Step
from dualstack.core.oracle.case_json import case_document
from dualstack.core.oracle.systems import STACKS
from dualstack.kernel.trial.namespace import answers, open_namespace
from dualstack.kernel.trial.namespace_specs import GROUNDS, spec_of
from dualstack.lab.network import why_no_network
from support.command import Run


@pytest.fixture(autouse=True)
def namespaces() -> None:
    if why := why_no_network():
        pytest.skip(why)


@pytest.mark.parametrize("setting", GROUNDS)
def test_the_kernel_does_as_predicted(setting: str) -> None:
    task = {"seed": 7, "seconds": 3, "randoms": 0}
    with open_namespace(GROUNDS[setting], task) as child:
        said = list(answers(child))
    assert [each for each in said if "case" in each] == []
    assert said[-1]["cases"] > 0


def made(case: Case) -> dict[str, object]:
    with open_namespace(spec_of(case), {"case": case_document(case)}) as child:
        (answer,) = answers(child)
    assert answer["differences"] == []
    return answer["kernel"]


def tcp(*sockets: Sock) -> Case:
    steps = tuple(Step(call, index) for index in range(len(sockets)) for call in ("bind", "listen"))
    return Case(STACKS["linux"], "tcp", sockets, steps, (Address("127.0.0.1"),), sources=(Address("127.0.0.1"),))


@pytest.mark.root
@pytest.mark.parametrize(("thief", "errno"), [(0, None), (65534, "EADDRINUSE")])
def test_a_port_is_not_stolen_by_another_user(thief: int, errno: str | None) -> None:
    """U11: the same user's second socket shares the port, another user's is refused."""
    mine = Sock(4, Address("127.0.0.1"), reuseport=True)
    assert made(tcp(mine, Sock(4, Address("127.0.0.1"), reuseport=True, uid=thief)))["steps"][2] == errno


def test_a_link_local_address_on_two_interfaces_is_two_addresses() -> None:
    sockets = (Sock(6, Address("fe80::1%eth7")), Sock(6, Address("fe80::1%eth8")))
    assert made(tcp(*sockets))["steps"] == [None] * 4


def test_a_case_is_made_on_interfaces_of_the_numbers_that_it_says() -> None:
    case = tcp(Sock(6, Address("fe80::1%41")), Sock(6, Address("fe80::1%41")))
    assert made(case)["steps"] == [None, None, "EADDRINUSE", "skipped"]


def test_verify_ends_with_how_many_cases_it_held(run: Run) -> None:
    code, out, _ = run("explain", "--verify", "--seconds", "1", "--json")
    document = json.loads(out)
    assert (code, document["version"], document["disagreements"]) == (0, 1, [])
    assert document["cases"] == sum(each["cases"] for each in document["settings"].values()) > 0
