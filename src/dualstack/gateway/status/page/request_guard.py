"""Who may ask for the page: a browser that was pointed at it, and no other site's script in that browser.

A site whose name an attacker turns to 127.0.0.1 (DNS rebinding) gives itself away by `Host`, a request from another
site's page by `Origin` and `Sec-Fetch-Site`. The page has no password; where it listens decides who gets there.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import parse_host_port
from dualstack.errors import AddressError

__all__ = ["HEADERS", "Guard", "Refused"]

Scope = MutableMapping[str, object]
Receive = Callable[[], Awaitable[MutableMapping[str, object]]]
Send = Callable[[MutableMapping[str, object]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_NAMES = frozenset({"localhost", "localhost.", "ip6-localhost", "ip6-loopback"})

HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""What every answer says to browsers."""


class Refused(Exception):  # noqa: N818 - it is an answer
    """A request that is not answered.

    Args:
        status: of the answer.
        why: in it.
    """

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class Guard:
    """An application behind the checks, every answer with `HEADERS`.

    Args:
        application: it.
        names: by which the page may be asked for, beside those of the loopback and its own addresses.
    """

    def __init__(self, application: Application, names: Iterable[str] = ()) -> None:
        self._application = application
        self._names = LOOPBACK_NAMES | {name.casefold() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

        async def sending(message: MutableMapping[str, object]) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                assert isinstance(headers, list)  # noqa: S101 - starlette makes one
                headers += [(key.encode(), value.encode()) for key, value in HEADERS.items()]
            await send(message)

        try:
            self.check(scope)
        except Refused as refused:
            await _answer(sending, refused)
        else:
            await self._application(scope, receive, sending)

    def check(self, scope: Scope) -> None:
        """Let it pass.

        Raises:
            Refused: not.
        """
        headers = _headers(scope)
        host = self._host(headers.get(b"host", []), scope)
        if scope["method"] not in {"GET", "HEAD"}:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "this page reads only: GET and HEAD")
        for origin in headers.get(b"origin", []):
            if origin.partition("://")[2].casefold() != host:
                raise Refused(HTTPStatus.FORBIDDEN, f"Origin {origin!r} is another site")
        for site in headers.get(b"sec-fetch-site", []):
            if site not in {"same-origin", "none"}:
                why = f"Sec-Fetch-Site {site!r}: another site asks; open the page by its address"
                raise Refused(HTTPStatus.FORBIDDEN, why)

    def _host(self, given: list[str], scope: Scope) -> str:
        """The one `Host`, which is one of ours."""
        if len(given) != 1:
            raise Refused(HTTPStatus.BAD_REQUEST, f"{len(given)} Host headers, and there is to be one")
        text = given[0].casefold()
        try:
            host, _ = parse_host_port(text)
        except AddressError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f"Host: {error}") from None
        is_ours = _is_here(host, scope) if isinstance(host, Address) else str(host) in self._names
        if not is_ours and str(host) not in self._names:
            why = f"Host {text!r} is no name of this page; add it to page_hosts, or use an address it listens on"
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, why)
        return text


def _is_here(address: Address, scope: Scope) -> bool:
    """Whether it is a loopback address, or the one that the request came to."""
    server = scope.get("server")
    here = Address(str(server[0])).canonical.without_scope if isinstance(server, tuple | list) else None
    mine = address.canonical.without_scope
    return mine.is_loopback or mine == here


def _headers(scope: Scope) -> dict[bytes, list[str]]:
    found: dict[bytes, list[str]] = {}
    raw = scope["headers"]
    assert isinstance(raw, Iterable)  # noqa: S101 - ASGI has it so
    for key, value in raw:
        found.setdefault(key.lower(), []).append(value.decode("latin-1").strip())
    return found


async def _answer(send: Send, refused: Refused) -> None:
    body = f"{refused}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    if refused.status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"GET, HEAD"))
    await send({"type": "http.response.start", "status": int(refused.status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
