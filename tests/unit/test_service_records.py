"""HTTPS and SVCB records as RFC 9460 has them: what is asked, aliases, which records are used."""

import itertools
import socket
from collections.abc import Sequence

import pytest

from dualstack import Address, Dialer
from dualstack.core.dial.egress import ANYWHERE, EgressPolicy
from dualstack.core.dial.service_records import (
    ALIAS_STEPS,
    SERVICES_MAX,
    Query,
    ServiceRecord,
    followed,
    judged,
    query_of,
)
from dualstack.net.dial.service_lookup import look_up_services
from dualstack.net.names.search import Plain, Search
from support.dialling import Resolver

WWW = Query("www.example", "HTTPS")


@pytest.mark.parametrize(
    ("port", "service", "default_port", "expected"),
    [
        (443, "https", 443, Query("www.example", "HTTPS")),
        (8443, "https", 443, Query("_8443._https.www.example", "HTTPS")),
        (53, "dns", 53, Query("_dns.www.example", "SVCB")),
        (853, "dns", 53, Query("_853._dns.www.example", "SVCB")),
        (9, "odd", None, Query("_9._odd.www.example", "SVCB")),
    ],
)
def test_the_name_that_is_asked_for(port: int, service: str, default_port: int | None, expected: Query) -> None:
    assert query_of("www.example", port, service, default_port) == expected


class Zone:
    """Records by name; who asks is remembered."""

    def __init__(self, **records: Sequence[ServiceRecord]) -> None:
        self._records = records
        self.asked: list[str] = []

    def __call__(self, name: str) -> Sequence[ServiceRecord]:
        self.asked.append(name)
        return self._records.get(name.removesuffix(".example"), ())


def alias(owner: str, target: str) -> ServiceRecord:
    return ServiceRecord(f"{owner}.example", 0, target)


def record(owner: str, priority: int = 1, **more: object) -> ServiceRecord:
    return ServiceRecord(f"{owner}.example", priority, **more)  # type: ignore[arg-type]


def test_records_come_by_priority() -> None:
    two, one = record("www", 2), record("www", 1)
    assert followed(WWW, "www.example", Zone(www=[two, one])) == [one, two]


def test_a_name_without_records_has_no_services() -> None:
    zone = Zone()
    assert followed(WWW, "www.example", zone) == []
    assert zone.asked == ["www.example"]


def test_an_alias_is_followed_and_what_stands_beside_it_is_ignored() -> None:
    there = record("pool", port=8443)
    zone = Zone(www=[record("www"), alias("www", "pool.example")], pool=[there])
    assert followed(WWW, "www.example", zone) == [there]
    assert zone.asked == ["www.example", "pool.example"]


def test_where_aliases_end_without_records_their_end_is_the_service() -> None:
    zone = Zone(www=[alias("www", "pool.example")])
    assert followed(WWW, "www.example", zone) == [ServiceRecord("pool.example", 0, "pool.example")]


def test_an_alias_to_the_target_itself_changes_nothing() -> None:
    port = Query("_8443._https.www.example", "HTTPS")
    zone = Zone(**{"_8443._https.www": [alias("_8443._https.www", "www.example")]})
    assert followed(port, "www.example", zone) == []


def test_an_alias_to_nothing_says_that_there_is_no_service() -> None:
    assert followed(WWW, "www.example", Zone(www=[alias("www", "")])) == []


@pytest.mark.parametrize("steps", [ALIAS_STEPS, ALIAS_STEPS + 1])
def test_aliases_are_followed_so_many_steps(steps: int) -> None:
    names = ["www", *(f"step{number}" for number in range(1, steps + 1))]
    chain = {here: [alias(here, f"{there}.example")] for here, there in itertools.pairwise(names)}
    end = record(names[-1])
    zone = Zone(**chain, **{names[-1]: [end]})
    assert followed(WWW, "www.example", zone) == ([end] if steps == ALIAS_STEPS else [])
    assert len(zone.asked) == ALIAS_STEPS + 1


def test_an_alias_to_itself_ends() -> None:
    assert followed(WWW, "www.example", Zone(www=[alias("www", "www.example")])) == []


@pytest.mark.parametrize(
    ("more", "why_not"),
    [
        ({}, ""),
        ({"mandatory": (1, 2, 3, 4, 6)}, ""),
        ({"mandatory": (3, 5)}, "it must not be used without understanding key5"),
        ({"mandatory": (9999, 65280)}, "it must not be used without understanding key9999, key65280"),
        ({"has_ech": True}, ""),
        ({"alpn": ("h3", "h3-29"), "no_default_alpn": True}, "it speaks h3, h3-29 alone, which goes over QUIC"),
        ({"alpn": ("h3",)}, ""),
        ({"alpn": ("h3", "h2"), "no_default_alpn": True}, ""),
        ({"no_default_alpn": True}, ""),
    ],
)
def test_which_records_are_used(more: dict[str, object], why_not: str) -> None:
    given = record("www", **more)
    assert list(judged([given])) == [(given, why_not)]


def test_no_more_services_are_used_than_so_many() -> None:
    unknown = record("odd", mandatory=(9999,))
    reasons = [
        why_not for _, why_not in judged([unknown, *(record("www", each) for each in range(1, SERVICES_MAX + 2))])
    ]
    assert [not why_not for why_not in reasons] == [False, *[True] * SERVICES_MAX, False]
    assert reasons[-1] == f"there are {SERVICES_MAX} before it"


class Services(Resolver):
    """A scripted resolver that has service records too."""

    def __init__(self, records: dict[str, Sequence[ServiceRecord] | Exception]) -> None:
        super().__init__({})
        self._by_name = records
        self.kinds: list[str] = []

    def in_hosts_file(self, name: str) -> tuple[Address, ...]:
        return (Address("::1"),) if name == "listed.example" else ()

    def server_for(self, _name: str) -> None:
        """None of these servers is real."""

    def records(self, name: str, kind: str) -> Sequence[ServiceRecord]:
        self.kinds.append(kind)
        found = self._by_name.get(name, ())
        if isinstance(found, Exception):
            raise found
        return found


def services_of(port: int, service: str, outlet: EgressPolicy, resolver: Services) -> object:
    search = Search("www.example", (6, 4), Plain(resolver))
    return look_up_services(search, port, service, outlet, resolver, discover=False)


def looked_up(records: dict[str, Sequence[ServiceRecord] | Exception], port: int = 443) -> object:
    return services_of(port, "https", ANYWHERE, Services(records))


def test_hints_have_their_sources_and_the_name_is_the_targets_own() -> None:
    found = looked_up({"www.example": [record("www", port=8443, hints=(Address("127.0.0.1"), Address("::1")))]})
    (service,) = found.services
    assert (service.name, service.port) == (None, 8443)
    assert [(hint.address, hint.source) for hint in service.hints] == [
        (Address(a), Address(a)) for a in ("127.0.0.1", "::1")
    ]


@pytest.mark.parametrize(
    ("port", "name", "given", "expected"),
    [
        (443, "www.example", record("www", target="WWW.example"), None),
        (443, "www.example", record("www", target="pool.example"), "pool.example"),
        (443, "www.example", ServiceRecord("canonical.example", 1), None),
        (8443, "_8443._https.www.example", record("_8443._https.www"), "_8443._https.www.example"),
        (8443, "_8443._https.www.example", record("_8443._https.www", target="www.example"), None),
    ],
    ids=["named", "another", "behind a CNAME", "its own name with a port", "named with a port"],
)
def test_whose_addresses_a_service_has(port: int, name: str, given: ServiceRecord, expected: str | None) -> None:
    (service,) = looked_up({name: [given]}, port).services
    assert service.name == expected


def test_a_hint_that_may_not_be_dialled_is_left_out() -> None:
    outlet = Dialer(family=4).outlet
    given = {"www.example": [record("www", hints=(Address("::1"), Address("127.0.0.1")))]}
    found = services_of(443, "https", outlet, Services(given))
    assert [str(left.address) for left in found.left_out] == ["::1"]
    assert [str(hint.address) for hint in found.services[0].hints] == ["127.0.0.1"]


def test_a_record_that_is_not_used_is_told_without_its_hints() -> None:
    (service,) = looked_up({"www.example": [record("www", mandatory=(9999,), hints=(Address("::1"),))]}).services
    assert service.why_not
    assert not service.hints


def test_records_alike_in_priority_come_in_any_order() -> None:
    alike = [record("www", target=f"{number}.example") for number in range(6)]
    orders = {tuple(each.name for each in looked_up({"www.example": alike}).services) for _ in range(40)}
    assert len(orders) > 1


@pytest.mark.parametrize(("number", "timed_out"), [(socket.EAI_AGAIN, True), (socket.EAI_FAIL, False)])
def test_a_lookup_that_fails_is_an_answer_too(number: int, *, timed_out: bool) -> None:
    found = looked_up({"www.example": socket.gaierror(number, "no")})
    assert (found.error.errno, found.error.timed_out, found.error.query) == (number, timed_out, "www.example")


def test_a_dialler_with_a_service_takes_a_resolver_that_knows_them() -> None:
    with pytest.raises(ValueError, match="takes a resolver that has service records"):
        Dialer(service="https")
    assert Dialer(service="https", resolver=Services({})).knows_services
    assert not Dialer().knows_services


def test_of_a_service_that_is_no_web_the_systems_table_has_the_port() -> None:
    resolver = Services({})
    services_of(143, "imap", ANYWHERE, resolver)
    assert resolver.kinds == ["SVCB"]
