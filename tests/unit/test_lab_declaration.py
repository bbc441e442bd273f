"""The lab's TOML: what each key means, and one clear line for each thing that can be wrong."""

from pathlib import Path

import pytest

from dualstack.core.address.prefix import Prefix
from dualstack.errors import ConfigError, ExitCode
from dualstack.lab.declaration import (
    HOSTS,
    Declaration,
    HostDeclaration,
    Kind,
    Program,
    host_declared,
    load,
    name_declared,
    parse,
)
from dualstack.lab.faults import Fault

WHOLE = """
ipv4 = "192.168.0.0/16"
ipv6 = "fd00:64::/48"
round_trip = 0.05
timeout = 5
faults = ["lookup-late 1s aaaa", "dropped ipv6 server", "delay 10ms resolver"]
[hosts]
client = "ipv6-only"
server = { kind = "dual", link = "dmz" }
gateway = { kind = "gateway" }
[names]
Both = ["server", "client"]
"www.test" = "server"
[records]
www = ["HTTPS 1 both port=8443", "SVCB 0 both"]
[serve]
server = ["python3 -m http.server --bind '::' 80", "echo 'a b'"]
[run]
client = "curl http://server.test/"
"""


def test_every_key_arrives() -> None:
    assert parse(WHOLE, "whole.toml") == Declaration(
        hosts=(
            HostDeclaration("client", Kind.IPV6_ONLY),
            HostDeclaration("server", Kind.DUAL, "dmz"),
            HostDeclaration("gateway", Kind.GATEWAY),
        ),
        names={"both": ("server", "client"), "www": ("server",)},
        records={"www": ("HTTPS 1 both port=8443", "SVCB 0 both")},
        faults=(
            Fault("lookup-late", None, 6, 1.0),
            Fault("dropped", "server", 6),
            Fault("delay", "resolver", seconds=0.01),
        ),
        programs=(
            Program("server", ("python3", "-m", "http.server", "--bind", "::", "80"), is_server=True),
            Program("server", ("echo", "a b"), is_server=True),
            Program("client", ("curl", "http://server.test/")),
        ),
        ipv4=Prefix.parse("192.168.0.0/16"),
        ipv6=Prefix.parse("fd00:64::/48"),
        round_trip_s=0.05,
        timeout_s=5.0,
    )


def test_what_is_left_out_is_two_milliseconds_a_minute_and_ranges_of_ours() -> None:
    made = parse('hosts.a1 = "dual"', "small.toml")
    assert (made.ipv4, made.ipv6, made.round_trip_s, made.timeout_s) == (None, None, 0.002, 60.0)
    assert (made.names, made.records, made.faults, made.programs) == ({}, {}, (), ())


@pytest.mark.parametrize(
    ("kind", "families"),
    [
        ("ipv4-only", (4,)),
        ("ipv6-only", (6,)),
        ("dual", (4, 6)),
        ("gateway", (4, 6)),
        ("resolver", (4, 6)),
    ],
)
def test_every_kind_has_its_families(kind: str, families: tuple[int, ...]) -> None:
    (host,) = parse(f'hosts.one = "{kind}"', "kinds.toml").hosts
    assert (host.kind.value, host.kind.families) == (kind, families)


def test_the_hosts_of_the_figure_are_each_family_twice_and_a_gateway() -> None:
    assert [host.kind.value for host in HOSTS] == ["ipv4-only", "ipv6-only", "dual"] * 2 + ["gateway"]


A_HOST = 'hosts.server = "dual"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hosts = [", "not TOML: "),
        ("", 'hosts: is missing: write hosts.NAME = "dual" for each host'),
        ("[hosts]", 'hosts: is missing: write hosts.NAME = "dual" for each host'),
        ("hosts = 1", "hosts: 1: expected a table"),
        ('hosts.x = "dul"', "hosts.x: 'dul': no kind of host; did you mean dual?"),
        ("hosts.x = 4", "hosts.x: 4: no kind of host; there are ipv4-only, ipv6-only, dual, gateway, resolver"),
        ('hosts.x = ["dual"]', "hosts.x: ['dual']: no kind of host; "),
        ('hosts.x = { link = "dmz" }', "hosts.x: None: no kind of host; "),
        ('hosts.x = { kind = "dual", lnk = "dmz" }', "hosts.x.lnk: unknown key; did you mean link?"),
        ('hosts.x = { kind = "dual", link = "" }', "hosts.x.link: '': expected the name of a link"),
        ('hosts.x = { kind = "dual", link = 3 }', "hosts.x.link: 3: expected the name of a link"),
        ('hosts.X = "dual"', "hosts.X: a host's name has small letters, digits and -, a letter first, and 32 at most"),
        ('hosts."a.b" = "dual"', "hosts.a.b: a host's name has small letters"),
        (f'hosts.{"x" * 33} = "dual"', f"hosts.{'x' * 33}: a host's name has small letters"),
        ('hosts.aaaa = "dual"', "hosts.aaaa: means a family in a fault; call the host something else"),
        (A_HOST + "host = 1", "host: unknown key; did you mean hosts?"),
        (A_HOST + "quite = 1", "quite: unknown key; "),
        (A_HOST + 'names.www = "srver"', "names.www: there is no host 'srver'; did you mean server?"),
        (A_HOST + "names.www = 1", "names.www: 1: expected a text or a list of texts"),
        (A_HOST + 'names."w w" = "server"', "names.w w: a name is labels of letters, digits, - and _"),
        (A_HOST + "records.www = 1", "records.www: 1: expected a text or a list of texts"),
        (A_HOST + "names = 1", "names: 1: expected a table"),
        (A_HOST + 'faults = "dropped server"', "faults: 'dropped server': expected a list of texts"),
        (A_HOST + "faults = [1]", "faults: [1]: expected a text or a list of texts"),
        (A_HOST + 'faults = ["droped server"]', "fault 'droped server': unknown; did you mean dropped?"),
        (
            A_HOST + 'faults = ["dropped srver"]',
            "fault 'dropped srver': there is no host srver; there are server, resolver",
        ),
        (A_HOST + 'run.client = "true"', "run.client: there is no host 'client'; there are server"),
        (A_HOST + 'serve.sever = "true"', "serve.sever: there is no host 'sever'; did you mean server?"),
        (A_HOST + "run.server = 1", "run.server: 1: expected a text or a list of texts"),
        (A_HOST + 'run.server = ""', "run.server: names no command"),
        (A_HOST + 'run.server = "echo \'a"', 'run.server: "echo \'a": its words cannot be split: No closing quotation'),
        (A_HOST + 'run = "true"', "run: 'true': expected a table"),
        (A_HOST + 'ipv4 = "10.0.0.1/8"', "ipv4: '10.0.0.1/8': bits are set beyond the prefix: write 10.0.0.0/8"),
        (A_HOST + "ipv4 = 10", "ipv4: '10': "),
        (
            A_HOST + 'ipv4 = "10.0.0.0/25"',
            "ipv4: '10.0.0.0/25': expected an IPv4 prefix of /24 or shorter, such as 10.64.0.0/16",
        ),
        (
            A_HOST + 'ipv4 = "fd00::/48"',
            "ipv4: 'fd00::/48': expected an IPv4 prefix of /24 or shorter, such as 10.64.0.0/16",
        ),
        (
            A_HOST + 'ipv6 = "fd00::/65"',
            "ipv6: 'fd00::/65': expected an IPv6 prefix of /64 or shorter, such as 2001:db8:64::/48",
        ),
        (A_HOST + 'ipv6 = "fe80::%eth0/48"', "ipv6: 'fe80::%eth0/48': expected an IPv6 prefix"),
        (A_HOST + 'round_trip = "2ms"', "round_trip: '2ms': expected seconds, 0 or more"),
        (A_HOST + "round_trip = -1", "round_trip: -1: expected seconds, 0 or more"),
        (A_HOST + "timeout = true", "timeout: True: expected seconds, 0 or more"),
        (A_HOST + "timeout = inf", "timeout: inf: expected seconds, 0 or more"),
        (A_HOST + "timeout = nan", "timeout: nan: expected seconds, 0 or more"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_key(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text, "lab.toml")
    assert str(refused.value).startswith(f"lab.toml: {expected}")
    assert refused.value.exit_code is ExitCode.WRONG_VALUE


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text(WHOLE, encoding="utf-8")
    assert load(path) == parse(WHOLE, "whole.toml")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read: No such file or directory; name a file that can be"),
        (b"\xff", "is not UTF-8 (byte 0); TOML files are"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, expected: str) -> None:
    path = tmp_path / "lab.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert str(refused.value) == f"{path}: {expected}"
    assert refused.value.exit_code is ExitCode.WRONG_VALUE


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory; name a file that can be"):
        load(tmp_path)


def test_a_host_is_declared_in_python_by_its_kind_or_the_word_for_it() -> None:
    assert host_declared("one", Kind.DUAL) == host_declared("one", "dual", "lan") == HostDeclaration("one", Kind.DUAL)


@pytest.mark.parametrize(
    ("name", "known_as"),
    [("www", "www"), ("WWW.Test", "www"), ("a.b", "a.b"), ("_dns.x", "_dns.x"), ("test", "test"), ("1", "1")],
)
def test_a_name_is_known_in_small_letters_without_the_domain(name: str, known_as: str) -> None:
    assert name_declared(name) == known_as


@pytest.mark.parametrize("name", ["", ".", "a..b", "a.", "a b", "ä", "x" * 64, ".".join(["x" * 50] * 4), "a\n"])
def test_what_no_lookup_could_ask_for_is_no_name(name: str) -> None:
    with pytest.raises(ConfigError, match="63 at most each"):
        name_declared(name)
