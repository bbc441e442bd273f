"""An address and a port in one text, as settings have them: `[::]:80`, `127.0.0.1:80`, `:80`, `80`, `*`."""

import re

from dualstack.doctor.listening import Place, Refused

__all__ = ["host_port", "port_number"]

_BRACKETS = re.compile(r"\[([^\]]*)\](?::(.*))?$")


def host_port(text: str, port: int, place: Place | None, *, last_colon: bool = False) -> tuple[str, int]:
    """The host, empty where none is named, and the port.

    Args:
        text: what is written.
        port: where it names none.
        place: where it stands.
        last_colon: what stands behind the last colon is the port, as haproxy and stunnel take `:::80`.

    Raises:
        Refused: it is none.
    """
    match = _BRACKETS.match(text)
    if match is not None:
        return match[1], port if match[2] in {None, ""} else port_number(match[2], place)
    if text.isdigit():
        return "", int(text)
    if text.count(":") == 1 or (last_colon and ":" in text):
        host, _, number = text.rpartition(":")
        return host, port_number(number, place) if number else port
    return text, port


def port_number(text: str, place: Place | None) -> int:
    """A port as a number; 0 lets the kernel choose.

    Raises:
        Refused: it is none.
    """
    if text.isdigit() and int(text) < 65536:
        return int(text)
    number = _SERVICES.get(text)
    if number is None:
        raise Refused(f"{text!r} is no port", place)
    return number


# IANA's names that settings use.
_SERVICES = {
    "echo": 7,
    "discard": 9,
    "daytime": 13,
    "chargen": 19,
    "time": 37,
    "ftp": 21,
    "ssh": 22,
    "telnet": 23,
    "smtp": 25,
    "domain": 53,
    "tftp": 69,
    "http": 80,
    "pop3": 110,
    "auth": 113,
    "ntp": 123,
    "imap": 143,
    "imap2": 143,
    "snmp": 161,
    "ldap": 389,
    "https": 443,
    "smtps": 465,
    "submissions": 465,
    "syslog": 514,
    "submission": 587,
    "qmqp": 628,
    "ipp": 631,
    "rsync": 873,
    "imaps": 993,
    "pop3s": 995,
    "socks": 1080,
    "mysql": 3306,
    "postgresql": 5432,
    "ircd": 6667,
    "http-alt": 8080,
    "webcache": 8080,
    "git": 9418,
}
