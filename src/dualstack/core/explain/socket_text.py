"""A socket as people write it: `tcp [::]:80 v6only=0 reuseaddr`, and `*:80` for what this project opens there.

    socket = [ "tcp" | "udp" ] ADDRESS ":" PORT *( option )
    option = "v6only=" ( "0" | "1" ) | "reuseaddr" | "reuseport" | "exclusive" | "uid=" NUMBER

Without options it is the socket of a program that sets none. The families are those of the addresses; a mapped one is
bound on an AF_INET6 socket, as programs do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import ServiceNumber, Wildcard, bracketed, parse_host_port
from dualstack.core.host.facts import HostFacts
from dualstack.core.oracle.case import Sock
from dualstack.core.oracle.systems import Stack
from dualstack.core.planning.planner import plan_claims, planned_sock
from dualstack.core.planning.wildcard_split import Claim
from dualstack.errors import AddressError, CaseError

__all__ = ["Labelled", "sockets_on"]

_PROTOCOLS = ("tcp", "udp")
_OPTIONS = "v6only=0, v6only=1, reuseaddr, reuseport, exclusive, uid=NUMBER"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A socket on a port, and what it is called in an explanation."""

    label: str
    proto: str
    port: int
    sock: Sock

    @property
    def written(self) -> str:
        """It as a text of this grammar."""
        sock = self.sock
        words = [self.proto] if self.proto == "udp" else []
        words.append(f"{bracketed(sock.address)}:{self.port}")
        words += [] if sock.v6only is None else [f"v6only={int(sock.v6only)}"]
        words += [name for name in ("reuseaddr", "reuseport", "exclusive") if getattr(sock, name)]
        return " ".join([*words, *([f"uid={sock.uid}"] if sock.uid else [])])


def sockets_on(stack: Stack, texts: Sequence[str], service: ServiceNumber | None = None) -> tuple[Labelled, ...]:
    """The sockets of `texts` on a system; `*` is one socket or two there.

    Raises:
        CaseError: a text is no socket.
    """
    return tuple(made for text in texts for made in _sockets(stack, text, service))


def _sockets(stack: Stack, text: str, service: ServiceNumber | None) -> Iterator[Labelled]:
    words = text.split()
    proto = words.pop(0) if words and words[0] in _PROTOCOLS else "tcp"
    if not words:
        raise CaseError(repr(text), "no address: write ADDRESS:PORT, such as [::]:80")
    try:
        host, port = parse_host_port(words[0], service=service)
    except AddressError as error:
        raise CaseError(repr(text), error.why) from None
    if port is None or isinstance(host, str):
        why = f"write {bracketed(host)}:PORT" if port is None else "a name is no address: look it up first"
        raise CaseError(repr(text), why)
    for sock in _asked(stack, proto, host, port):
        made = sock
        for word in words[1:]:
            made = _with_option(text, made, word)
        yield Labelled(f"{bracketed(sock.address)}:{port}", proto, port, made)


def _asked(stack: Stack, proto: str, host: Address | Wildcard, port: int) -> Iterator[Sock]:
    if isinstance(host, Address):
        yield Sock(host.version, host)
        return
    claim = Claim("", "", host, port, proto=proto)
    for spec in plan_claims([claim], HostFacts(system=stack.name)).sockets:
        yield planned_sock(spec, stack)


def _with_option(text: str, sock: Sock, word: str) -> Sock:
    name, equals, value = word.partition("=")
    if name == "v6only" and value in {"0", "1"}:
        if sock.family == 4:
            raise CaseError(repr(text), "v6only is an option of AF_INET6 sockets")
        return replace(sock, v6only=value == "1")
    if name == "uid" and value.isascii() and value.isdecimal():
        return replace(sock, uid=int(value))
    if equals or name not in {"reuseaddr", "reuseport", "exclusive"}:
        raise CaseError(repr(text), f"{word!r} is no option; there are: {_OPTIONS}")
    return replace(sock, reuseaddr=True) if name == "reuseaddr" else _shared(sock, name)


def _shared(sock: Sock, name: str) -> Sock:
    return replace(sock, reuseport=True) if name == "reuseport" else replace(sock, exclusive=True)
