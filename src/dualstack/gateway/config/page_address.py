"""Where the status page listens: a listen text in which a number alone is both loopbacks, for the page shows much."""

from collections.abc import Sequence

from dualstack.core.address.endpoint import Endpoint, parse_listen
from dualstack.net.names.services import service_port

__all__ = ["PAGE_PORT", "page_endpoints"]

PAGE_PORT = 8046
"""Its port where none is named."""


def page_endpoints(asked: bool | int | str | Sequence[str]) -> tuple[Endpoint, ...]:  # noqa: FBT001 - as the file has it
    """The endpoints of `true`, a number, a text or texts; none where there is to be no page.

    Raises:
        AddressError: it can be none.

    >>> [str(endpoint) for endpoint in page_endpoints(9000)]
    ['localhost:9000']
    """
    if isinstance(asked, bool):
        texts = ["localhost"] if asked else []
    else:
        texts = [str(asked)] if isinstance(asked, int | str) else list(asked)
    return tuple(
        endpoint
        for text in texts
        for endpoint in parse_listen(_on_loopbacks(text), port=PAGE_PORT, service=service_port)
    )


def _on_loopbacks(text: str) -> str:
    number = text.strip().removeprefix(":")
    return f"localhost:{number}" if number.isdecimal() else text
