"""What Domino's documents say of notes.ini: the keys that bear on sockets, and the servers that listen on its ports.

Each row names its source. What no document says is not here, and `core.domino.meaning` does not read it.
"""

from dataclasses import dataclass

__all__ = ["KEYS", "NRPC", "NRPC_NUMBER", "SERVERS", "Key", "Server"]

_SOCKETS = "HCL: Receiving incoming connections on IPv6 or IPv4 sockets"
_EXAMPLES = "HCL: Examples of using NOTES.INI variables with IPv6"
_BINDING = "HCL: Binding an NRPC port to an IP address"
_ORDER = "HCL: Reordering multiple server ports for TCP/IP"
_NUMBERS = "HCL: Changing a TCP or SSL port number"
_TECHNOTE = "IBM technote 1097004"
_DIIOP = "IBM technote 1236597"
_MADICON = "madicon.de: Notes.ini parameters"

NRPC = "nrpc"
"""Notes' own protocol, which every port of the file serves."""

NRPC_NUMBER = 1352
"""Its port number (IANA; HCL: Changing a TCP or SSL port number)."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is read; `NAME` in it stands for a port's."""

    key: str
    meaning: str
    source: str


KEYS = (
    Key("Ports", "the ports that are up, in order; the first serves whom no other key places", _ORDER),
    Key("DisabledPorts", "ports that are down: no service listens there", _MADICON),
    Key("NAME", "`TCP,...` makes it a port for IP; its other fields are not read, nor any other driver", _BINDING),
    Key("NAME_TcpIpAddress", "`0,ADDRESS[:PORT]`, IPv6 in brackets: what it is bound to; `0` is any", _BINDING),
    Key("TCP_EnableIPv6", "`1` turns IPv6 on; it is off where the key is missing", _EXAMPLES),
    Key("TCP_DefaultZone", "the zone of link-local addresses that have none", _EXAMPLES),
    Key("SMTPNotesPort", "one or more names of ports on which SMTP listens", _SOCKETS),
    Key("POP3NotesPort", "the same of POP3", _TECHNOTE),
    Key("IMAPNotesPort", "the same of IMAP", _TECHNOTE),
    Key("LDAPNotesPort", "the same of LDAP", _TECHNOTE),
    Key("DIIOPNotesPort", "the same of DIIOP", _DIIOP),
    Key("HTTPNotesPort", "the same of HTTP, whose addresses HCL's documents leave to the Server document", _MADICON),
)


@dataclass(frozen=True, slots=True)
class Server:
    """An Internet server.

    Args:
        name: of the service.
        key: names the ports where it listens.
        number: its port number, unless the Server document, which is not read, has another.
        uses_first_port: whether it listens on the first of `Ports` where its key is missing.
        is_tls: whether it is the TLS half of a server: the Server document says if that is on, so it must be asked for.
        source: of the number.
    """

    name: str
    key: str
    number: int
    uses_first_port: bool = True
    is_tls: bool = False
    source: str = _NUMBERS


SERVERS = (
    Server("smtp", "SMTPNotesPort", 25),
    Server("smtps", "SMTPNotesPort", 465, is_tls=True),
    Server("pop3", "POP3NotesPort", 110),
    Server("pop3s", "POP3NotesPort", 995, is_tls=True),
    Server("imap", "IMAPNotesPort", 143),
    Server("imaps", "IMAPNotesPort", 993, is_tls=True),
    Server("ldap", "LDAPNotesPort", 389),
    Server("ldaps", "LDAPNotesPort", 636, is_tls=True),
    Server("http", "HTTPNotesPort", 80, uses_first_port=False),
    Server("https", "HTTPNotesPort", 443, uses_first_port=False, is_tls=True),
    Server("diiop", "DIIOPNotesPort", 63148, uses_first_port=False),
    Server("diiops", "DIIOPNotesPort", 63149, uses_first_port=False, is_tls=True),
)
