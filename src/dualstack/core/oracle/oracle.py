"""Which bind or listen fails, which socket receives, where a call out goes: asked before anything is opened.

The rules of one port number on one host. Linux is whole, with what depends on the order of earlier calls
(`core.oracle.linux_tcp`, `core.oracle.linux_udp`). Of the other systems the rows of `core.oracle.systems` are known;
what they do not tell is `UNKNOWN`.

Never opens a socket: `kernel.trial` holds these rules against the real kernel.
"""

from collections.abc import Sequence

from dualstack.core.oracle.bind_alone import refused_alone
from dualstack.core.oracle.bound_socket import Bound, Cover, bound, device_of
from dualstack.core.oracle.case import (
    SKIPPED,
    Call,
    CallOutcome,
    Case,
    Delivery,
    Errno,
    Outcome,
    Prediction,
    Receiver,
    Sock,
    Step,
)
from dualstack.core.oracle.delivery import deliver
from dualstack.core.oracle.linux_tcp import LinuxTcpPort
from dualstack.core.oracle.linux_udp import LinuxUdpPort
from dualstack.core.oracle.other_systems import OtherPort
from dualstack.core.oracle.outgoing import Caller, call_out
from dualstack.core.oracle.reuse import sharing_of
from dualstack.core.oracle.reuse_windows import windows_sharing_of
from dualstack.core.oracle.stack import Sharing
from dualstack.core.oracle.unknown import UNKNOWN, Unknown

__all__ = [
    "SKIPPED",
    "UNKNOWN",
    "Call",
    "CallOutcome",
    "Case",
    "Cover",
    "Delivery",
    "Errno",
    "Outcome",
    "Prediction",
    "Receiver",
    "Sock",
    "Step",
    "Unknown",
    "predict",
]


_Port = LinuxTcpPort | LinuxUdpPort | OtherPort
"""One port number of one protocol on one system."""


def predict(case: Case) -> Prediction:
    """What the system does with `case`."""
    host = _Host(case)
    steps = tuple(host.step(step) for step in case.steps)
    deliveries = deliver(case, host.port.receiving, host.unsure)
    return Prediction(steps, case.destinations, deliveries, host.calls_out())


def _port(case: Case) -> _Port:
    if case.stack.name == "linux":
        return LinuxTcpPort() if case.proto == "tcp" else LinuxUdpPort()
    stack = case.stack
    if stack.same_address is Sharing.MATRIX:
        return OtherPort(case.proto, windows_sharing_of(case))
    return OtherPort(case.proto, sharing_of(case), judges_listeners=stack.same_beside_listener is not None)


class _Host:
    """The sockets of a case as they go through its steps."""

    def __init__(self, case: Case) -> None:
        self.port = _port(case)
        self._case = case
        self._on_linux = case.stack.name == "linux"
        self._bound: dict[int, Bound] = {}
        self._failed: set[int] = set()
        self._listening: set[int] = set()

    @property
    def unsure(self) -> Sequence[Bound]:
        """Sockets of which no source tells whether they are bound."""
        return self.port.unsure if isinstance(self.port, OtherPort) else ()

    def step(self, step: Step) -> Outcome:
        if step.socket in self._failed:
            return Outcome(SKIPPED, "the bind before it failed")
        return self._bind(step.socket) if step.call == "bind" else self._listen(step.socket)

    def calls_out(self) -> tuple[CallOutcome, ...]:
        """The outcomes of the case's calls, in order."""
        callers: dict[int, Caller] = {}
        outcomes = []
        for call in self._case.calls:
            if call.socket not in callers:
                callers[call.socket] = self._caller(call.socket)
            outcomes.append(call_out(self._case, callers[call.socket], call))
        return tuple(outcomes)

    def _caller(self, index: int) -> Caller:
        sock = self._case.sockets[index]
        return Caller(
            sock,
            self._bound.get(index),
            is_listening=index in self._listening,
            is_astray=index in self._failed and device_of(self._case, sock.address) is not None,
        )

    def _bind(self, index: int) -> Outcome:
        new = bound(self._case, index)
        refused = refused_alone(self._case, new.sock)
        if index in self._bound or index in self._listening:
            return self._bind_again(new.sock, refused)
        outcome = self.port.bind(new) if refused is None else refused
        if refused is not None and refused.errno is UNKNOWN and isinstance(self.port, OtherPort):
            self.port.bind_unsure(new)
        if outcome.errno in {None, UNKNOWN}:
            self._bound[index] = new
        else:
            self._failed.add(index)
        return outcome

    def _bind_again(self, sock: Sock, refused: Outcome | None) -> Outcome:
        """Linux asks an AF_INET6 socket whether it is bound before it looks at the address, an AF_INET one after."""
        if refused is not None and sock.family == 4:
            return refused
        return Outcome("EINVAL", "the socket is bound already")

    def _listen(self, index: int) -> Outcome:
        if index in self._listening:
            return Outcome(None, "it listens already")
        here = self._bound.get(index)
        if here is None:
            return self._listen_unbound(index)
        outcome = self.port.listen(here)
        if outcome.errno is None:
            self._listening.add(index)
        return outcome

    def _listen_unbound(self, index: int) -> Outcome:
        """Linux then binds it to a port that it chooses (inet_csk_listen_start)."""
        if self._case.proto == "udp":
            return Outcome("EOPNOTSUPP", "UDP has no listen")
        if not self._on_linux:
            return Outcome(UNKNOWN, "the socket is not bound, and no source tells what happens then")
        self._listening.add(index)
        return Outcome(None, "the socket is not bound, so it listens on a port that the kernel chooses")
