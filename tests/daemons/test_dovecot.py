"""dovecot speaks the family it was told to; through the relay, mail is read over the other (B1, B5).

Server and relay share the port number 143: one has it for IPv4, the other for IPv6.
"""

import shutil
from pathlib import Path

import pytest

from conftest import MakeNamespace
from dualstack.lab.host import Host
from support.program import Dualstack, Program, dualstack

pytestmark = [pytest.mark.root, pytest.mark.daemon("dovecot")]

CONFIGURATION = """
protocols = imap
listen = {listen}
base_dir = {directory}/run
state_dir = {directory}/state
log_path = /dev/stderr
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{directory}/mail/%u
first_valid_uid = 1
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={directory}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = 143
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""
MAIL = "Subject: both families\r\n\r\nRead me over either.\r\n"


class Dovecot(Program):
    """dovecot with one user, ann, who has one message; `listen` is its own setting."""

    def __init__(self, host: Host, directory: Path, listen: str) -> None:
        maildir = directory / "mail" / "ann"
        for name in ("new", "cur", "tmp"):
            (maildir / name).mkdir(parents=True)
        (maildir / "new" / "1.host").write_bytes(MAIL.encode())
        for path in (maildir, *maildir.rglob("*")):
            shutil.chown(path, "nobody", "nogroup")
        path = directory / "dovecot.conf"
        path.write_text(CONFIGURATION.format(listen=listen, directory=directory), encoding="utf-8")
        super().__init__("dovecot", "-F", "-c", path, host=host)

    def _started(self) -> None:
        # Written once it listens.
        self.err.until("starting up for imap")


def read_first_mail(host: str) -> str | None:
    """What IMAP gives to ann at this address; None where she is refused."""
    import imaplib

    try:
        mailbox = imaplib.IMAP4(host, 143, timeout=20)
    except ConnectionRefusedError:
        return None
    with mailbox:
        mailbox.login("ann", "secret")
        mailbox.select()
        return mailbox.fetch("1", "(BODY[])")[1][0][1].decode()


@pytest.mark.parametrize(
    ("listen", "reached", "missed"),
    [("*", "127.0.0.1", "::1"), ("[::]", "::1", "127.0.0.1")],
    ids=["IPv4 only", "IPv6 only"],
)
def test_dovecot_on_one_family_is_read_over_the_other(
    namespace: MakeNamespace, directory: Path, listen: str, reached: str, missed: str
) -> None:
    host = namespace()
    with Dovecot(host, directory, listen) as dovecot:
        assert host.call(read_first_mail, reached) == MAIL
        assert host.call(read_first_mail, missed) is None

        ours, target = (f"[{a}]" if ":" in a else a for a in (missed, reached))
        with Dualstack("relay", f"{ours}:143", f"{target}:143", host=host):
            assert host.call(read_first_mail, missed) == MAIL
            assert host.call(read_first_mail, reached) == MAIL
        assert f"rip={reached}" in dovecot.err.until("Login: user=<ann>")


def test_a_relay_on_the_port_of_a_running_dovecot_is_refused_by_name(namespace: MakeNamespace, directory: Path) -> None:
    host = namespace()
    with Dovecot(host, directory, "*, [::]"):
        refused = dualstack("relay", "127.0.0.1:143", "127.0.0.1:1143", host=host)
    assert refused.returncode == 69
    assert "cannot listen on 127.0.0.1:143: address in use by 0.0.0.0:143 (dovecot, pid" in refused.stderr
    assert "Traceback" not in refused.stderr
