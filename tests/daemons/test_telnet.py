"""One telnet client for both kinds of server, one telnet server for both kinds of client (U10)."""

import json
from pathlib import Path

import pytest

from conftest import MakeNamespace
from dualstack.lab.host import Host
from support.program import Dualstack, Program

pytestmark = pytest.mark.daemon("telnet")

LOOPBACKS = ("127.0.0.1", "::1")
# The five forms of one wish, and the socket that each makes: what the kernel calls an IPv4 peer of it.
FORMS = (
    (["[::]:9999"], "::ffff:127.0.0.1"),
    (["*:9999"], "::ffff:127.0.0.1"),
    (["9999"], "::ffff:127.0.0.1"),
    (["*, [::]", "--port", "9999"], "::ffff:127.0.0.1"),
    (["0.0.0.0, [::]", "--port", "9999"], "127.0.0.1"),
)


class Telnet(Program):
    """A telnet client whose user has typed nothing yet."""

    def __init__(self, host: Host, address: str, port: int) -> None:
        self._address = address
        super().__init__("telnet", address, str(port), host=host)

    def _started(self) -> None:
        self.out.until(f"Connected to {self._address}.")


@pytest.mark.root
@pytest.mark.daemon("/usr/sbin/telnetd")
def test_one_telnetd_serves_telnet_clients_of_both_families(namespace: MakeNamespace, directory: Path) -> None:
    host = namespace()
    # telnetd ends with its program, whatever of the output it has not read yet: so that one waits to be told.
    login = program(directory / "login", 'read name; echo "welcome, $name"; read heard')
    with Dualstack("relay", "*:23", f"exec:/usr/sbin/telnetd -h -E {login}", host=host):
        for address in LOOPBACKS:
            with Telnet(host, address, 23) as telnet:
                telnet.say("ann")
                telnet.out.until("welcome, ann")
                telnet.say("heard")
                telnet.err.until("Connection closed by foreign host.")


@pytest.mark.root
@pytest.mark.daemon("/usr/sbin/telnetd")
def test_a_program_before_telnetd_knows_both_ends_of_the_connection_unmapped(
    namespace: MakeNamespace, directory: Path
) -> None:
    host = namespace()
    # telnetd keeps none of its environment for the login program.
    login = program(directory / "login", 'echo "$@"; exec cat')
    inetd = program(
        directory / "in.telnetd",
        f'exec /usr/sbin/telnetd -h -E "{login} $PROTO from $TCPREMOTEIP to $TCPLOCALIP $TCPLOCALPORT"',
    )
    with Dualstack("relay", "*:23", f"exec:{inetd}", host=host):
        for address in LOOPBACKS:
            with Telnet(host, address, 23) as telnet:
                telnet.out.until(f"TCP from {address} to {address} 23")


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(("form", "kernel_says"), FORMS, ids=[" ".join(form) for form, _ in FORMS])
def test_a_listener_shows_each_telnet_client_unmapped_and_as_the_kernel_gave_it(
    namespace: MakeNamespace, form: list[str], kernel_says: str
) -> None:
    host = namespace()
    with Dualstack("listen", *form, host=host) as listener:
        for address in LOOPBACKS:
            with Telnet(host, address, 9999):
                seen = json.loads(listener.out.until('"connected"'))
            kernel = kernel_says if address == "127.0.0.1" else address
            assert (seen["peer"], seen["kernel"]) == (address, kernel)
            assert seen["family"] == (6 if ":" in address else 4)
            assert seen["mapped"] == (kernel == "::ffff:127.0.0.1")
            assert (seen["local"], seen["kernel_local"]) == (address, kernel)


@pytest.mark.parametrize("form", [form for form, _ in FORMS if "0.0.0.0" not in form[0]], ids=" ".join)
def test_with_v6only_a_telnet_client_over_ipv4_is_refused(namespace: MakeNamespace, form: list[str]) -> None:
    host = namespace()
    with Dualstack("listen", *form, "--v6only", host=host) as listener:
        refused = host.run(["telnet", "127.0.0.1", "9999"], check=False)
        assert "Connection refused" in refused.stderr
        with Telnet(host, "::1", 9999):
            assert json.loads(listener.out.until('"connected"'))["peer"] == "::1"


@pytest.mark.parametrize("address", LOOPBACKS)
def test_the_daytime_service_tells_a_telnet_client_the_time_and_closes(namespace: MakeNamespace, address: str) -> None:
    host = namespace()
    with Dualstack("listen", "*:13", "--serve", "daytime", host=host), Telnet(host, address, 13) as telnet:
        # RFC 867: Weekday, Month Day, Year Time-Zone
        telnet.out.until("day, ")
        telnet.err.until("Connection closed by foreign host.")


@pytest.mark.parametrize("address", LOOPBACKS)
def test_the_echo_service_says_what_a_telnet_client_says(namespace: MakeNamespace, address: str) -> None:
    host = namespace()
    with Dualstack("listen", "*:7", "--serve", "echo", host=host), Telnet(host, address, 7) as telnet:
        telnet.say("both families")
        telnet.out.until("both families")
