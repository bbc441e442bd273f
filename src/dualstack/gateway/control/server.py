"""The gateway's control API: HTTP with JSON on a Unix socket that its owner alone may open (mode 0600).

    GET  /ports                                     the ports
    POST /ports/NAME/stop?drain=SECONDS&release=1   stop one
    POST /ports/NAME/start                          start one
    POST /ports/NAME/restart                        stop it, then start it

It changes ports and nothing else.
"""

import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from dualstack.errors import ConfigError, ControlError, ListenError
from dualstack.gateway.config.target_text import checked_unix_path
from dualstack.gateway.counters.log import Log
from dualstack.gateway.listeners.http_listener import Application, Bounds, HttpListener
from dualstack.kernel.unix_sockets import connect_control_socket, open_control_socket

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["BOUNDS", "Control", "ControlledGateway", "PortControl", "PortList", "inheritance_name"]

BOUNDS = Bounds(connections=16, per_client=16, answer_s=4000.0)
"""Of it: its clients are one user's. A drain is an answer that takes its time; the command waits for an hour."""


class PortList(Protocol):
    """Who tells which ports there are."""

    async def list_ports(self) -> list[dict[str, object]]:
        """All ports, as JSON has them."""
        ...


class PortControl(Protocol):
    """Who changes ports; each method is as `PortSet` has it."""

    async def stop_port(self, name: str, *, drain_s: float | None = None, release: bool = False) -> int:
        """Stop a port; how many connections were cut."""
        ...

    async def start_port(self, name: str) -> None:
        """Start a port."""
        ...

    async def restart_port(self, name: str, *, drain_s: float | None = None, release: bool = False) -> int:
        """Stop a port and start it."""
        ...


class ControlledGateway(PortList, PortControl, Protocol):
    """Both."""


def inheritance_name(path: str) -> str:
    """What the control socket at `path` is called where one gateway leaves it to the next."""
    return f"control {Path(path)}"


class Control:
    """The control socket of one gateway.

    Args:
        gateway: whose ports it is about.
        path: where the socket is made.
        sock: it, where the gateway before this one has made it.
        log: where it says what troubles it.
        bounds: see there.

    Raises:
        ControlError: another gateway answers there, or the socket cannot be made.
        AddressError: the path is longer than the system takes.
    """

    def __init__(
        self,
        gateway: ControlledGateway,
        path: str,
        sock: socket.socket | None = None,
        *,
        log: Log | None = None,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self._gateway = gateway
        self._path = Path(path)
        self.is_left = False
        self._sock = sock or _claim(self._path)
        self._inode = self._path.stat().st_ino
        self._listener = HttpListener(
            "control", cast("Application", self._application()), [self._sock], bounds, log or Log()
        )

    def start(self) -> None:
        """Answer from now on."""
        self._listener.start()

    @property
    def inheritance(self) -> tuple[str, Sequence[socket.socket]]:
        """As `Companion.inheritance`."""
        return inheritance_name(str(self._path)), (self._sock,)

    async def leave(self) -> None:
        """As `Companion.leave`."""
        self.is_left = True
        await self.close()

    async def close(self) -> None:
        """Answer no more, and take the socket's file away where it is still ours."""
        await self._listener.close()
        self._sock.close()
        if self.is_left:
            return
        with suppress(FileNotFoundError, PermissionError):
            # PermissionError: the gateway has become another user; the next one replaces the stale socket.
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/ports", self._list),
                Route("/ports/{name:path}/{verb}", self._act, methods=["POST"]),
            ]
        )

    async def _list(self, _request: "Request") -> JSONResponse:
        return JSONResponse({"ports": await self._gateway.list_ports()})

    async def _act(self, request: "Request") -> JSONResponse:
        name, verb = request.path_params["name"], request.path_params["verb"]
        try:
            cut = await self._do(name, verb, request)
        except ConfigError as error:
            return JSONResponse({"error": error.why}, status_code=404)
        except (ListenError, ControlError) as error:
            return JSONResponse({"error": str(error), "errno": error.errno}, status_code=409)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        ports = await self._gateway.list_ports()
        return JSONResponse({"port": next(p for p in ports if _is_named(p, name)), "cut": cut})

    async def _do(self, name: str, verb: str, request: "Request") -> int:
        """Have it done; how many connections were cut."""
        if verb == "start":
            await self._gateway.start_port(name)
            return 0
        acts = {"stop": self._gateway.stop_port, "restart": self._gateway.restart_port}
        if verb not in acts:
            raise ValueError(f"no verb {verb!r}; there are stop, start, restart")
        drain = request.query_params.get("drain")
        release = request.query_params.get("release") == "1"
        return await acts[verb](name, drain_s=None if drain is None else _drain_s(drain), release=release)


def _is_named(port: dict[str, object], name: str) -> bool:
    return str(port["name"]).casefold() == name.casefold()


def _drain_s(text: str) -> float:
    drain_s = float(text)
    if not drain_s >= 0:
        raise ValueError(f"drain is a number of seconds, not {text}")
    return drain_s


def _claim(path: Path) -> socket.socket:
    checked_unix_path(str(path))
    if path.exists() and not path.is_socket():
        raise ControlError(f"control socket {path}: a file is there that is no socket; name another with `control`")
    if path.is_socket():
        if _answers(path):
            raise ControlError(f"control socket {path}: another gateway answers there; stop it or name another path")
        path.unlink()
    try:
        return open_control_socket(str(path))
    except OSError as error:
        why = f"control socket {path}: {error.strerror or error}; name another with `control`"
        raise ControlError(why, errno=error.errno) from error


def _answers(path: Path) -> bool:
    try:
        connect_control_socket(str(path), timeout_s=1.0).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    except OSError:
        return True
    return True
