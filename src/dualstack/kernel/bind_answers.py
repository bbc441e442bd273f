"""What this kernel says of addresses before anything listens on them: each is bound alone, on any port, and let go.

A list of interfaces does not tell it: the kernel also knows broadcast addresses, local routes (AnyIP),
net.ipv4.ip_nonlocal_bind, and addresses that it does not let be used yet. One of those, a tentative one, is waited for:
duplicate address detection takes a second or two (RFC 4862 section 5.4).
"""

import errno
import select
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from time import monotonic

from dualstack.core.host.facts import BindAsk, HostFacts, Interface, Listener
from dualstack.core.oracle.bind_alone import is_tentative
from dualstack.core.planning.holders import overlapping
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.errors import AddressError
from dualstack.kernel.facts import read_interfaces
from dualstack.kernel.netlink import Notices
from dualstack.kernel.sockdiag import read_connections
from dualstack.kernel.sockets import bind_alone

__all__ = ["TENTATIVE_S", "answers_of", "connections_in_the_way", "tentative", "with_answers"]

TENTATIVE_S = 3.0
"""How long a tentative address is waited for: the detection itself takes 1 to 2 s (DupAddrDetectTransmits 1)."""

# They say nothing about the address: too little of something, or no port number free.
_OF_OTHER_THINGS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRINUSE})


def with_answers(
    facts: HostFacts, asks: Iterable[BindAsk], *, tell: Callable[[str], None] = lambda _text: None
) -> HostFacts:
    """`facts` with what the kernel says of each of `asks`; waits up to `TENTATIVE_S` for those that are tentative.

    Args:
        facts: what is known of this host.
        asks: the addresses.
        tell: hears of it before it waits.
    """
    answers, interfaces = answers_of(asks), facts.interfaces
    if _is_refused(answers):
        interfaces = read_interfaces()
        if waiting := tentative(answers, interfaces):
            listed = ", ".join(str(ask.address) for ask in waiting)
            tell(f"waiting up to {TENTATIVE_S:g} s for {listed}: tentative until no other host is found to have it")
            interfaces = _wait_for(answers, monotonic() + TENTATIVE_S)
            answers = answers_of(asks)
    return replace(facts, answers=answers, interfaces=interfaces)


def answers_of(asks: Iterable[BindAsk]) -> dict[BindAsk, str | None]:
    """For each the name of the errno, or None where it was bound; without those that could not be asked."""
    answers: dict[BindAsk, str | None] = {}
    for ask in asks:
        try:
            bind_alone(_spec(ask))
        except AddressError:
            answers[ask] = "ENODEV"
        except OSError as error:
            if error.errno not in _OF_OTHER_THINGS:
                answers[ask] = errno.errorcode.get(error.errno or 0, str(error))
        else:
            answers[ask] = None
    return answers


def connections_in_the_way(spec: SocketSpec) -> list[Listener]:
    """The connections for which TCP's kernel refuses the port number of `spec` although nobody listens there.

    Whether they let a server in depends on SO_REUSEADDR, which nobody tells of another's socket: where there are some,
    the address is bound with its number, and let go.
    """
    holders = overlapping(spec, read_connections(spec.port)) if spec.proto == "tcp" else []
    if not holders:
        return []
    try:
        bind_alone(spec, port=spec.port)
    except AddressError:
        return []
    except OSError as error:
        return holders if error.errno == errno.EADDRINUSE else []
    return []


def tentative(answers: Mapping[BindAsk, str | None], interfaces: Iterable[Interface]) -> list[BindAsk]:
    """Those that are refused for now alone."""
    here = tuple(interfaces)
    return [ask for ask, said in answers.items() if said == "EADDRNOTAVAIL" and is_tentative(ask.address, here)]


def _is_refused(answers: Mapping[BindAsk, str | None]) -> bool:
    """Whether an IPv6 address is not there, which may be for now alone."""
    return any(said == "EADDRNOTAVAIL" and ask.address.version == 6 for ask, said in answers.items())


def _wait_for(answers: Mapping[BindAsk, str | None], deadline: float) -> tuple[Interface, ...]:
    """The interfaces once none of the addresses is tentative, or at the deadline; the kernel tells of each change."""
    with Notices.of_addresses() as notices:
        while tentative(answers, interfaces := read_interfaces()) and (left_s := deadline - monotonic()) > 0:
            select.select([notices], [], [], left_s)
            notices.drain()
    return interfaces


def _spec(ask: BindAsk) -> SocketSpec:
    family = ask.address.version
    return SocketSpec(
        "trial",
        "trial",
        family,
        ask.address,
        0,
        True if family == 6 else None,
        proto=ask.proto,
        interface=ask.interface,
        freebind=ask.freebind,
    )
