"""`dualstack proxy` as a process: ready, serving, drained; what is wrong is said before anything listens."""

import socket

from dualstack.core.address.endpoint import parse_target
from dualstack.wire.socks5 import client_greeting, client_request, reply_size
from support.command import Run
from support.program import Dualstack


def ask(proxy: tuple[str, int], target: str) -> bytes:
    """The answer to a request by SOCKS5."""
    with socket.create_connection(proxy, timeout=20) as client, client.makefile("rb") as answer:
        client.sendall(client_greeting() + client_request(parse_target(target)))
        return answer.read(2 + reply_size(b"\5\0\0\1"))


def test_it_says_where_it_listens_and_serves_both_loopbacks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Dualstack("proxy", "localhost:0", "--drain", "0") as proxy:
        assert [each["service"] for each in proxy.sockets] == ["proxy", "proxy"]
        for host in ("127.0.0.1", "::1"):
            answer = ask((host, proxy.port), f"localhost:{server.getsockname()[1]}")
            assert answer[:6] == b"\5\0\5\0\0\1"


def test_rules_from_the_command_line_are_kept_and_refusals_logged() -> None:
    with Dualstack("proxy", "127.0.0.1:0", "--reach", "deny 127.0.0.0/8", "--reach", "allow any") as proxy:
        assert ask(("127.0.0.1", proxy.port), "0.0.0.0:9")[2:4] == b"\5\2"
        line = proxy.err.until("refused")
        assert "target=0.0.0.0:9" in line
        assert "rule `deny 127.0.0.0/8` denies it" in line


def test_one_family_and_one_protocol_may_be_asked_for() -> None:
    with Dualstack("proxy", "[::1]:0", "--v6only", "-6", "--protocol", "socks5") as proxy:
        assert ask(("::1", proxy.port), "127.0.0.1:9")[2:3] == b"\5"
        assert "only IPv6 may be dialled" in proxy.err.until("unreached")


def test_a_wrong_rule_or_protocol_is_told(run: Run) -> None:
    code, _, said = run("proxy", "localhost:0", "--access", "allow everybody")
    assert code == 78
    assert "allow everybody" in said
    assert run("proxy", "localhost:0", "--protocol", "socks6")[0] == 2
