"""Who reaches a daemon's sockets, over each family: the oracle is asked for each of the host's addresses."""

from collections.abc import Iterable, Sequence

from dualstack.core.address.address import Address
from dualstack.core.address.well_known import LOOPBACK
from dualstack.core.oracle.case import Case, Step
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.systems import STACKS
from dualstack.doctor.assumed_host import AssumedHost
from dualstack.doctor.opening import Socket

__all__ = ["reach"]

# Where nobody said which addresses the host has: one of each family from the documentation's own (RFC 5737, RFC 3849).
_EXAMPLES = (Address("192.0.2.1"), Address("2001:db8::1"))


def reach(sockets: Sequence[Socket], host: AssumedHost, service: Sequence[str] = ()) -> dict[str, str]:
    """`yes`, `partly` (some of the host's addresses or some ports, as on the loopback alone), or `no`, by family.

    Args:
        sockets: those that are open.
        host: whose addresses are asked for.
        service: ports as `tcp/53` that are the service; where none of these numbers is open, all that are open.
    """
    others = (*_EXAMPLES, *(each.address for each in sockets if not each.address.is_unspecified))
    known = (*LOOPBACK.values(), *others) if host.interfaces is None else host.addresses()
    destinations = dict.fromkeys(address.canonical for address in known)
    ports = _ports(sockets, service)
    return {
        f"ipv{version}": _word(
            _is_reached(sockets, port, address, host)
            for address in destinations
            for port in ports
            if address.version == version
        )
        for version in (4, 6)
    }


def _ports(sockets: Sequence[Socket], service: Sequence[str]) -> list[tuple[str, int]]:
    wanted = [(proto, int(number)) for proto, _, number in (each.partition("/") for each in service)]
    if {each.port for each in sockets} & {number for _, number in wanted}:
        return wanted
    return list(dict.fromkeys((each.proto, each.port) for each in sockets if not each.is_aside))


def _word(answers: Iterable[bool]) -> str:
    found = set(answers)
    return "partly" if len(found) > 1 else "yes" if found == {True} else "no"


def _is_reached(sockets: Sequence[Socket], port: tuple[str, int], address: Address, host: AssumedHost) -> bool:
    """Whether a port receives what is sent to `address`."""
    there = [each for each in sockets if (each.proto, each.port) == port]
    if not there or (address.version == 6 and not host.has_ipv6):
        return False
    calls = ("bind", "listen") if port[0] == "tcp" else ("bind",)
    steps = tuple(Step(call, index) for index in range(len(there)) for call in calls)
    case = Case(STACKS["linux"], port[0], tuple(each.sock for each in there), steps, (address,))
    return bool(predict(case).deliveries[0].receivers)
