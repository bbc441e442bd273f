"""The kinds of target: where a service's connections go, and what a gateway asks of every kind.

Most are an `Endpoint`: a port at an address or a name. Every other is a `TargetKind`, which says by itself what holds
for it, so that nobody asks which of them it is. Who adds one writes it here, how it is read in
`gateway.config.target_text`, and how its clients are served in `send` of `gateway.services.running_service`.
"""

import shlex
from dataclasses import dataclass, field
from typing import ClassVar

from dualstack.core.address.endpoint import Endpoint
from dualstack.core.planning.choices import ProxyProtocol

__all__ = [
    "ExecTarget",
    "ForwardTarget",
    "ProxyProtocol",
    "Target",
    "TargetKind",
    "UnixTarget",
    "kind_of",
    "label_of",
]


class TargetKind:
    """A target that is no endpoint; what holds for most of them stands here."""

    __slots__ = ()

    takes_datagrams: ClassVar[bool] = False
    """Whether a service over UDP may have it."""
    has_children: ClassVar[bool] = False
    """Whether each connection is a process: bounded by `max_children`, silent as long as it likes."""
    is_proxy: ClassVar[bool] = False
    """Whether clients say where to, so that rules hold in any case (`core.access.forward_defaults`)."""

    @property
    def label(self) -> str:
        """For the access log and the page, which many may read."""
        return str(self)

    @property
    def written(self) -> str:
        """As `to` has it in a file."""
        return str(self)


class _ByAddress(TargetKind):
    """What holds for an endpoint, and for a service without a target."""

    __slots__ = ()

    takes_datagrams = True


@dataclass(frozen=True, slots=True)
class UnixTarget(TargetKind):
    """A stream socket in the file system, `unix:/path`."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class ExecTarget(TargetKind):
    """A child for each connection, with the socket as its standard input and output: `exec:COMMAND`."""

    has_children: ClassVar[bool] = True

    argv: tuple[str, ...]

    def __str__(self) -> str:
        return f"exec:{' '.join(self.argv)}"

    @property
    def label(self) -> str:
        """The command's name alone, for its words may be secret."""
        return f"exec:{self.argv[0]}"

    @property
    def written(self) -> str:
        """With its words quoted, as a shell would read them."""
        return f"exec:{shlex.join(self.argv)}"


@dataclass(frozen=True, slots=True)
class ForwardTarget(TargetKind):
    """Wherever the client asks for: a forward proxy.

    Args:
        protocols: those it may ask by; the first byte tells which.
        users: names with their passwords; empty asks for none.
    """

    is_proxy: ClassVar[bool] = True

    protocols: tuple[ProxyProtocol, ...] = tuple(ProxyProtocol)
    users: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"wherever {', '.join(protocol.value for protocol in self.protocols)} asks for"


Target = Endpoint | TargetKind

_BY_ADDRESS = _ByAddress()


def kind_of(target: Target | None) -> TargetKind:
    """Whom to ask what holds for a target."""
    return target if isinstance(target, TargetKind) else _BY_ADDRESS


def label_of(target: Target | None) -> str:
    """Where a service's connections go, for the access log and the page."""
    return target.label if isinstance(target, TargetKind) else str(target)
