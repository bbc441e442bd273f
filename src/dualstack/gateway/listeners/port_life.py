"""A named port's life: whether it listens, why not, and what is shown of it.

The problem (D3): a port stops and starts by itself while all others go on, whatever number of sockets it has, in one
process or in several. Who asks for it must find all of it or nothing: a port of which one address listens and another
does not looks like a broken network to the clients of the other.

    state       its sockets                                                        connections leave by it
    LISTENING   all listen                                                         yes
    STOPPED     none listens; each keeps its port number where the system can      no (D5)
    FAILED      none listens: one could not be opened again, `error` says why      no

What leads from one to the other is `TRANSITIONS`. A reload changes nothing of it: what is new of a port does as the
port does. Rejected were:

- A state for each socket: what is half open is what nobody asked for. A start that fails for one closes the others.
- To start a failed port again by itself, when its number may be free: who stopped it beside another program would find
  it back one day. It starts when somebody says so.
- A state while it drains: its connections end by themselves, and it may start meanwhile.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.kernel.sockets import KEEPS_ITS_PORT

__all__ = ["TRANSITIONS", "PortEvent", "PortLife", "PortState", "describe_socket", "keeps_its_port"]


class PortState(Enum):
    """What a port does now."""

    LISTENING = "listening"
    STOPPED = "stopped"
    FAILED = "failed"


class PortEvent(Enum):
    """What changes that."""

    START = "somebody starts it"
    STOP = "somebody stops it, or another process has its sockets"
    LOSS = "a socket of it cannot be opened again"


TRANSITIONS = {
    PortState.LISTENING: {PortEvent.STOP: PortState.STOPPED, PortEvent.LOSS: PortState.FAILED},
    PortState.STOPPED: {
        PortEvent.START: PortState.LISTENING,
        PortEvent.STOP: PortState.STOPPED,
        PortEvent.LOSS: PortState.FAILED,
    },
    PortState.FAILED: {
        PortEvent.START: PortState.LISTENING,
        PortEvent.STOP: PortState.STOPPED,
        PortEvent.LOSS: PortState.FAILED,
    },
}


@dataclass(eq=False, slots=True)
class PortLife(ABC):
    """A port by its name; what stands for its sockets is known to the classes that are made of it.

    Args:
        name: as it is written.
        bind: what it is bound to, as text.
        state: what it does.
        error: why it has failed.
    """

    name: str
    bind: str
    state: PortState = PortState.LISTENING
    error: str | None = None

    @property
    @abstractmethod
    def specs(self) -> Sequence[SocketSpec]:
        """All its sockets."""

    @property
    @abstractmethod
    def open_specs(self) -> Sequence[SocketSpec]:
        """Those of them that are open, be it to refuse."""

    def happens(self, event: PortEvent, why: str | None = None) -> None:
        """Be in the state that follows; `why` is the error of a loss."""
        self.state, self.error = TRANSITIONS[self.state][event], why

    @property
    def is_inherited(self) -> bool:
        """Whether a service manager holds a socket of it, so that its number cannot be released."""
        return any(spec.inherited for spec in self.specs)

    @property
    def services(self) -> list[str]:
        """The services that listen on it."""
        return list(dict.fromkeys(spec.service for spec in self.specs))

    def lost_by_a_stop(self, *, release: bool) -> list[SocketSpec]:
        """What a stop closes, so that a start has to open it again."""
        release = release and not self.is_inherited
        own = [spec for spec in self.open_specs if not spec.inherited]
        return [spec for spec in own if release or not keeps_its_port(spec)]

    def describe(self, connections: int) -> dict[str, object]:
        """As JSON has it in `dualstack ports list --json`, with so many connections."""
        return {
            "name": self.name,
            "bind": self.bind,
            "state": self.state.value,
            "services": self.services,
            "sockets": [describe_socket(spec) for spec in self.specs],
            "connections": connections,
            **({"error": self.error} if self.error else {}),
        }


def keeps_its_port(spec: SocketSpec) -> bool:
    """Whether a socket can refuse clients and keep the port number."""
    return KEEPS_ITS_PORT and spec.proto == "tcp"


def describe_socket(spec: SocketSpec) -> dict[str, object]:
    """A socket in the words of the JSON documents, which had no UDP at first: where nothing is said it is TCP."""
    return {
        "service": spec.service,
        "port_name": spec.port_name,
        "family": spec.family,
        "address": str(spec.address),
        "port": spec.port,
        "v6only": spec.v6only,
        **({"proto": spec.proto} if spec.proto != "tcp" else {}),
    }
