"""Interfaces that come and go while the gateway runs: sockets that keep to one are opened anew with it.

The kernel tells when an interface or an address has changed (rtnetlink(7)); then every socket that keeps to one is
looked at. Where the kernel does not tell, a reload looks (`Gateway.reload`). Opens nothing itself.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable
from socket import socket
from typing import TypeAlias

from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.gateway.counters.log import Log
from dualstack.kernel.bind_answers import answers_of, tentative
from dualstack.kernel.bound_device import Hearing, device_named, hearing
from dualstack.kernel.facts import read_interfaces
from dualstack.kernel.netlink import Notices

__all__ = ["InterfaceWatch"]

Bound: TypeAlias = tuple[SocketSpec, socket]
"""A socket with its spec."""


class InterfaceWatch:
    """Tells when sockets have to be opened anew.

    Args:
        sockets: gives those that are open, whenever it is asked.
        renew: begins to open the sockets anew that are bound to an interface of before; false where it cannot now.
        log: where is said which sockets hear nothing.
    """

    def __init__(self, sockets: Callable[[], Iterable[Bound]], renew: Callable[[], bool], log: Log) -> None:
        self._sockets = sockets
        self._renew = renew
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._notices: Notices | None = None
        self._gone: set[tuple[object, ...]] = set()
        self._tried: set[tuple[object, ...]] = set()

    def look(self) -> None:
        """Look now, and then at each change that the kernel tells, as long as a socket keeps to an interface."""
        bound = [each for each in self._sockets() if device_named(each[0]) is not None]
        if not bound or sys.platform != "linux":
            self.close()
            return
        self._listen()
        for spec, sock in bound:
            self._mind(spec, hearing(sock, spec))

    def close(self) -> None:
        """Hear no more of interfaces."""
        if self._notices is not None:
            self._loop.remove_reader(self._notices)
            self._notices.close()
            self._notices = None

    def _listen(self) -> None:
        if self._notices is None:
            try:
                self._notices = Notices.of_interfaces()
            except OSError as error:
                why = f"{error.strerror}: interfaces that are made anew are noticed at a reload alone"
                self._log.warning("interfaces not watched", why=why)
                return
            self._loop.add_reader(self._notices, self._heard)

    def _heard(self) -> None:
        if self._notices is not None:
            self._notices.drain()
            self.look()

    def _mind(self, spec: SocketSpec, now: Hearing) -> None:
        if now is Hearing.HEARS:
            self._gone.discard(spec.identity)
            self._tried = {key for key in self._tried if key[0] != spec.identity}
            return
        if spec.identity not in self._gone:
            self._gone.add(spec.identity)
            why = "nobody is heard there until there is an interface of that name again"
            self._log.warning("interface gone", **_shown(spec), why=why)
        if now is Hearing.ANEW:
            self._try(spec)

    def _try(self, spec: SocketSpec) -> None:
        """Once for each interface that comes, as soon as it has the address or will have it in a moment."""
        interfaces = read_interfaces()
        answers = answers_of([spec.ask])
        if any(answers.values()) and not tentative(answers, interfaces):
            return
        names = {each.name: each.index for each in interfaces}
        key = spec.identity, names.get(str(device_named(spec)))
        if key not in self._tried and self._renew():
            self._tried.add(key)
            self._log.info("interface back", **_shown(spec))


def _shown(spec: SocketSpec) -> dict[str, object]:
    return {"port": spec.port_name, "socket": str(spec), "interface": device_named(spec)}
