"""The one grammar: what each text means for a target and for a listener, and what is refused with which remedy."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import (
    Endpoint,
    Wildcard,
    parse_host,
    parse_host_port,
    parse_listen,
    parse_port,
    parse_target,
)
from dualstack.core.address.inet_aton import LegacyForm, legacy_ipv4
from dualstack.errors import AddressError

SERVICES = {"imap": 143, "zero": 0}.get


@pytest.mark.parametrize(
    ("text", "target", "listen"),
    [
        ("192.0.2.1:80", "192.0.2.1:80", "192.0.2.1:80"),
        ("[::1]:80", "[::1]:80", "[::1]:80"),
        ("[fe80::1%eth0]:80", "[fe80::1%eth0]:80", "[fe80::1%eth0]:80"),
        ("[::ffff:0.0.0.0]:80", "[::ffff:0.0.0.0]:80", "[::ffff:0.0.0.0]:80"),
        ("mail.example:imap", "mail.example:143", "mail.example:143"),
        ("Mail_1.example.:80", "Mail_1.example.:80", "Mail_1.example.:80"),
        ("80", "localhost:80", "*:80"),
        (":80", "localhost:80", "*:80"),
        (":imap", "localhost:143", "*:143"),
        ("*:80", None, "*:80"),
        ("*", None, "*:7"),
        ("", "localhost:7", "*:7"),
        ("::", "[::]:7", "[::]:7"),
        ("::1", "[::1]:7", "[::1]:7"),
        ("[::1]", "[::1]:7", "[::1]:7"),
        ("fe80::1%eth0", "[fe80::1%eth0]:7", "[fe80::1%eth0]:7"),
        ("192.0.2.1", "192.0.2.1:7", "192.0.2.1:7"),
        ("localhost", "localhost:7", "localhost:7"),
        ("imap", "imap:7", "imap:7"),
        ("0", None, "*:0"),
        ("localhost:0", None, "localhost:0"),
        ("[::1]:zero", None, "[::1]:0"),
    ],
)
def test_each_text_means_one_thing(text: str, target: str | None, listen: str) -> None:
    assert [str(endpoint) for endpoint in parse_listen(text, port=7, service=SERVICES)] == [listen]
    if target is None:
        with pytest.raises(AddressError):
            parse_target(text, port=7, service=SERVICES)
    else:
        assert str(parse_target(text, port=7, service=SERVICES)) == target


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*, [::]", ["*:143", "[::]:143"]),
        ("0.0.0.0,[::]:993", ["0.0.0.0:143", "[::]:993"]),
        (" localhost\t,imap:imap , 25", ["localhost:143", "imap:143", "*:25"]),
    ],
)
def test_a_listen_setting_is_a_list_in_order(text: str, expected: list[str]) -> None:
    assert [str(endpoint) for endpoint in parse_listen(text, port=143, service=SERVICES)] == expected


@pytest.mark.parametrize("text", ["*,", ",", "*,,[::]", "*, ,[::]"])
def test_an_empty_item_of_a_list_is_refused(text: str) -> None:
    with pytest.raises(AddressError, match="an item of the list is empty"):
        parse_listen(text, port=143)


REFUSED = [
    ("[::1", "the bracket is not closed"),
    ("[::1]x", "text after the bracket: write [::1]:PORT"),
    ("[::1]80", "text after the bracket: write [::1]:PORT"),
    ("[::1]:99999", "port 99999 is over 65535"),
    ("[::1]:" + "9" * 5000, "is over 65535"),
    ("[127.0.0.1]:80", "brackets are for IPv6 alone"),
    ("[localhost]:80", "brackets are for IPv6 alone"),
    ("[]:80", "brackets are for IPv6 alone"),
    ("[::ffff:1.2.3.4%eth0]:80", "a mapped address is IPv4"),
    ("127.0.0.1:80@example.com", "no user before an @"),
    ("user@[::1]:80", "no user before an @"),
    ("http://example.com", "a URL"),
    ("127.0.0.1\0:80", "a NUL"),
    ("\uff11\uff12\uff17.0.0.1:80", "only ASCII"),
    ("b\xfccher.example:80", "xn--"),
    ("127.0.0.1 :80", "a blank"),
    ("127.0.0.1:080", "leading zero"),
    ("127.0.0.1:+80", "a number from 0 to 65535 or a service's name"),
    ("127.0.0.1:-1", "a number from 0 to 65535 or a service's name"),
    ("127.0.0.1:", "no port: write one after the colon"),
    ("127.0.0.1:nope", "no service is called nope"),
    ("127.0.0.1%eth0:80", "IPv4 address has no zone"),
    ("::1:99999", "before a port, an IPv6 address stands in brackets"),
    ("host:80:90", "before a port, an IPv6 address stands in brackets"),
    ("fe80::1%eth0:80", "before a port, an IPv6 address stands in brackets"),
    ("127.1:80", "an old short form of IPv4: if 127.0.0.1 is meant, write that"),
    ("010.0.0.1:80", "an old octal form of IPv4: if 8.0.0.1 is meant, write that"),
    ("0x7f.1:80", "an old hex form"),
    ("256.0.0.1:80", "no IPv4 address"),
    ("1_27.0.0.1:80", "no IPv4 address"),
    ("example.0x1f:80", "no IPv4 address"),
    ("127.0.0.1.:80", "no IPv4 address"),
    ("127.0.0.-1:80", "not made of letters"),
    ("-a.example:80", "not made of letters"),
    ("*.example:80", "not made of letters"),
    ("a..example:80", "two dots with nothing between"),
    (".example:80", "a dot in front"),
    ("a" * 64 + ".example:80", "more than 63 characters"),
    (".".join(["a" * 49] * 6) + ":80", "at most 253 characters"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_can_be_read_in_two_ways_is_refused_with_the_reason(text: str, reason: str) -> None:
    for parse in (parse_target, parse_listen, parse_host_port):
        with pytest.raises(AddressError) as refused:
            parse(text)
        assert reason in refused.value.why
        assert refused.value.value == text


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("::", "write [::]:PORT"),
        ("::1", "write [::1]:PORT"),
        ("*", "write *:PORT"),
        ("imap", "write imap:PORT"),
        ("192.0.2.1", "write 192.0.2.1:PORT"),
        ("", "nothing is written: write *:PORT"),
    ],
)
def test_a_missing_port_shows_what_to_write(text: str, remedy: str) -> None:
    with pytest.raises(AddressError) as refused:
        parse_listen(text)
    assert remedy in refused.value.why


def test_a_target_needs_a_host_and_a_port_that_is_not_0() -> None:
    with pytest.raises(AddressError, match="a target is one host"):
        parse_target("*:80")
    with pytest.raises(AddressError, match="port 0"):
        parse_target("localhost", port=0)
    with pytest.raises(AddressError, match="write localhost:PORT"):
        parse_target("")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Wildcard.ANY),
        ("*", Wildcard.ANY),
        ("::", Address("::")),
        ("[::]", Address("::")),
        ("[fe80::1%eth0]", Address("fe80::1%eth0")),
        ("192.0.2.1", Address("192.0.2.1")),
        ("::ffff:0.0.0.0", Address("::ffff:0.0.0.0")),
        ("mail.example", "mail.example"),
    ],
)
def test_a_host_stands_alone(text: str, expected: object) -> None:
    assert parse_host(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("192.0.2.1:80", "a port has no place here: write 192.0.2.1"),
        ("[::1]:80", r"a port has no place here: write \[::1\]"),
        ("80", r"a port has no place here: write \*"),
        ("[192.0.2.1]", "brackets are for IPv6 alone"),
        ("a b", "a blank"),
        ("0x7f.1", "an old hex form"),
    ],
)
def test_a_host_with_a_port_is_refused(text: str, reason: str) -> None:
    with pytest.raises(AddressError, match=reason):
        parse_host(text)


def test_a_port_is_a_number_or_a_service() -> None:
    assert parse_port("0") == 0
    assert parse_port("65535") == 65535
    assert parse_port("imap", service=SERVICES) == 143
    for text in ("65536", "", "-1", "007", "nope", "\u0663", "8 0"):
        with pytest.raises(AddressError):
            parse_port(text, service=SERVICES)


def test_an_endpoint_is_a_value_that_gives_its_text_back() -> None:
    assert str(Endpoint(Address("::1"), 80)) == "[::1]:80"
    assert str(Endpoint(Wildcard.ANY, 0)) == "*:0"
    assert str(Endpoint("mail.example", 25)) == "mail.example:25"
    with pytest.raises(AddressError, match="a port is 0 to 65535"):
        Endpoint("mail.example", 65536)


@pytest.mark.parametrize(
    ("text", "form", "address"),
    [
        ("2130706433", LegacyForm.DECIMAL, "127.0.0.1"),
        ("0", LegacyForm.DECIMAL, "0.0.0.0"),
        ("127.1", LegacyForm.SHORT, "127.0.0.1"),
        ("127.0.1", LegacyForm.SHORT, "127.0.0.1"),
        ("169.254.43518", LegacyForm.SHORT, "169.254.169.254"),
        ("0177.0.0.1", LegacyForm.OCTAL, "127.0.0.1"),
        ("127.0.0.001", LegacyForm.OCTAL, "127.0.0.1"),
        ("017700000001", LegacyForm.OCTAL, "127.0.0.1"),
        ("0X7F.1", LegacyForm.HEX, "127.0.0.1"),
        ("0xa9.0xfe.0xa9.0xfe", LegacyForm.HEX, "169.254.169.254"),
        ("0x7f.0.1", LegacyForm.MIXED, "127.0.0.1"),
        ("0177.0x0.0x1", LegacyForm.MIXED, "127.0.0.1"),
    ],
)
def test_the_old_forms_are_known_by_name(text: str, form: LegacyForm, address: str) -> None:
    legacy = legacy_ipv4(text)
    assert legacy is not None
    assert (legacy.form, str(legacy.address)) == (form, address)


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "0.0.0.0", "", "4294967296", "256.1", "127.0.0.256", "1.2.3.4.5", "08.1", "0x", "1..1", "a.b"]
)
def test_plain_decimal_and_what_inet_aton_refuses_have_no_old_form(text: str) -> None:
    assert legacy_ipv4(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0", "an old decimal form of IPv4: if 0.0.0.0 is meant, write that; if this host, 127.0.0.1"),
        ("2130706433", "an old decimal form of IPv4: if 127.0.0.1 is meant, write that"),
        ("www:80", "a port has no place here: write www"),
    ],
)
def test_the_remedy_for_a_target_does_not_name_every_address(text: str, why: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_host(text, of_a_target=True)
    assert caught.value.why == why
