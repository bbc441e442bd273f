"""The page's server: GET alone, on sockets of ours, every file out of this package.

/               the page, whole without a script; with one it is renewed every second
/snapshot.json  what it shows, with the samples behind its charts
/metrics        the same for Prometheus
/style.css  /page.js  /icon.svg
"""

import asyncio
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, cast

import msgspec
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from dualstack.core.address.endpoint import Endpoint
from dualstack.gateway.counters.log import Log
from dualstack.gateway.listeners.http_listener import Application, Bounds, HttpListener
from dualstack.gateway.status.metrics import exposing
from dualstack.gateway.status.page.choice import Choice
from dualstack.gateway.status.page.pages import Body, Pages
from dualstack.gateway.status.page.request_guard import Guard
from dualstack.gateway.status.page.samples import SnapshotFeed, Source
from dualstack.gateway.status.slices import in_slices
from dualstack.net.listen import bind_sockets

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["BOUNDS", "Page", "application", "inheritance_name"]

_FILES: Mapping[str, str] = {
    "style.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

BOUNDS = Bounds(answer_s=30.0)
"""Of the page."""


class Page:
    """The page of one gateway.

    Args:
        where: endpoints to listen on; each family has a socket of its own.
        source: gives the snapshots.
        hosts: names by which it may be asked for.
        sockets: its sockets, where the process before this one has opened them.
        log: where it says what troubles it.
        bounds: see there.

    Raises:
        ListenError: it cannot listen there.
    """

    def __init__(
        self,
        where: Sequence[Endpoint],
        source: Source,
        *,
        hosts: Iterable[str] = (),
        sockets: Sequence[socket.socket] = (),
        log: Log | None = None,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self._watch = SnapshotFeed(source)
        self._where = where
        self.sockets = list(sockets) or bind_sockets(_listen_text(where))
        guarded = Guard(cast("Application", application(self._watch)), hosts)
        self._listener = HttpListener("page", guarded, self.sockets, bounds, log or Log())
        self._sampling: asyncio.Task[None] | None = None

    @property
    def addresses(self) -> list[str]:
        """Where it is, for browsers."""
        return [f"http://{_authority(sock)}/" for sock in self.sockets]

    @property
    def inheritance(self) -> tuple[str, Sequence[socket.socket]]:
        """As `Companion.inheritance`."""
        return inheritance_name(self._where), self.sockets

    async def leave(self) -> None:
        """As `Companion.leave`."""
        await self.close()

    def start(self) -> None:
        """Answer from now on."""
        self._listener.start()
        self._sampling = asyncio.get_running_loop().create_task(self._watch.go_on())

    async def close(self) -> None:
        """Answer no more."""
        if self._sampling is not None:
            self._sampling.cancel()
            with suppress(asyncio.CancelledError):
                await self._sampling
            self._sampling = None
        await self._listener.close()
        for sock in self.sockets:
            sock.close()


def _listen_text(where: Sequence[Endpoint]) -> str:
    return ", ".join(map(str, where))


def inheritance_name(where: Sequence[Endpoint]) -> str:
    """What tells the page at this place from whatever else stands beside a gateway."""
    return f"page {_listen_text(where)}"


def _authority(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def application(watch: SnapshotFeed) -> Starlette:
    """The page as an ASGI application, still without its guard."""
    pages = Pages(watch)

    async def first(request: "Request") -> Response:
        return _answer(request, await pages.of(Choice.of(request.url.query)), "text/html; charset=utf-8")

    async def snapshot(request: "Request") -> Response:
        shot = await watch.now()
        fields = {name: getattr(shot, name) for name in shot.__struct_fields__}
        content = msgspec.json.encode({**fields, "samples": watch.lately(shot)})
        return _answer(request, Body.of(content), "application/json")

    async def metrics(request: "Request") -> Response:
        work, content_type = exposing(await watch.now(), request.headers.get("accept", ""))
        return _answer(request, Body.of(await in_slices(work)), content_type)

    routes = [Route("/", first), Route("/snapshot.json", snapshot), Route("/metrics", metrics)]
    files_of_ours = (_file(name, kind) for name, kind in _FILES.items())
    return Starlette(routes=[*routes, *files_of_ours], exception_handlers={ValueError: _nobody_tells})


def _answer(request: "Request", body: Body, content_type: str) -> Response:
    """The body, compressed for who takes that."""
    headers = {"content-type": content_type, "vary": "accept-encoding"}
    taken = (each.partition(";")[0].strip() for each in request.headers.get("accept-encoding", "").split(","))
    if "gzip" in taken:
        return Response(body.zipped, headers={**headers, "content-encoding": "gzip"})
    return Response(body.plain, headers=headers)


async def _nobody_tells(_request: "Request", _error: Exception) -> Response:
    return Response("no worker answers at this moment\n", status_code=503, media_type="text/plain")


def _file(name: str, kind: str) -> Route:
    content = files(__package__).joinpath(name).read_bytes()

    async def answer(_request: "Request") -> Response:
        return Response(content, headers={"content-type": kind})

    return Route(f"/{name}", answer)
