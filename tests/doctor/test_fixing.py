"""The edit that serves both families, as somebody would make it."""

import pytest

from dualstack.doctor.assumed_host import assumed_host
from dualstack.doctor.examine import Question, examine
from dualstack.doctor.fixing import command_fix, fix
from dualstack.doctor.formats.command_line import split_command
from dualstack.doctor.registry import daemon_named
from dualstack.doctor.tree import Tree

FILES = [
    ("nginx", "/etc/nginx/nginx.conf", "http { server { listen 8080 default_server; } }\n", "listen [::]:8080"),
    ("apache2", "/etc/apache2/apache2.conf", "Listen 0.0.0.0:80\n", "+Listen *:80"),
    ("dovecot", "/etc/dovecot/dovecot.conf", "protocols = imap\nssl = no\nlisten = *\n", "+listen = *, ::"),
    ("postfix", "/etc/postfix/main.cf", "inet_protocols = ipv4\n", "+inet_protocols = all"),
    ("sshd", "/etc/ssh/sshd_config", "AddressFamily inet\n", "+AddressFamily any"),
    ("redis", "/etc/redis/redis.conf", "bind 0.0.0.0\n", "+bind 0.0.0.0 ::"),
    ("postgresql", "/var/lib/pgsql/data/postgresql.conf", "listen_addresses = '0.0.0.0'\n", "+listen_addresses = '*'"),
    ("mariadb", "/etc/my.cnf", "[mysqld]\nbind-address = 0.0.0.0\n", "+bind-address = *"),
    ("haproxy", "/etc/haproxy/haproxy.cfg", "frontend f\n  bind :::80 v6only\n", "+  bind :::80 v4v6"),
    ("bip", "/etc/bip.conf", 'ip = "0.0.0.0";\nport = 7778;\n', '+ip = "::";'),
    ("ejabberd", "/etc/ejabberd/ejabberd.yml", "listen:\n  -\n    port: 5222\n", '+    ip: "::"'),
    ("vsftpd", "/etc/vsftpd.conf", "listen=YES\n", "+listen_ipv6=YES"),
]
COMMANDS = [
    ("gunicorn", "gunicorn -b 0.0.0.0:8000 app:wsgi", "gunicorn -b '[::]:8000' app:wsgi"),
    ("uvicorn", "uvicorn --host :: app:app", "uvicorn --host '' app:app"),
    ("memcached", "memcached -l 0.0.0.0", "memcached -l 0.0.0.0,::"),
    ("rsyncd", "rsync --daemon --ipv4", "rsync --daemon"),
]


@pytest.mark.parametrize(("daemon", "path", "text", "expected"), FILES, ids=[row[0] for row in FILES])
def test_the_edit_of_a_file(daemon: str, path: str, text: str, expected: str) -> None:
    edit = fix(examine(Question(daemon_named(daemon), Written(path, text), assumed_host([]), path)))
    assert edit is not None
    assert expected in edit


class Written(Tree):
    """One file that is a text alone."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__("/nonexistent", {path: text})
        self._path = path

    def has(self, path: str) -> bool:
        return path == self._path

    def with_text(self, path: str, text: str) -> Tree:
        return Written(path, text)


@pytest.mark.parametrize(("daemon", "command", "expected"), COMMANDS, ids=[row[0] for row in COMMANDS])
def test_the_command_that_serves_both(daemon: str, command: str, expected: str) -> None:
    _, argv = split_command(command)
    assert (
        command_fix(examine(Question(daemon_named(daemon), Tree("/nonexistent"), assumed_host([]), "", "", argv)))
        == expected
    )


def test_what_serves_both_is_left_alone() -> None:
    path, text = "/etc/apache2/apache2.conf", "Listen 80\n"
    answer = examine(Question(daemon_named("apache2"), Written(path, text), assumed_host([]), path))
    assert fix(answer) is None
