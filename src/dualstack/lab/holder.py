"""The process that holds a lab which outlives the command that made it.

Runs as `python -m dualstack.lab.holder NAME [FILE]`, and says on its standard output, in a line of JSON, that the lab
stands or why not. Then it answers on the lab's control socket, a line of JSON for each connection's one, until it is
told to go down, or SIGTERM. What cannot be read is told so, and changes nothing.
"""

import json
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from typing import cast

from dualstack.errors import ConfigError, DualstackError
from dualstack.kernel.unix_sockets import open_control_socket
from dualstack.lab.declaration import HOSTS, Declaration, load
from dualstack.lab.network import Network
from dualstack.lab.standing import directory, held

__all__ = ["main"]

_QUESTION_S = 10.0

Order = Mapping[str, object]


def main() -> int:
    """Make the lab, and hold it."""
    name, file = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    try:
        declaration = load(file) if file else Declaration(HOSTS)
        with ExitStack() as last, held(name), Network(declaration) as network, _control(name) as control:
            _say(_described(name, network))
            # Who had it go down hears of it once all is gone.
            last.enter_context(_serve(name, network, control))
    except DualstackError as error:
        _say(_told(error))
        return 1
    return 0


class _DownError(Exception):
    """SIGTERM: go down."""


def _serve(name: str, network: Network, control: socket.socket) -> AbstractContextManager[object]:
    """Answer until it is time to go down; to be closed after that."""

    def leave(*_: object) -> None:
        raise _DownError

    signal.signal(signal.SIGTERM, leave)
    try:
        while True:
            client, _ = control.accept()
            with ExitStack() as hang_up, suppress(OSError):  # whoever asked has gone
                hang_up.enter_context(client)
                client.settimeout(_QUESTION_S)
                if not _answered(name, network, client):
                    return hang_up.pop_all()
    except _DownError:
        return nullcontext()


def _answered(name: str, network: Network, client: socket.socket) -> bool:
    """One question; False: go down."""
    verb = None
    try:
        order = _read(client)
        verb = order["verb"]
        answer = _VERBS[str(verb)](name, network, order)
    except DualstackError as error:
        answer = _told(error)
    client.sendall(json.dumps(answer).encode() + b"\n")
    return verb != "down"


def _read(client: socket.socket) -> Order:
    line = client.makefile("r", encoding="utf-8", errors="replace").readline()
    try:
        order = json.loads(line)
    except ValueError:
        order = None
    if not isinstance(order, dict) or order.get("verb") not in _VERBS or not isinstance(order.get("faults", []), list):
        raise ConfigError("", "", f"{line.strip()!r} is no order for a lab; there are {', '.join(_VERBS)}")
    return order


def _described(name: str, network: Network) -> dict[str, object]:
    hosts = [
        {
            "name": host,
            "kind": kind.value,
            "addresses": [address for texts in network.addresses(host).values() for address in texts],
            "entry": network.hosts[host].entry(),
        }
        for host, kind in network.kinds.items()
    ]
    return {"name": name, "hosts": hosts, "faults": [str(fault) for fault in network.faults]}


def _break(name: str, network: Network, order: Order) -> dict[str, object]:
    """All of the faults, or none."""
    with ExitStack() as undo:
        for text in _faults(order):
            undo.enter_context(network.fault(text))
        undo.pop_all()
    return _described(name, network)


def _heal(name: str, network: Network, order: Order) -> dict[str, object]:
    network.heal(*_faults(order))
    return _described(name, network)


_VERBS: dict[str, Callable[[str, Network, Order], dict[str, object]]] = {
    "list": lambda name, network, _order: _described(name, network),
    "fault": _break,
    "heal": _heal,
    "down": lambda name, network, _order: _described(name, network),
}


def _faults(order: Order) -> list[str]:
    return list(map(str, cast("list[object]", order.get("faults", []))))


@contextmanager
def _control(name: str) -> Iterator[socket.socket]:
    path = directory() / f"{name}.sock"
    path.unlink(missing_ok=True)  # of one that was killed: the name is ours
    with ExitStack() as undo:
        undo.callback(path.unlink, missing_ok=True)
        sock = undo.enter_context(open_control_socket(str(path)))
        sock.setblocking(True)
        yield sock


def _told(error: DualstackError) -> dict[str, object]:
    return {"error": str(error), "exit_code": int(error.exit_code)}


def _say(answer: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    sys.stdout.close()


if __name__ == "__main__":
    sys.exit(main())
