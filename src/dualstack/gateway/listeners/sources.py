"""Where the gateway's listening sockets come from: handed over by a service manager or by the gateway before this one,
or opened here.

A plan is settled first, so that what was handed over has its place in it; then each socket is taken or opened.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from socket import socket

from dualstack.core.planning.inherited import Settled, settle_inherited
from dualstack.core.planning.planner import Plan
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.errors import ConfigError
from dualstack.kernel.datagrams import tell_who_was_asked
from dualstack.kernel.inheritance import describe_inherited
from dualstack.kernel.socket_options import share_port
from dualstack.kernel.sockets import open_sockets

__all__ = ["ListenerSource", "held_ports"]


class ListenerSource:
    """The sockets that are there before the gateway is; those handed over stay so until it ends.

    Args:
        handed: a service manager's, with their names.
        kept: the gateway's before this one, by the identity of their specs.
        stopped: the ports that were stopped there.
    """

    def __init__(
        self,
        handed: Iterable[tuple[str, socket]] = (),
        kept: Mapping[tuple[object, ...], Sequence[socket]] | None = None,
        stopped: Iterable[str] = (),
    ) -> None:
        self.stopped = frozenset(stopped)
        self._handed = list(handed)
        self._kept = {identity: list(sockets) for identity, sockets in (kept or {}).items()}
        self._settled = Settled((), {}, ())

    @property
    def handed(self) -> list[tuple[str, socket]]:
        """A service manager's sockets, with their names."""
        return list(self._handed)

    def settle(self, planned: Plan, where: str, *, at_start: bool) -> Plan:
        """The plan with what was handed over in its place.

        Raises:
            ConfigError: at the start, a socket is handed over that the plan has no place for: its clients would wait
                for ever.
        """
        if not self._handed:
            return planned
        settled = settle_inherited(planned.sockets, (describe_inherited(sock, name) for name, sock in self._handed))
        why = [f"inherited {each} is no port of the configuration" for each in settled.unmatched]
        if why and at_start:
            raise ConfigError(where, "", f"{'; '.join(why)}: give it a service, or have it handed over no more")
        self._settled = settled
        return replace(planned, sockets=settled.specs, notes=(*planned.notes, *why))

    def open(
        self, specs: Sequence[SocketSpec], *, copies: int = 1, held: Collection[int] = ()
    ) -> list[tuple[socket, ...]]:
        """For each of `specs` its sockets, taken or opened; one that is inherited has no copies.

        Raises:
            ListenError: one cannot be opened; what was opened is closed.
        """
        found = [self._found(spec) for spec in specs]
        for sockets in found:
            # There were more workers before; who waits in the rest of the sockets is theirs.
            for sock in sockets[copies:]:
                sock.close()
            del sockets[copies:]
        with ExitStack() as undo:
            for sockets in found:
                for sock in sockets:
                    undo.callback(sock.close)
            wanted = list(_missing(specs, found, copies))
            opened = open_sockets([spec for _, spec in wanted], held={*held, *held_ports(found)})
            undo.pop_all()
        for (index, _), sock in zip(wanted, opened, strict=True):
            found[index].append(sock)
        return [tuple(sockets) for sockets in found]

    def _found(self, spec: SocketSpec) -> list[socket]:
        """What there is for `spec` already."""
        if not spec.inherited:
            return self._kept.pop(spec.identity, [])
        inherited = self._settled.taken[spec.identity]
        # A reload may ask for it again, by another name.
        sock = next(sock for _, sock in self._handed if sock.fileno() == inherited.descriptor).dup()
        if spec.proto == "udp" and spec.address.is_unspecified:
            tell_who_was_asked(sock)
        return [sock]

    def let_go(self) -> None:
        """Close what the gateway before had and this one has no use for: its clients are to be refused."""
        for sockets in self._kept.values():
            for sock in sockets:
                sock.close()
        self._kept = {}

    def close(self) -> None:
        """Let go of everything."""
        for _, sock in self._handed:
            sock.close()
        self.let_go()


def _missing(
    specs: Sequence[SocketSpec], found: Sequence[Sequence[socket]], copies: int
) -> Iterable[tuple[int, SocketSpec]]:
    """What is to be opened for each spec, by its index; sockets that get company are told before."""
    for index, (spec, sockets) in enumerate(zip(specs, found, strict=True)):
        shared = spec.shared or copies > 1 > len([sock for sock in sockets if spec.inherited])
        if shared:
            for sock in sockets:
                share_port(sock)
        port = sockets[0].getsockname()[1] if sockets else spec.port
        for _ in range(0 if spec.inherited else copies - len(sockets)):
            yield index, replace(spec, port=port, shared=shared)


def held_ports(groups: Iterable[Iterable[socket]]) -> set[int]:
    """The port numbers of sockets that are open."""
    return {sock.getsockname()[1] for sockets in groups for sock in sockets if sock.fileno() >= 0}
