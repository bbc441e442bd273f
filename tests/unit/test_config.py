"""The gateway's TOML: what each key means, and one clear line for each thing that can be wrong."""

from math import inf
from pathlib import Path

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint, Wildcard
from dualstack.core.planning.configuration import Configuration, Link, Port, Service, Sockets
from dualstack.core.planning.targets import ExecTarget, ForwardTarget, ProxyProtocol, UnixTarget
from dualstack.errors import AddressError, ConfigError, ExitCode
from dualstack.gateway.config.schema import configuration_keys
from dualstack.gateway.config.target_text import parse_target_text
from dualstack.gateway.config.toml import load, parse

WHOLE = """
user = "nobody"
control = "/run/x.sock"
log = "json"
[ports.tcpip]
bind = "0.0.0.0"
[ports.TCPIP6]
bind = "::"
v6only = true
interface = "eth0"
[ports.any]
[[services]]
name = "imap"
ports = ["tcpip", "tcpip6"]
port = "imap"
to = "127.0.0.1:1143"
access = ["deny 192.0.2.0/24", "allow any"]
reach = ["allow public"]
nat64 = ["64:ff9b::/96"]
sockets = "pair"
idle_timeout = 60
connect_timeout = 1.5
max_connections = 10
max_per_client = 2
drain = 0
[[services]]
name = "echo"
listen = ["*", "[::]"]
port = 7
to = "exec:/bin/cat -u 'a b'"
[[links]]
to = "*.internal"
ports = ["tcpip"]
"""


def test_every_key_arrives() -> None:
    config = parse(WHOLE, "whole.toml")
    assert config == Configuration(
        services=(
            Service(
                "imap",
                Endpoint(Address("127.0.0.1"), 1143),
                ports=("tcpip", "tcpip6"),
                port=143,
                access=("deny 192.0.2.0/24", "allow any"),
                reach=("allow public",),
                nat64=("64:ff9b::/96",),
                sockets=Sockets.PAIR,
                idle_timeout_s=60.0,
                connect_timeout_s=1.5,
                max_connections=10,
                max_per_client=2,
                drain_s=0.0,
            ),
            Service(
                "echo",
                ExecTarget(("/bin/cat", "-u", "a b")),
                listen=(Endpoint(Wildcard.ANY, 7), Endpoint(Address("::"), 7)),
                port=7,
            ),
        ),
        ports=(
            Port("tcpip", Address("0.0.0.0")),
            Port("TCPIP6", Address("::"), v6only=True, interface="eth0"),
            Port("any", Wildcard.ANY),
        ),
        links=(Link("*.internal", ("tcpip",)),),
        where="whole.toml",
        user="nobody",
        control="/run/x.sock",
        log="json",
    )


def test_with_ipv6_off_every_service_connects_over_ipv4_alone() -> None:
    text = "[[services]]\nname='a'\nlisten='*:1'\nto='b:1'"
    assert parse(text, "f").services[0].families == {4, 6}
    assert parse(f"ipv6 = false\n{text}", "f").services[0].families == {4}
    assert not parse(f"ipv6 = false\n{text}", "f").ipv6


def test_what_is_not_written_has_its_default() -> None:
    (service,) = parse("[[services]]\nname='a'\nlisten='*:1'\nto='unix:/run/a.sock'", "f").services
    assert service.target == UnixTarget("/run/a.sock")
    assert (service.idle_timeout_s, service.connect_timeout_s, service.drain_s) == (inf, 30.0, 30.0)
    assert (service.max_connections, service.max_per_client, service.access) == (None, None, ())


FORWARD = "[[services]]\nname = 'a'\nforward = ['socks5']\nlisten = '*:1'\n"
SERVICE = "[[services]]\nname = 'a'\nto = '127.0.0.1:9'\nlisten = '*:1'\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = = 1", "f: not TOML: "),
        ("", "f: services: is missing"),
        ("services = []", "f: services: expected a list of length >= 1"),
        (SERVICE + "prot = 1", "f: services[0] (a).prot: unknown key; did you mean port?"),
        (SERVICE + "zzz = 1", "f: services[0] (a).zzz: unknown key; known keys are name, to, protocol"),
        (
            "colour = 1\n" + SERVICE,
            "f: colour: unknown key; known keys are services, ports, links, user, control, log, ",
        ),
        (SERVICE + "port = []", "f: services[0] (a).port: expected a whole number or a text, got a list"),
        (SERVICE + "drain = -1", "f: services[0] (a).drain: -1: expected a number >= 0.0"),
        (SERVICE + "idle_timeout = 0", "f: services[0] (a).idle_timeout: 0: expected a number > 0.0"),
        (SERVICE + "sockets = 'both'", 'f: services[0] (a).sockets: \'both\': expected "auto" | "single" | "pair"'),
        (SERVICE + "protocol = 'sctp'", "f: services[0] (a).protocol: 'sctp': expected \"tcp\""),
        ("[[services]]\nname='a'\nlisten='*:1'", "f: services[0] (a).to: is missing"),
        (SERVICE + "forward = ['socks5']", "f: services[0] (a).forward: stands beside `to`"),
        (SERVICE + "users = {a = 'b'}", "f: services[0] (a).users: asks for passwords"),
        (SERVICE + "proxy_in = ['any']", "f: services[0] (a).proxy_in: 'any': "),
        (SERVICE + "protocol = 'udp'\nproxy_in = ['::/0']", "f: services[0] (a).proxy_in: is for connections"),
        (SERVICE + "protocol = 'udp'\nproxy_out = 2", "f: services[0] (a).proxy_out: is for connections"),
        (SERVICE + "protocol = 'udp'\nforward = ['socks5']", "f: services[0] (a).forward: is for connections"),
        (SERVICE + "proxy_out = 3", "f: services[0] (a).proxy_out: 3: expected 1 | 2"),
        (FORWARD + "proxy_out = 1", "f: services[0] (a).proxy_out: has no place in a forward proxy"),
        (FORWARD + "users = {'a:b' = 'c'}", "f: services[0] (a).users.a:b: a name and a password have 1 to 255 bytes"),
        (FORWARD + "users = {a = ''}", "f: services[0] (a).users.a: a name and a password have 1 to 255 bytes"),
        (FORWARD + "access = ['allow all']", "f: services[0] (a).access: "),
        (
            FORWARD.replace("socks5", "socks6"),
            'f: services[0] (a).forward[0]: \'socks6\': expected list of "socks5" | "socks4a" | "http-connect"',
        ),
        ("[[services]]\nname='a'\nto='h:1'", "f: services[0] (a): needs either `ports`"),
        (SERVICE + "ports = ['p']", "f: services[0] (a): needs either `ports`"),
        ("[[services]]\nname=''\nto='h:1'\nlisten='*:1'", "f: services[0].name: is empty"),
        (SERVICE + SERVICE.replace("'a'", "'A'"), "f: services[1].name: 'A' stands twice"),
        ("[ports.p]\n[ports.P]\n" + SERVICE, "f: ports.P: 'P' stands twice"),
        ("[ports.A]\n" + SERVICE, "f: ports.A: a service with `listen` has this name"),
        ("[ports.p]\nbind = '127.1'\n" + SERVICE, "f: ports.p.bind: '127.1': "),
        ("[ports.p]\nbnd = '::'\n" + SERVICE, "f: ports.p.bnd: unknown key; did you mean bind?"),
        ("[ports.p]\nv6only = 1\n" + SERVICE, "f: ports.p.v6only: 1: expected true or false, got a whole number"),
        (SERVICE.replace("*:1", "*:99999"), "f: services[0] (a).listen: "),
        (SERVICE.replace("*:1", "*"), "f: services[0] (a).listen: "),
        (SERVICE + "port = 70000", "f: services[0] (a).port: "),
        (SERVICE + "port = 'no-such-service'", "f: services[0] (a).port: "),
        (SERVICE.replace("127.0.0.1:9", "127.0.0.1"), "f: services[0] (a).to: "),
        (SERVICE.replace("127.0.0.1:9", "exec:"), "names no command"),
        (SERVICE.replace("127.0.0.1:9", 'exec:a "b'), "the command's words cannot be split"),
        (SERVICE.replace("127.0.0.1:9", "unix:"), "names no socket"),
        ("[ports.'']\n" + SERVICE, "f: ports.'': is empty; give it a name"),
        ("[ports.'a/b']\n" + SERVICE, "f: ports.'a/b': 'a/b': a name has no / and no control characters"),
        ('[ports."a\\u0007"]\n' + SERVICE, "a name has no / and no control characters"),
        (SERVICE.replace("'a'", "'a/b'"), "f: services[0].name: 'a/b': a name has no /"),
        (SERVICE.replace("'a'", '"a\\n"'), "a name has no / and no control characters"),
        ("ports.x = 5\n" + SERVICE, "f: ports.x: 5: expected a table, got a whole number"),
        ("[ports.p]\nbind = '10.0.0.1'\nv6only = true\n" + SERVICE, "f: ports.p.v6only: 10.0.0.1 is IPv4"),
        ("[ports.p]\nbind = '::ffff:0.0.0.0'\nv6only = true\n" + SERVICE, "f: ports.p.v6only: ::ffff:0.0.0.0 is IPv4"),
        (SERVICE + "nat64 = ['::/1']", "f: services[0] (a).nat64: "),
        (SERVICE + "nat64 = ['::/1']\naccess = ['allow any']", "f: services[0] (a).nat64: "),
        (SERVICE + "drain = nan", "f: services[0] (a).drain: "),
        (SERVICE.replace("127.0.0.1:9", "unix:/" + "x" * 120), "f: services[0] (a).to: "),
        (SERVICE.replace("127.0.0.1:9", "unix:/" + "x" * 120), "the path of a Unix socket has at most 10"),
        (f"control = '/{'x' * 120}'\n{SERVICE}", "f: control: "),
        ("control = ''\n" + SERVICE, "f: control: "),
        (SERVICE + "access = ['permit any']", "f: services[0] (a).access: "),
        (SERVICE + "reach = ['allow 10/8']", "f: services[0] (a).reach: "),
        (SERVICE + "access = 'allow any'", "f: services[0] (a).access: 'allow any': expected a list, got a text"),
        (SERVICE + "[[links]]\nto = 'x'\nports = []", "f: links[0].ports: expected a list of length >= 1"),
        (SERVICE + "[[links]]\nto = 'x'\nport = 'p'", "f: links[0].port: unknown key; did you mean ports?"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_its_key(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == ExitCode.WRONG_VALUE


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"none\.toml: cannot be read: No such file or directory; name a file that can be"
    ):
        load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    with pytest.raises(ConfigError, match=r"is not UTF-8 \(byte 2\)"):
        load(tmp_path / "latin.toml")


def test_a_target_is_a_host_a_socket_or_a_command() -> None:
    assert parse_target_text("mail.test:imap") == Endpoint("mail.test", 143)
    assert parse_target_text("unix:/a b") == UnixTarget("/a b")
    assert parse_target_text("exec:sh -c 'echo $HOME'") == ExecTarget(("sh", "-c", "echo $HOME"))
    with pytest.raises(AddressError):
        parse_target_text("unix:/a\0b")


def test_every_key_explains_itself() -> None:
    keys = {key.key: key for key in configuration_keys()}
    assert all(key.meaning and key.type and key.default for key in keys.values())
    assert keys["services.idle_timeout"].type == "seconds"
    assert keys["services.name"].default == "required"
    assert keys["services.sockets"].type == '"auto" | "single" | "pair"'
    assert {"user", "control", "log", "ports.NAME.bind", "links.ports", "services.access"} <= set(keys)


def test_a_forward_proxy_is_read_with_its_users_and_keeps_their_passwords_to_itself() -> None:
    (service,) = parse(FORWARD + "users = {ann = 'secret'}\nproxy_in = ['10.0.0.0/8']", "f").services
    assert service.target == ForwardTarget((ProxyProtocol.SOCKS5,), (("ann", "secret"),))
    assert str(service.target) == "wherever socks5 asks for"
    assert "secret" not in repr(service)
    assert service.proxy_in == ("10.0.0.0/8",)
