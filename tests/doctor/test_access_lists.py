"""Access lists of daemons, of the host and of packet filters: what they do to one family and not to the other."""

from pathlib import Path

import pytest

from dualstack.doctor.access.access_list import prefix_of
from dualstack.doctor.assumed_host import assumed_host
from dualstack.doctor.diagnose import Asked, diagnose


def found(place: Path, name: str, text: str, **others: str) -> list[tuple[str, str, int]]:
    """Code, subject and line of what is found of access in a file; other files stand beside it."""
    for file, said in {name: text, **others}.items():
        path = place / file.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(said)
    report = diagnose(Asked([str(place / name)], "", "", "", assumed_host(())))
    return [
        (each.kind.code, each.subject, each.place.line if each.place else 0)
        for each in report.findings
        if "DS170" <= each.kind.code <= "DS179"
    ]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("allow 10.0.0.0/8; deny all;", "DS170"),
        ("allow 2001:db8::/32; deny all;", "DS170"),
        ("allow 10.0.0.0/8; allow 2001:db8::/32; deny all;", None),
        ("allow ::ffff:10.0.0.0/104; deny all;", "DS170"),
        ("allow 127.0.0.1; deny all;", "DS172"),
        ("allow 127.0.0.1; allow ::1; deny all;", None),
        ("allow ::1; allow 192.0.2.0/24; deny all;", "DS170"),
        ("allow 0.0.0.0/0; deny all;", "DS170"),
        ("deny 192.0.2.1;", "DS171"),
        ("deny 192.0.2.1; deny 2001:db8::1; allow all;", None),
        ("deny all;", None),
        ("allow all;", None),
        ("deny 0.0.0.0/0;", "DS170"),
        ("allow unix:; deny all;", None),
    ],
)
def test_nginx_lists_are_read_block_by_block(tmp_path: Path, rules: str, expected: str | None) -> None:
    text = f"events {{}}\nhttp {{ server {{ listen 80;\nlocation / {{ {rules} }}\nlocation /x {{ allow all; }} }} }}\n"
    assert found(tmp_path, "nginx.conf", text) == ([(expected, "nginx", 3)] if expected else [])


@pytest.mark.parametrize(
    ("allow", "expected"),
    [
        ("sshd: 192.0.2.0/255.255.255.0, 10.\n", [("DS170", "sshd", 1)]),
        ("# all\nsshd: 192.0.2.0/24 [2001:db8::]/32\n", []),
        ("sshd: .example.org\n", []),
        ("sshd: LOCAL, 10.0.0.0/8\n", []),
        ("sshd: ALL\n", []),
        ("sshd, imapd: 10.0.0.1 : allow\n", [("DS170", "sshd", 1), ("DS170", "imapd", 1)]),
        ("sshd: 10.0.0.1 : DENY\nsshd: ALL\n", [("DS171", "sshd", 1)]),
        ("ALL: 127.0.0.1\n", [("DS172", "ALL", 1)]),
        ("ALL EXCEPT sshd: 10.0.0.1\n", []),
    ],
)
def test_tcp_wrappers_are_both_files(tmp_path: Path, allow: str, expected: list[tuple[str, str, int]]) -> None:
    assert found(tmp_path, "hosts.allow", allow, hosts__deny="ALL: ALL\n") == expected
    assert found(tmp_path, "hosts.deny", "ALL: ALL\n") == []


def test_without_a_hosts_deny_everybody_comes_in(tmp_path: Path) -> None:
    assert found(tmp_path, "hosts.allow", "sshd: 10.0.0.1\n") == []
    (tmp_path / "hosts.allow").unlink()
    assert found(tmp_path, "hosts.deny", "sshd: 10.0.0.1\n") == [("DS171", "sshd", 1)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("host all all 0.0.0.0/0 md5", [("DS170", "postgresql", 2)]),
        ("host all all 0.0.0.0/0 md5\nhost all all ::/0 md5", []),
        ("hostssl all all all scram-sha-256", []),
        ("host all all 10.0.0.0 255.0.0.0 md5", [("DS170", "postgresql", 2)]),
        ("host all all 10.0.0.0/8 reject\nhost all all all md5", [("DS171", "postgresql", 2)]),
        ("host all all db.example md5\nhost all all 10.0.0.0/8 md5", []),
        ("host all all 127.0.0.1/32 trust\nhost all all ::1/128 trust", []),
        ("host all all samenet md5", []),
        ("host replication all 0.0.0.0/0 reject\nhost all all all md5", []),
        ("hostnossl all all 0.0.0.0/0 reject\nhost all all all md5", []),
        ("host replication all 10.0.0.0/8 md5\nhost all all all md5", [("DS170", "postgresql", 2)]),
        ("host a x 10.0.0.0/8 md5\nhost a x ::/0 md5\nhost b x 10.0.0.0/8 md5", [("DS170", "postgresql", 4)]),
        ("host a x 10.0.0.0/8 md5\nhost all all 2001:db8::/32 md5", [("DS170", "postgresql", 3)]),
        ("host all all 0.0.0.0/0 md5\ninclude_if_exists six.conf", []),
    ],
)
def test_postgresql_takes_the_first_line_that_fits(
    tmp_path: Path, lines: str, expected: list[tuple[str, str, int]]
) -> None:
    assert found(tmp_path, "pg_hba.conf", f"local all all peer\n{lines}\n") == expected


BIND = "bind allow-query"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("named.conf", "acl in { 10.0.0.0/8; }; options { allow-query { in; localhost; }; };", ("DS170", BIND, 1)),
        ("named.conf", "acl a { b; b; }; acl b { a; 10.0.0.0/8; }; o { allow-query { a; a; }; };", ("DS170", BIND, 1)),
        ("named.conf", "options { allow-recursion { 10.0.0.0/8; localnets; }; };", None),
        ("named.conf", "options { allow-transfer { none; }; allow-update { key k; 10.0.0.1; }; };", None),
        ("named.conf", "options {\nallow-query { !10.0.0.1; any; }; };", ("DS171", BIND, 2)),
        ("unbound.conf", "server:\n  access-control: 10.0.0.0/8 allow\n", ("DS170", "unbound", 2)),
        ("unbound.conf", "server:\n  access-control: 10.0.0.0/8 allow\n  access-control: fd00::/8 allow\n", None),
        ("unbound.conf", "server:\n  access-control: 0.0.0.0/0 allow\n  access-control: ::0/0 allow\n", None),
        ("main.cf", "mynetworks = 127.0.0.0/8 10.0.0.0/8\n", ("DS170", "postfix mynetworks", 1)),
        ("main.cf", "mynetworks = 127.0.0.0/8,\n  [::ffff:127.0.0.0]/104 [::1]/128\n", None),
        ("main.cf", "inet_protocols = ipv4\nmynetworks = 10.0.0.0/8\n", None),
        ("main.cf", "mynetworks = 10.0.0.0/8 hash:/etc/postfix/networks\n", None),
        ("nrpe.cfg", "allowed_hosts=127.0.0.1,192.0.2.7\n", ("DS170", "nrpe allowed_hosts", 1)),
        ("nrpe.cfg", "allowed_hosts=127.0.0.1,::1\n", None),
        ("nrpe.cfg", "server_port=5666\n", None),
        ("tinyproxy.conf", "Port 8888\nAllow 127.0.0.1\n", ("DS172", "tinyproxy", 2)),
        ("tinyproxy.conf", "Port 8888\nAllow 127.0.0.1\nAllow ::1\n", None),
        ("apache2.conf", "Listen 80\n<Location /a>\nRequire ip 10.1\n</Location>\n", ("DS170", "apache2", 3)),
        ("apache2.conf", "Listen 80\n<Location /a>\nRequire ip 10.1\nRequire ip 2001:db8::/32\n</Location>\n", None),
        ("apache2.conf", "Listen 80\n<Location /a>\nRequire local\n</Location>\n", None),
        ("apache2.conf", "Listen 80\n<Location /a>\nRequire ip 10.1\nRequire valid-user\n</Location>\n", None),
        ("apache2.conf", "Listen 80\n<RequireAll>\nRequire ip 10.1\n</RequireAll>\n", None),
        ("apache2.conf", "Listen 80\nRequire all denied\n", None),
    ],
)  # fmt: skip
def test_lists_of_daemons(tmp_path: Path, name: str, text: str, expected: tuple[str, str, int] | None) -> None:
    assert found(tmp_path, name, text) == ([expected] if expected else [])


IP, IP6, INET = (
    f"table {family} filter {{\n chain input {{\n  type filter hook input priority 0; policy drop;\n }}\n}}\n"
    for family in ("ip", "ip6", "inet")
)

BY_JUMP = """table ip6 filter {
 chain six {
  drop
 }
 chain input {
  type filter hook input priority 0; policy accept;
  jump six
 }
}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (IP, [("DS173", "nftables", 2)]),
        (IP6, [("DS173", "nftables", 2)]),
        (IP + IP6, []),
        (INET, []),
        (IP + INET, []),
        (IP.replace("table ip ", "table "), [("DS173", "nftables", 2)]),
        (IP.replace("drop", "accept"), []),
        (IP.replace("hook input", "hook output"), []),
        (IP.replace("policy drop;", "\n  tcp dport 25 drop"), [("DS173", "nftables", 2)]),
        (f'include "/etc/nftables.d/*"\n{IP}', []),
        (IP + BY_JUMP, []),
        (BY_JUMP, [("DS173", "nftables", 5)]),
        (BY_JUMP.replace("jump", "return #"), []),
    ],
)
def test_a_table_of_one_family_that_drops(tmp_path: Path, text: str, expected: list[tuple[str, str, int]]) -> None:
    assert found(tmp_path, "nftables.conf", f"#!/usr/sbin/nft -f\nflush ruleset\n{text}") == [
        (code, who, line + 2) for code, who, line in expected
    ]


RULES = "*filter\n:INPUT DROP [0:0]\nCOMMIT\n"


def test_iptables_rules_and_their_counterpart(tmp_path: Path) -> None:
    assert found(tmp_path, "rules.v4", RULES) == [("DS173", "iptables", 2)]
    assert found(tmp_path, "rules.v4", RULES, rules__v6=RULES) == []
    assert found(tmp_path, "rules.v4", RULES, rules__v6=RULES.replace("DROP", "ACCEPT")) == [("DS173", "iptables", 2)]
    chain = "*filter\n:INPUT ACCEPT\n:IN6 - [0:0]\n-A INPUT -j IN6\n-A IN6 -p tcp -j DROP\n"
    assert found(tmp_path, "rules.v4", RULES, rules__v6=chain) == []
    assert found(tmp_path, "rules.v4", RULES, rules__v6=chain.replace("IN6 -p", "FORWARD -p")) == [
        ("DS173", "iptables", 2)
    ]
    assert found(tmp_path, "ip6tables", "*filter\n-A INPUT -p tcp -j REJECT\n") == [("DS173", "iptables", 2)]


def test_a_root_is_looked_through(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/nftables.conf").write_text(IP)
    (tmp_path / "etc/hosts.allow").symlink_to("/etc/passwd")
    report = diagnose(Asked([], str(tmp_path), "", "", assumed_host(())))
    assert [(each.kind.code, each.place and each.place.file) for each in report.findings] == [
        ("DS173", "/etc/nftables.conf"),
    ]


@pytest.mark.parametrize(
    ("text", "mask", "expected"),
    [
        ("10.1.2.3/8", "", "10.0.0.0/8"),
        ("[2001:db8::1]/32", "", "2001:db8::/32"),
        ("::ffff:10.0.0.0/104", "", "10.0.0.0/8"),
        ("10.0.0.0", "255.0.0.0", "10.0.0.0/8"),
        ("[::1]", "", "::1/128"),
        ("www.example", "", None),
    ],
)
def test_prefixes_as_daemons_write_them(text: str, mask: str, expected: str | None) -> None:
    who = prefix_of(text, mask)
    assert (None if who is None else str(who)) == expected
