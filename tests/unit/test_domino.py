"""What a notes.ini means: ports, services on them, and one clear line for each thing that can be wrong (D9)."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint, Wildcard
from dualstack.core.domino.keys import SERVERS
from dualstack.core.domino.meaning import Domino, Given, domino
from dualstack.core.domino.notes_ini import NotesIni
from dualstack.core.domino.toml import domino_toml
from dualstack.core.host.facts import HostFacts
from dualstack.core.planning.configuration import Configuration, Port, Service
from dualstack.core.planning.planner import plan
from dualstack.core.planning.targets import ExecTarget, UnixTarget
from dualstack.errors import ConfigError
from dualstack.gateway.config.toml import parse

WHERE = "notes.ini"
PORTS = "Ports=TCPIP,TCPIP6\nTCPIP=TCP, 0, 15, 0\nTCPIP6=TCP,0,15,0,,12288\n"
# HCL: Examples of using NOTES.INI variables with IPv6, examples 4 and 5.
BOUND = "TCPIP_TCPIPADDRESS=0,9.33.162.84:1352\nTCPIP6_TCPIPADDRESS=0,[2001:db8::93]:1352\n"
PARTITIONED = f"TCP_EnableIPv6=1\n{PORTS}{BOUND}SMTPNotesPort=TCPIP,TCPIP6\n"
ANYWHERE = Endpoint(Address("127.0.0.1"), 9)


def read(text: str, given: Given | None = None) -> Domino:
    return domino(NotesIni.parse(f"[Notes]\n{text}"), given or Given(), WHERE)


def sockets(text: str, system: str = "linux", *, ipv6: bool = True) -> list[tuple[str, str, str, bool | None, str]]:
    """Service, port, socket, V6ONLY and the rule of each socket planned."""
    facts = HostFacts(system=system, ipv6=ipv6, may_bind_low=True)
    made = plan(read(text).configuration, facts)
    assert made.conflicts == ()
    return [(s.service, s.port_name, str(s), s.v6only, s.rule or "") for s in made.sockets]


def test_a_partitioned_server_is_two_ports_with_notes_and_smtp_on_both() -> None:
    assert read(PARTITIONED).configuration == Configuration(
        services=(
            Service("nrpc", ports=("TCPIP", "TCPIP6"), port=1352),
            Service("smtp", ports=("TCPIP", "TCPIP6"), port=25),
        ),
        ports=(Port("TCPIP", Address("9.33.162.84")), Port("TCPIP6", Address("2001:db8::93"))),
        where=WHERE,
    )


# The six rules, as the document's own examples have them.
RULES = [
    ("example 1: IPv6 is off by default", "Ports=TCPIP\nTCPIP=TCP,0,15,0", [("0.0.0.0:1352", None, "D6.4")]),
    (
        "example 2: unbound, IPv6 on: one socket for both families",
        "TCP_EnableIPv6=1\nPorts=TCPIP\nTCPIP=TCP,0,15,0",
        [("[::]:1352", False, "D6.3")],
    ),
    (
        "example 3: any IPv4 is ::ffff:0.0.0.0, any IPv6 is no address",
        f"TCP_EnableIPv6=1\n{PORTS}TCPIP_TcpIpAddress=0,[::ffff:0.0.0.0]:1352",
        [("0.0.0.0:1352", None, "D6.6"), ("[::]:1352", True, "D6.3")],
    ),
    (
        "example 4: each to its address",
        f"TCP_EnableIPv6=1\n{PORTS}{BOUND}",
        [("9.33.162.84:1352", None, "D6.2"), ("[2001:db8::93]:1352", True, "D6.2")],
    ),
    (
        "the address 0 is any",
        "TCP_EnableIPv6=1\nPorts=P\nP=TCP\nP_TcpIpAddress=0,0:1353",
        [("[::]:1353", False, "D6.3")],
    ),
    ("and so is :: without IPv6", "Ports=P\nP=TCP\nP_TcpIpAddress=0,[::]", [("0.0.0.0:1352", None, "D6.1")]),
]


@pytest.mark.parametrize(("why", "text", "expected"), RULES, ids=[row[0] for row in RULES])
def test_each_socket_is_created_by_the_documents_rules(
    why: str, text: str, expected: list[tuple[str, bool | None, str]]
) -> None:
    assert [(socket, v6only, rule) for _, _, socket, v6only, rule in sockets(text)] == expected, why


def test_the_same_file_serves_both_families_on_a_system_without_dual_sockets() -> None:
    text = "TCP_EnableIPv6=1\nPorts=TCPIP\nTCPIP=TCP,0,15,0"
    assert [(socket, v6only) for _, _, socket, v6only, _ in sockets(text, "windows-2003")] == [
        ("[::]:1352", True),
        ("0.0.0.0:1352", None),
    ]


def test_any_and_a_specific_address_of_the_file_stand_side_by_side() -> None:
    text = f"TCP_EnableIPv6=1\n{PORTS}TCPIP6_TcpIpAddress=0,192.0.2.1"
    assert [(port, socket) for _, port, socket, _, _ in sockets(text)] == [
        ("TCPIP", "[::]:1352"),
        ("TCPIP6", "192.0.2.1:1352"),
    ]


def test_with_ipv6_off_connections_go_out_over_ipv4_alone() -> None:
    text = "Ports=TCPIP\nTCPIP=TCP\n"
    (service,) = read(text).configuration.services
    assert service.families == {4}
    with pytest.raises(ConfigError, match="is IPv6, and IPv4 alone is asked for"):
        plan(read(text, Given({"nrpc": Endpoint(Address("::1"), 1)})).configuration, HostFacts())
    assert read(f"TCP_EnableIPv6=1\n{text}").configuration.services[0].families == {4, 6}


def test_a_port_with_a_number_of_its_own_makes_a_service_of_its_own() -> None:
    text = f"{PORTS}TCPIP_TcpIpAddress=0,192.0.2.1:1352\nTCPIP6_TcpIpAddress=0,192.0.2.2:1353"
    other = Endpoint(Address("127.0.0.1"), 8)
    both = read(text, Given({"nrpc": ANYWHERE})).configuration.services
    assert [(s.name, s.ports, s.port, s.target) for s in both] == [
        ("nrpc", ("TCPIP",), 1352, ANYWHERE),
        ("nrpc-1353", ("TCPIP6",), 1353, ANYWHERE),
    ]
    assert read(text, Given({"nrpc": ANYWHERE, "nrpc-1353": other})).configuration.services[1].target == other
    assert [s.name for s in read(text, Given(without=frozenset({"nrpc-1353"}))).configuration.services] == ["nrpc"]
    assert read(text, Given(without=frozenset({"nrpc"}))).configuration.services == ()


ASKED = [
    ("smtp", "", ("TCPIP",), 25),
    ("smtps", "", ("TCPIP",), 465),
    ("pop3s", "POP3NotesPort=tcpip6\n", ("TCPIP6",), 995),
    ("ldap", "LDAPNotesPort=\n", ("TCPIP",), 389),
    ("http", "HTTPNotesPort=TCPIP6, TCPIP\n", ("TCPIP6", "TCPIP"), 80),
    ("diiop", "DIIOPNotesPort=TCPIP\n", ("TCPIP",), 63148),
]


@pytest.mark.parametrize(("name", "key", "ports", "number"), ASKED, ids=[row[0] for row in ASKED])
def test_a_server_with_a_target_listens_where_its_key_says_or_on_the_first_port(
    name: str, key: str, ports: tuple[str, ...], number: int
) -> None:
    made = read(PORTS + key, Given({name: ANYWHERE})).configuration.services
    assert (name, ports, number) in [(s.name, s.ports, s.port) for s in made if s.target == ANYWHERE]


def test_a_key_alone_makes_the_server_and_never_its_tls_half() -> None:
    text = f"{PORTS}IMAPNotesPort=TCPIP\nPOP3NotesPort=TCPIP6\n"
    assert [s.name for s in read(text).configuration.services] == ["nrpc", "pop3", "imap"]
    assert [s.name for s in read(text, Given(without=frozenset({"pop3"}))).configuration.services] == ["nrpc", "imap"]


def test_a_number_of_the_server_document_is_given() -> None:
    given = Given({"smtp": ANYWHERE}, {"smtp": 1025})
    assert [s.port for s in read(PORTS, given).configuration.services] == [1352, 1025]


def test_a_link_local_address_takes_the_default_zone_where_it_has_none() -> None:
    text = f"TCP_EnableIPv6=1\n{PORTS}TCPIP_TcpIpAddress=0,[fe80::1%3]\nTCPIP6_TcpIpAddress=0,[fe80::2]:1352\n"
    ports = read(f"{text}TCP_DefaultZone=4").configuration.ports
    assert [port.bind for port in ports] == [Address("fe80::1%3"), Address("fe80::2%4")]
    assert read(text).configuration.ports[1].bind == Address("fe80::2")


def test_what_is_left_out_is_told() -> None:
    text = (
        "Ports=LAN0,TCPIP,tcpip\nLAN0=NETBIOS,0,15,0\nTCPIP=TCP\nDisabledPorts=TCPIP6\nKitType=2\nSMTPNotesPort=x\n"
        "SMTPNotesPort=TCPIP,TCPIP6\nkittype=3\nodd\nTCPIP_TcpConnectTimeout=0,30\n"
    )
    found = read(text)
    assert found.configuration.ports == (Port("tcpip", Wildcard.ANY),)
    assert found.notes == (
        "line 3: LAN0=NETBIOS,0,15,0: no TCP port, left out",
        "line 8: SMTPNotesPort=TCPIP,TCPIP6: TCPIP6 stands in DisabledPorts, left out",
        "line 7: SMTPNotesPort=x: replaced by line 8",
        "no settings of [Notes], left out: line 10",
        "nrpc: no target; to run it, add --to nrpc=HOST:PORT",
        "smtp: no target; to run it, add --to smtp=HOST:PORT",
    )
    assert [setting.key for setting in found.not_read] == ["KitType", "kittype", "TCPIP_TcpConnectTimeout"]


WRONG = [
    ("", "notes.ini: Ports: is missing, so no port is up; write Ports=TCPIP and TCPIP=TCP,0,15,0"),
    ("Ports= ,", "Ports: is missing"),
    ("Ports=TCPIP", "line 2: Ports: there is no line TCPIP=TCP,0,15,0; add it, or take TCPIP out"),
    ("Ports=a/b\na/b=TCP", "'a/b': a name has no / and no control characters"),
    ("Ports=COM1\nCOM1=XPC,1,15,0", "names no port for TCP"),
    ("Ports=A\nA=TCP\nDisabledPorts=a", "A stands in DisabledPorts too"),
    ("Ports=A\nA=TCP\nTCP_EnableIPv6=yes", "line 4: TCP_EnableIPv6: 'yes': expected 1"),
    ("Ports=A\nA=TCP\nSMTPNotesPort=B", "line 4: SMTPNotesPort: there is no port 'B'; there are: A"),
    ("Ports=A\nA=TCP\nSMTPNotesPort=B\nDisabledPorts=B", "all of its ports stand in DisabledPorts"),
    ("Ports=A\nA=TCP\nA_TcpIpAddress=192.0.2.1", "line 4: A_TcpIpAddress: '192.0.2.1': expected 0,ADDRESS"),
    ("Ports=A\nA=TCP\nA_TcpIpAddress=1,192.0.2.1", "expected 0,ADDRESS"),
    ("Ports=A\nA=TCP\nA_TcpIpAddress=0,", "expected 0,ADDRESS"),
    ("Ports=A\nA=TCP\nA_TcpIpAddress=0,*:1352", "expected 0,ADDRESS"),
    ("Ports=A\nA=TCP\nA_TcpIpAddress=0,1352", "expected 0,ADDRESS"),
    ("Ports=A\nA=TCP\nA_TcpIpAddress=0,mail.example", "expected 0,ADDRESS"),
    ("Ports=A\nA=TCP\nA_TcpIpAddress=0,192.0.2.1:0", "expected 0,ADDRESS"),
    ("Ports=A\nA=TCP\nA_TcpIpAddress=0,192.0.2.256", "A_TcpIpAddress: '192.0.2.256'"),
    ("Ports=A\nA=TCP\nA_TcpIpAddress=0,[2001:db8::1]", "is IPv6, which is off; write TCP_EnableIPv6=1, or bind IPv4"),
    (
        "Ports=A\nA=TCP\nTCP_EnableIPv6=1\nA_TcpIpAddress=0,[fe80::1]\nTCP_DefaultZone=a%b",
        "line 6: TCP_DefaultZone: 'fe80::1%a%b'",
    ),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[row[0].replace("\n", " ") for row in WRONG])
def test_what_is_wrong_is_told_with_its_line_and_the_remedy(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert said in str(caught.value)


GIVEN_WRONG = [
    (Given({"ftp": ANYWHERE}), "no service 'ftp' in notes.ini; there are: nrpc, smtp, smtps, pop3"),
    (Given(without=frozenset({"nrpc-9"})), "no service 'nrpc-9'"),
    (Given(numbers={"nrpc": 1353}), "no port number is taken for 'nrpc', but for: smtp, smtps"),
    (Given({"http": ANYWHERE}), "HTTPNotesPort: is missing, and where http listens then stands in the Server document"),
]


@pytest.mark.parametrize(("given", "said"), GIVEN_WRONG, ids=[row[1] for row in GIVEN_WRONG])
def test_what_is_given_wrong_is_told(given: Given, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(PORTS, given)
    assert said in str(caught.value)


def test_services_without_a_target_are_named_all_at_once() -> None:
    found = read(PARTITIONED, Given({"smtp": ANYWHERE}))
    assert found.untargeted == ("nrpc",)
    with pytest.raises(ConfigError, match=r"no target for nrpc, and .*; add --to nrpc=HOST:PORT, or leave some out by"):
        domino_toml(found)
    read(PARTITIONED, Given({"smtp": ANYWHERE, "nrpc": ANYWHERE})).check_targets()


TOML = """\
# From notes.ini; beside each part stands the line that it came from.
# line 6: TCPIP_TcpIpAddress=0,0: replaced by line 7
ipv6 = true                             # line 2: TCP_EnableIPv6=1

[ports.TCPIP]                           # line 3: Ports=TCPIP,Second Net; line 4: TCPIP=TCP,0,15,0
bind = "192.0.2.1"                      # line 7: TCPIP_TcpIpAddress=0,192.0.2.1:1352

[ports."Second Net"]                    # line 3: Ports=TCPIP,Second Net; line 5: Second Net=TCP,0,15,0
bind = "*"                              # bound to no address

[[services]]
name = "nrpc"
ports = ["TCPIP", "Second Net"]         # every port serves NRPC
port = 1352                             # line 7: TCPIP_TcpIpAddress=0,192.0.2.1:1352; bound to no address
to = "unix:/run/nrpc"                   # as given
idle_timeout = inf                      # notes.ini has none: a silent connection stays

[[services]]
name = "smtp"
ports = ["Second Net", "TCPIP"]         # line 8: SMTPNotesPort=second net,TCPIP
port = 25                               # its default (HCL: Changing a TCP or SSL port number)
to = "exec:/bin/cat 'a \\"b'"            # as given
"""


def test_the_toml_of_a_file_names_the_line_beside_each_part() -> None:
    text = (
        "TCP_EnableIPv6=1\nPorts=TCPIP,Second Net\nTCPIP=TCP,0,15,0\nSecond Net=TCP,0,15,0\nTCPIP_TcpIpAddress=0,0\n"
        "TCPIP_TcpIpAddress=0,192.0.2.1:1352\nSMTPNotesPort=second net,TCPIP\n"
    )
    given = Given({"nrpc": UnixTarget("/run/nrpc"), "smtp": ExecTarget(("/bin/cat", 'a "b'))})
    found = read(text, given)
    assert domino_toml(found) == TOML
    assert parse(TOML, WHERE) == found.configuration


def test_the_servers_that_listen_on_all_ports_where_they_have_none_of_their_own() -> None:
    assert {server.name for server in SERVERS if not server.uses_first_port} == {"http", "https", "diiop", "diiops"}
    assert [server.name for server in SERVERS if server.is_tls] == [
        server.name for server in SERVERS if server.name.endswith("s")
    ]
