"""What one gateway leaves to the next, as it goes through a channel: JSON that tells what the sockets beside it are.

The two may be of different versions, so nothing of ours stands in it but words and numbers: names of modules and
classes change. A key that the reader does not know is passed over; one that it needs and does not find is an error,
and the gateway that was to be replaced goes on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from socket import socket

import msgspec

from dualstack.core.address.address import Address
from dualstack.core.planning.socket_spec import SocketIdentity
from dualstack.errors import ControlError, DualstackError
from dualstack.gateway.listeners.sources import ListenerSource

__all__ = ["Handover"]


class _Kept(msgspec.Struct):
    """So many sockets, as `SocketIdentity` has them."""

    port_name: str
    proto: str
    address: str
    port: int
    v6only: bool | None
    interface: str | None
    count: int


class _Companion(msgspec.Struct):
    """So many sockets of what stands beside the gateway under this name."""

    name: str
    count: int


class _Inventory(msgspec.Struct):
    """What the sockets are, in their order."""

    kept: list[_Kept]
    handed: list[str]
    stopped: list[str]
    companions: list[_Companion]


@dataclass(frozen=True, slots=True)
class Handover:
    """What one gateway leaves to the next.

    Args:
        kept: the sockets that it opened, for each that was planned.
        handed: those of a service manager, with their names.
        stopped: names of the ports that are stopped.
        companions: those of what stands beside the gateway, such as the control socket, by a name that tells which.
    """

    kept: Sequence[tuple[SocketIdentity, Sequence[socket]]] = ()
    handed: Sequence[tuple[str, socket]] = ()
    stopped: Sequence[str] = ()
    companions: Sequence[tuple[str, Sequence[socket]]] = ()

    def packed(self) -> tuple[bytes, list[socket]]:
        """As it goes through a channel."""
        inventory = _Inventory(
            [
                _Kept(**identity._asdict() | {"address": str(identity.address)}, count=len(g))
                for identity, g in self.kept
            ],
            [name for name, _ in self.handed],
            list(self.stopped),
            [_Companion(name, len(group)) for name, group in self.companions],
        )
        groups = [*(group for _, group in self.kept), [sock for _, sock in self.handed]]
        groups += [group for _, group in self.companions]
        return msgspec.json.encode(inventory), [sock for group in groups for sock in group]

    @classmethod
    def unpacked(cls, message: bytes, sockets: Sequence[socket]) -> "Handover":
        """What came through.

        Raises:
            ControlError: it is nothing that this version can read.
        """
        try:
            inventory = msgspec.json.decode(message, type=_Inventory)
            kept = [(_identity(each), each.count) for each in inventory.kept]
        except (msgspec.MsgspecError, DualstackError) as error:
            raise _unreadable(str(error)) from None
        whose = [*(count for _, count in kept), len(inventory.handed), *(each.count for each in inventory.companions)]
        if sum(whose) != len(sockets):
            raise _unreadable(f"{len(sockets)} sockets, told as {sum(whose)}")
        given = iter(sockets)
        return cls(
            [(identity, [next(given) for _ in range(count)]) for identity, count in kept],
            [(name, next(given)) for name in inventory.handed],
            inventory.stopped,
            [(each.name, [next(given) for _ in range(each.count)]) for each in inventory.companions],
        )

    def of(self, name: str) -> Sequence[socket]:
        """The sockets of what stands beside the gateway under this name; none where it had none."""
        return next((group for each, group in self.companions if each == name), ())

    def close_unused(self, taken: Iterable[str]) -> None:
        """Close the sockets of what no longer stands beside the gateway: nobody would answer there."""
        used = {*taken}
        for name, group in self.companions:
            if name not in used:
                for sock in group:
                    sock.close()

    def source(self) -> ListenerSource:
        """Where the next gateway's sockets come from."""
        return ListenerSource(self.handed, dict(self.kept), self.stopped)


def _unreadable(why: str) -> ControlError:
    return ControlError(
        f"the gateway to be replaced hands over what this version cannot read ({why}): stop it, then start this one"
    )


def _kept(identity: SocketIdentity, count: int) -> _Kept:
    return _Kept(**identity._asdict() | {"address": str(identity.address)}, count=count)


def _identity(kept: _Kept) -> SocketIdentity:
    return SocketIdentity(kept.port_name, kept.proto, Address(kept.address), kept.port, kept.v6only, kept.interface)
