"""The HTTP side of the forward proxy: CONNECT, and plain requests in absolute form (RFC 9112 section 3.2).

A plain request goes on in origin form, asks for the connection's end, and takes its body along and nothing else: the
next one on the same connection is a new one, with a login, rules and a server of its own (`forward.exchange`). h11
parses the head. What hop-by-hop fields ask for is between the client and us: an `Upgrade` goes to no server, which
answers as if it had not been asked for (RFC 9110 section 7.8).
"""

import base64
import binascii
import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import unquote

import h11

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint, Wildcard, parse_host_port
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.core.planning.targets import ProxyProtocol
from dualstack.errors import AddressError
from dualstack.gateway.forward.answers import REASONS, answer
from dualstack.wire.handshake import Event, IsUser, Outcome, Refusal, Request, read_destination
from dualstack.wire.http1 import HEAD_MAX, Body, Chunked, Plain, Sized

__all__ = ["HEAD_MAX", "Http"]

_END = re.compile(rb"\n\r?\n")
_SCHEME = re.compile(rb"http://", re.IGNORECASE)
_HTTP_PORT = 80
# RFC 9110 section 7.6.1: these are between the client and us, as are those that Connection names.
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authorization", b"proxy-connection", b"te", b"upgrade", b"host"}
)
# These say where the body ends, and go on whatever Connection names (RFC 9112 section 6.3).
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_STATUS: Mapping[Outcome, int] = MappingProxyType({Outcome.DENIED: 403, Outcome.TIMED_OUT: 504})
_WHY_MAX = 200


class _WrongRequest(Exception):  # noqa: N818 - it never leaves this file
    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class Http:
    """One client's request, as `Handshake` says.

    Args:
        protocols: whether CONNECT, plain requests, or both are served.
        is_user: whether a name and a password are a user's; None asks for none.
    """

    def __init__(self, protocols: Collection[ProxyProtocol], is_user: IsUser | None = None) -> None:
        self._held = bytearray()
        self._is_over = False
        self._protocols = protocols
        self._is_user = is_user

    def receive(self, content: bytes) -> list[Event]:
        """What the client's next bytes mean."""
        if self._is_over:
            return []
        # The end may have begun in what came before; what was searched is not searched again.
        start = max(len(self._held) - 2, 0)
        self._held += content
        found = _END.search(self._held, start, HEAD_MAX)
        if found is None and len(self._held) < HEAD_MAX:
            return []
        self._is_over = True
        if found is None:
            why = f"no end of the head within {HEAD_MAX} bytes"
            return [Refusal(answer(431, why), why)]
        try:
            return [self._requested(_parsed(bytes(self._held[: found.end()])), bytes(self._held[found.end() :]))]
        except _WrongRequest as error:
            return [Refusal(answer(error.status, str(error)), str(error))]

    def granted(self, _bound: SocketAddress) -> bytes:
        """The connection is made; not asked for a plain request, which its server answers."""
        return b"HTTP/1.1 200 Connection established\r\n\r\n"

    def failed(self, outcome: Outcome) -> bytes:
        """It was not."""
        return answer(_STATUS.get(outcome, 502), outcome.value)

    def _requested(self, request: h11.Request, behind: bytes) -> Request:
        is_connect = request.method == b"CONNECT"
        wanted = ProxyProtocol.HTTP_CONNECT if is_connect else ProxyProtocol.HTTP
        if wanted not in self._protocols:
            raise _WrongRequest(f"{request.method.decode()} is not served here", 501)
        if self._is_user is not None and not _is_login(request, self._is_user):
            raise _WrongRequest("no user with this password", 407)
        if is_connect:
            return Request(_destination(request.target, None), behind)
        target, path = _absolute(request)
        body = _body(request)
        is_old = request.http_version == b"1.0"
        plain = Plain(request.method, body, behind, is_old, keeps=not is_old and not _asks_to_close(request))
        return Request(target, _origin_form(request, target, path), plain)


def _parsed(head: bytes) -> h11.Request:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_MAX)
    connection.receive_data(head)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        status = error.error_status_hint
        raise _WrongRequest(_for_people(str(error)), status if status in REASONS else 400) from None
    if not isinstance(event, h11.Request) or event.http_version not in {b"1.0", b"1.1"}:
        raise _WrongRequest("no request of HTTP/1.0 or HTTP/1.1")
    return event


_AS_IN_PYTHON = re.compile(r"""(?:bytearray\()?\bb('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\)?""")


def _for_people(text: str) -> str:
    """h11 shows bytes as Python writes them."""
    text = _AS_IN_PYTHON.sub(r"\1", text)
    return text if len(text) <= _WHY_MAX else text[:_WHY_MAX] + "..."


def _is_login(request: h11.Request, is_user: IsUser) -> bool:
    """RFC 7617 section 2: `Basic`, and name, colon, password in base64."""
    for name, value in request.headers:
        scheme, _, given = value.partition(b" ")
        if name == b"proxy-authorization" and scheme.lower() == b"basic":
            try:
                user, _, password = base64.b64decode(given.strip(), validate=True).partition(b":")
            except binascii.Error:
                return False
            return is_user(user, password)
    return False


@lru_cache(maxsize=256)
def _destination(authority: bytes, default_port: int | None) -> Endpoint:
    """Where an authority leads; without a default it names its port. Clients ask the same few servers again and again.

    Raises:
        _WrongRequest: nothing that can be dialled.
    """
    text = _zone_undone(authority.decode("latin-1"))
    if default_port is not None:
        text = text.removesuffix(":") if text.count(":") == 1 or text.endswith("]:") else text  # RFC 3986 section 3.2.3
    try:
        host, port = parse_host_port(text)
        if port is None and default_port is None:
            raise _WrongRequest(f"CONNECT to {text!r} names no port: write HOST:PORT, such as {text}:443")
        named = host if isinstance(host, Address) else b"" if isinstance(host, Wildcard) else host.encode()
        return read_destination(named, default_port or 0 if port is None else port)
    except AddressError as error:
        raise _WrongRequest(str(error)) from None


_ZONE = re.compile(r"(\[[^]%]*%)25([^]]+)(\].*)")


def _zone_undone(authority: str) -> str:
    """RFC 6874: the % before a zone is written %25 in a URI, and a zone may have more of the kind."""
    found = _ZONE.fullmatch(authority)
    return authority if found is None else found[1] + unquote(found[2], "latin-1") + found[3]


def _absolute(request: h11.Request) -> tuple[Endpoint, bytes]:
    """The server of an `http://` URI, and what is asked of it (RFC 9112 section 3.2.1)."""
    scheme = _SCHEME.match(request.target)
    if scheme is None:
        raise _WrongRequest("a request to a proxy is CONNECT, or names a whole http:// URI")
    rest = request.target[scheme.end() :]
    cut = min((at for at in map(rest.find, (b"/", b"?", b"#")) if at >= 0), default=len(rest))
    authority, path = rest[:cut], rest[cut:]
    if b"#" in path:
        raise _WrongRequest("a fragment is not for servers")
    if request.method == b"OPTIONS" and not path:
        path = b"*"  # RFC 9112 section 3.2.4
    elif not path.startswith(b"/"):
        path = b"/" + path
    return _destination(authority, _HTTP_PORT), path


def _body(request: h11.Request) -> Body:
    """How the request's body ends (RFC 9112 section 6.3); h11 has read the two fields."""
    fields = dict(request.headers)
    if fields.keys() >= _FRAMING:
        raise _WrongRequest("two lengths: Content-Length beside Transfer-Encoding")
    if b"transfer-encoding" not in fields:
        return Sized(int(fields.get(b"content-length", b"0")))
    if request.http_version == b"1.0":
        raise _WrongRequest("Transfer-Encoding in a request of HTTP/1.0, which has none")
    return Chunked()


def _asks_to_close(request: h11.Request) -> bool:
    """Whether the client will not ask again; Proxy-Connection, which no RFC has, is what old clients say."""
    names = {b"connection", b"proxy-connection"}
    words = {word.strip().lower() for name, value in request.headers if name in names for word in value.split(b",")}
    return b"close" in words


def _origin_form(request: h11.Request, target: Endpoint, path: bytes) -> bytes:
    """The head as the server gets it."""
    dropped = (_HOP_BY_HOP | _named_by_connection(request.headers)) - _FRAMING
    lines = [
        b"%b %b HTTP/%b" % (request.method, path, request.http_version),
        b"Host: " + _host_of(target),
        *(raw + b": " + value for raw, value in request.headers.raw_items() if raw.lower() not in dropped),
        b"Via: %b dualstack" % request.http_version,
        b"Connection: close",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _host_of(target: Endpoint) -> bytes:
    """RFC 6874 section 1: a zone is this host's own affair, and no server's."""
    if isinstance(target.host, Address):
        target = Endpoint(target.host.without_scope, target.port)
    return str(target).removesuffix(f":{_HTTP_PORT}").encode()


def _named_by_connection(fields: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    return frozenset(
        word.strip().lower() for name, value in fields if name == b"connection" for word in value.split(b",")
    )
