"""Laws of the grammar: an endpoint's text reads back, and anything else is refused by one kind of error."""

from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.address.address import Address
from dualstack.core.address.describe import Family, describe
from dualstack.core.address.endpoint import Endpoint, Host, Wildcard, parse_host, parse_listen, parse_target
from dualstack.core.address.inet_aton import legacy_ipv4
from dualstack.errors import AddressError

LABELS = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,10}[a-z0-9_])?", fullmatch=True)
NAMES = st.builds(
    lambda labels, last: ".".join([*labels, last]), st.lists(LABELS, max_size=3), st.sampled_from(["a", "com"])
)
ADDRESSES = st.builds(Address.from_int, st.integers(0, 2**32 - 1), st.just(4)) | st.builds(
    Address.from_int, st.integers(2**48, 2**128 - 1), st.just(6), st.none() | st.sampled_from(["eth0", "7"])
)
PORTS = st.integers(1, 65535)
CONFUSING = st.text("01x79:.[]%*@, /ab-_", max_size=30)


@given(ADDRESSES | NAMES, PORTS)
def test_an_endpoint_reads_back_as_target_and_as_listener(host: Address | str, port: int) -> None:
    endpoint = Endpoint(host, port)
    assert parse_target(str(endpoint)) == endpoint
    assert parse_listen(str(endpoint)) == (endpoint,)


@given(st.lists(st.tuples(ADDRESSES | NAMES | st.just(Wildcard.ANY), PORTS), min_size=1, max_size=5))
def test_a_list_reads_back_in_order(items: list[tuple[Host, int]]) -> None:
    endpoints = tuple(Endpoint(host, port) for host, port in items)
    assert parse_listen(" , ".join(map(str, endpoints))) == endpoints


@given(CONFUSING | st.text(max_size=30))
def test_any_text_is_read_or_refused_by_an_address_error(text: str) -> None:
    for parse in (parse_target, parse_listen, parse_host):
        try:
            parse(text)
        except AddressError as error:
            assert str(error).isprintable()  # noqa: PT017 - accepted or AddressError, never anything else


@given(CONFUSING)
def test_what_inet_aton_reads_is_never_taken_for_a_name(text: str) -> None:
    if legacy_ipv4(text) is None:
        return
    assert describe(text).family is None
    for parse in (parse_host, parse_target):
        try:
            host = parse(text)
        except AddressError:
            continue
        # Digits alone are a port, and then localhost's.
        assert text.isdecimal()
        assert host == Endpoint("localhost", int(text))


@given(CONFUSING | st.text(max_size=30))
def test_a_description_has_an_error_exactly_where_it_has_no_canonical_form_and_no_name(text: str) -> None:
    described = describe(text)
    assert (described.error is None) == (described.canonical is not None or described.family is Family.NAME)
    assert described.classes
