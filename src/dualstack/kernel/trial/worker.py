"""The child in a namespace of its own: configures it, does one task, answers in lines of JSON."""

import json
import os
import sys
from collections.abc import Mapping
from typing import cast

from dualstack.core.address.address import Address
from dualstack.core.oracle.case_json import read_case
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.sweep import Ground
from dualstack.errors import DualstackError
from dualstack.kernel.trial.namespace import NamespaceSpec, configure, other_users
from dualstack.kernel.trial.trial import Trial
from dualstack.kernel.trial.verify import differences, measurement_document, sweep

__all__ = ["main"]

_PORT = 10_000


def main() -> None:
    """Do the task on standard input."""
    asked = json.load(sys.stdin)
    try:
        spec = NamespaceSpec(**asked["spec"])
        interfaces = configure(spec)
        if "case" in asked["task"]:
            _make(asked["task"], interfaces)
        else:
            _sweep(asked["task"], spec, interfaces)
    except DualstackError as error:
        _say({"error": str(error)})
    except (BrokenPipeError, KeyboardInterrupt):
        pass  # whoever asked has gone


def _say(answer: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _make(task: Mapping[str, object], interfaces: dict[str, int]) -> None:
    """One case: what the kernel says, and where the oracle says something else."""
    case = read_case(task["case"])
    strangers = sorted({sock.uid for sock in case.sockets} - {os.geteuid()})
    if strangers and not other_users():
        _say({"error": f"only root can make sockets of user {strangers[0]} beside its own"})
        return
    try:
        with Trial(interfaces) as trial:
            measured = trial.measure(case, cast("int", task.get("port", _PORT)))
    except OSError as error:
        _say({"error": f"the case cannot be made here: {error.strerror}"})
        return
    found = differences(case, predict(case), measured, interfaces)
    _say({"kernel": measurement_document(case, measured), "differences": found})


def _sweep(task: Mapping[str, object], spec: NamespaceSpec, interfaces: dict[str, int]) -> None:
    local = frozenset(
        Address(text, name if Address(text).is_link_local else None)
        for name, texts in spec.addresses.items()
        for text in texts
        if spec.ipv6 or Address(text).version == 4
    )
    ground = Ground(interfaces, local, spec.bindv6only, spec.ipv6, (0, *other_users()))
    sweep(
        ground,
        seed=cast("int", task["seed"]),
        seconds=cast("float | None", task["seconds"]),
        randoms=cast("int", task["randoms"]),
        say=_say,
    )
