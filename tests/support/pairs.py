"""Every ordered pair of sockets on one port number, predicted and measured."""

from itertools import product

from dualstack.core.address import Address
from dualstack.core.oracle import Case, Sock, Step, predict
from dualstack.core.stacks import STACKS
from dualstack.kernel.trial import measure

PORT = 5999
IPV4 = ("0.0.0.0", "127.0.0.1")
IPV6 = ("::", "::1", "::ffff:0.0.0.0", "::ffff:127.0.0.1")
BOTH = (False, True)

SOCKETS = [
    Sock(4, Address(address), None, reuseaddr=ra, reuseport=rp) for address, ra, rp in product(IPV4, BOTH, BOTH)
] + [
    Sock(6, Address(address), v6only, reuseaddr=ra, reuseport=rp)
    for address, v6only, ra, rp in product(IPV6, (None, *BOTH), BOTH, BOTH)
]
STEPS = {
    "tcp": tuple(Step(call, index) for index in (0, 1) for call in ("bind", "listen")),
    "udp": (Step("bind", 0), Step("bind", 1)),
}


def disagreements(proto: str, *, bindv6only: bool) -> list[str]:
    """Every pair of which the kernel says something else than the oracle."""
    found = []
    for pair in product(SOCKETS, repeat=2):
        case = Case(STACKS["linux"], proto, pair, STEPS[proto], bindv6only=bindv6only)
        predicted = tuple(outcome.errno for outcome in predict(case).steps)
        measured = measure(case, PORT)
        if predicted != measured:
            found.append(f"{pair}: predicted {predicted}, the kernel says {measured}")
    return found
