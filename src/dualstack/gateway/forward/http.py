"""The HTTP side of the forward proxy: CONNECT, and plain requests in absolute form (RFC 9112 section 3.2).

One request a connection: a plain one goes on in origin form and asks for the connection's end, so that the engine can
relay what follows, unread, and no second request reaches a server that it was not for. h11 parses the head.
"""

import base64
import binascii
import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

import h11

from dualstack.core.address import Address
from dualstack.core.configuration import ProxyProtocol
from dualstack.core.endpoint import Endpoint, Wildcard, parse_host_port
from dualstack.core.sockaddr import SocketAddress
from dualstack.errors import AddressError
from dualstack.wire.handshake import Event, IsUser, Outcome, Refusal, Wish, read_destination

__all__ = ["HEAD_MAX", "Http"]

HEAD_MAX = 16384
"""A longer head is refused."""

_END = re.compile(rb"\n\r?\n")
_SCHEME = re.compile(rb"http://", re.IGNORECASE)
_HTTP_PORT = 80
# RFC 9110 section 7.6.1: these are between the client and us, as are those that Connection names.
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authorization", b"proxy-connection", b"te", b"upgrade", b"host"}
)
# These say where the body ends, and go on whatever Connection names (RFC 9112 section 6.3).
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_REASONS: Mapping[int, str] = MappingProxyType(
    {
        400: "Bad Request",
        403: "Forbidden",
        407: "Proxy Authentication Required",
        431: "Request Header Fields Too Large",
        501: "Not Implemented",
        502: "Bad Gateway",
        504: "Gateway Timeout",
    }
)
_STATUS: Mapping[Outcome, int] = MappingProxyType({Outcome.DENIED: 403, Outcome.TIMED_OUT: 504})


def _answer(status: int, why: str) -> bytes:
    body = f"{why}\n".encode()
    login = 'Proxy-Authenticate: Basic realm="dualstack"\r\n' if status == 407 else ""
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n{login}"
        f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


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
        self._held = b""
        self._is_over = False
        self._is_connect = False
        self._protocols = protocols
        self._is_user = is_user

    def receive(self, content: bytes) -> list[Event]:
        """What the client's next bytes mean."""
        if self._is_over:
            return []
        self._held += content
        found = _END.search(self._held, 0, HEAD_MAX)
        if found is None and len(self._held) < HEAD_MAX:
            return []
        self._is_over = True
        if found is None:
            why = f"no end of the head within {HEAD_MAX} bytes"
            return [Refusal(_answer(431, why), why)]
        try:
            return [self._wish(_parsed(self._held[: found.end()]), self._held[found.end() :])]
        except _WrongRequest as error:
            return [Refusal(_answer(error.status, str(error)), str(error))]

    def granted(self, _bound: SocketAddress) -> bytes:
        """The connection is made; a plain request is answered by its server alone."""
        return b"HTTP/1.1 200 Connection established\r\n\r\n" if self._is_connect else b""

    def failed(self, outcome: Outcome) -> bytes:
        """It was not."""
        return _answer(_STATUS.get(outcome, 502), outcome.value)

    def _wish(self, request: h11.Request, behind: bytes) -> Wish:
        self._is_connect = request.method == b"CONNECT"
        wanted = ProxyProtocol.HTTP_CONNECT if self._is_connect else ProxyProtocol.HTTP
        if wanted not in self._protocols:
            raise _WrongRequest(f"{request.method.decode()} is not served here", 501)
        if self._is_user is not None and not _is_login(request, self._is_user):
            raise _WrongRequest("no user with this password", 407)
        if self._is_connect:
            return Wish(_destination(request.target, 0), behind)
        target, path = _absolute(request)
        return Wish(target, _origin_form(request, target, path) + behind)


def _parsed(head: bytes) -> h11.Request:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_MAX)
    connection.receive_data(head)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        status = error.error_status_hint
        raise _WrongRequest(str(error), status if status in _REASONS else 400) from None
    if not isinstance(event, h11.Request) or event.http_version not in {b"1.0", b"1.1"}:
        raise _WrongRequest("no request of HTTP/1.0 or HTTP/1.1")
    return event


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


def _destination(authority: bytes, default_port: int) -> Endpoint:
    try:
        host, port = parse_host_port(authority.decode("latin-1"))
        named = host if isinstance(host, Address) else b"" if isinstance(host, Wildcard) else host.encode()
        return read_destination(named, default_port if port is None else port)
    except AddressError as error:
        raise _WrongRequest(str(error)) from None


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


def _origin_form(request: h11.Request, target: Endpoint, path: bytes) -> bytes:
    """The head as the server gets it."""
    fields = list(request.headers)
    names = {name for name, _ in fields}
    if names >= _FRAMING:
        raise _WrongRequest("two lengths: Content-Length beside Transfer-Encoding")
    dropped = (_HOP_BY_HOP | _named_by_connection(fields)) - _FRAMING
    host = str(target).removesuffix(f":{_HTTP_PORT}").encode()
    lines = [
        b"%b %b HTTP/%b" % (request.method, path, request.http_version),
        b"Host: " + host,
        *(raw + b": " + value for raw, value in request.headers.raw_items() if raw.lower() not in dropped),
        b"Via: %b dualstack" % request.http_version,
        b"Connection: close",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _named_by_connection(fields: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    return frozenset(
        word.strip().lower() for name, value in fields if name == b"connection" for word in value.split(b",")
    )
