"""What the oracle says of a fixed crowd of cases on every system: `python tests/support/predictions.py` writes it anew.

Small units have tests of their own; this notices whatever else changes an answer, and says in which case.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from random import Random

from dualstack.core.address.address import Address
from dualstack.core.oracle.case import Case
from dualstack.core.oracle.case_json import case_document, prediction_document
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.sweep import GROUND_ADDRESSES, Ground, pairs, random_cases
from dualstack.core.oracle.systems import STACKS

KEPT = Path(__file__).parent.parent / "data" / "predictions.txt"
INTERFACES = {"lo": 1, "da": 2, "db": 3}
LOCAL = frozenset(
    Address(text, interface if text.startswith("fe80") else None)
    for interface, texts in GROUND_ADDRESSES.items()
    for text in texts
)
GROUNDS = [
    Ground(INTERFACES, LOCAL, users=(0, 7)),
    Ground(INTERFACES, LOCAL, bindv6only=True),
    Ground(INTERFACES, LOCAL, ipv6=False, users=(7, 0)),
]


def cases() -> Iterator[Case]:
    """In the same order each time: crowds, calls out, and pairs of sockets, on three hosts of each system."""
    for number, (name, ground) in enumerate((name, ground) for name in STACKS for ground in GROUNDS):
        lot, share = Random(number), 4 if name == "linux" else 1  # noqa: S311 - no secret
        for case in (*islice(random_cases(ground, lot), 40 * share), *islice(pairs(ground, lot), 20 * share)):
            yield replace(case, stack=STACKS[name])


def line(case: Case) -> str:
    """The system, and a digest of the case and of what is said of it."""
    asked = json.dumps(case_document(case), sort_keys=True)
    said = json.dumps(prediction_document(case, predict(case)), sort_keys=True)
    return f"{case.stack.name} {_digest(asked)} {_digest(said)}"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]


if __name__ == "__main__":
    KEPT.write_text("".join(f"{line(case)}\n" for case in cases()))
