"""What the proxy itself says to a client of HTTP."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["REASONS", "answer"]

REASONS: Mapping[int, str] = MappingProxyType(
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


def answer(status: int, why: str) -> bytes:
    """An answer of our own, after which the connection ends."""
    body = f"{why}\n".encode()
    login = 'Proxy-Authenticate: Basic realm="dualstack"\r\n' if status == 407 else ""
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\n{login}"
        f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
