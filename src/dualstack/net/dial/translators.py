"""The NAT64 prefixes that this process has found (RFC 7050): what may dial judges, whoever found it, and from then on.

A prefix that was found is kept for as long as the process lives: an address under one that is left may be denied for
what it once meant, which costs nothing; one under a prefix forgotten would pass. Who has rules also wants to know
before anything is dialled for want of another way, so it is asked for at need, a minute after the last time at the
earliest, by one thread for all; who asks waits for a moment, since name servers may be silent.
"""

import socket
import threading
from collections.abc import Callable, Iterable
from time import monotonic

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.core.dial.egress import IPV4ONLY_ARPA, EgressPolicy, SourceOf, discovered_prefixes
from dualstack.errors import LookupFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dualstack.net.names.resolver import Resolver

__all__ = ["TRANSLATORS", "Translators", "discovered"]

_SOMEWHERE = Address("2001:db8::1")

_FRESH_S = 60.0
_WAIT_S = 1.0
# Nobody has so many; a server that tells of another each time is not to be remembered without end.
_PREFIXES_MAX = 64


class Translators:
    """Prefixes that were found, and when they were last looked for; safe across threads.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._looking: threading.Event | None = None
        self._looking_since = 0.0
        self.known: tuple[Prefix, ...] = ()

    @property
    def is_stale(self) -> bool:
        """Whether it is time to look again."""
        return self._clock() - self._looked_at >= _FRESH_S

    def learn(self, prefixes: Iterable[Prefix]) -> None:
        """These were found; what was known before stays."""
        with self._lock:
            self._looked_at = self._clock()
            self.known = tuple(dict.fromkeys((*prefixes, *self.known)))[:_PREFIXES_MAX]

    def look(self, find: Callable[[], Iterable[Prefix]], *, wait_s: float = _WAIT_S) -> None:
        """Have `find` find out, in a thread of its own, where that is due; wait for it, until it is that old at most.

        So silent name servers cost those a moment who ask while it is young, and nobody after them.
        """
        with self._lock:
            if not self.is_stale:
                return
            looking = self._looking
            if looking is None:
                looking, self._looking_since = threading.Event(), self._clock()
                thread = threading.Thread(target=self._look, args=(find, looking), name="nat64", daemon=True)
                thread.start()
                self._looking = looking
            left_s = self._looking_since + wait_s - self._clock()
        looking.wait(max(left_s, 0.0))

    def _look(self, find: Callable[[], Iterable[Prefix]], looked: threading.Event) -> None:
        found: Iterable[Prefix] = ()
        try:
            found = find()
        finally:
            self.learn(found)
            with self._lock:
                self._looking = None
            looked.set()


TRANSLATORS = Translators()
"""Those of this process."""


def discovered(outlet: EgressPolicy, resolver: "Resolver", source_of: SourceOf) -> tuple[Prefix, ...]:
    """The prefixes of this network's translators; none where it has none, or no IPv6. Asks, and blocks."""
    from dualstack.net.names.getaddrinfo import addresses_in, getaddrinfo  # who has a way does not pay for it

    if 6 not in outlet.sources or source_of(_SOMEWHERE, outlet.sources[6]) is None:
        return ()
    try:
        infos = getaddrinfo(IPV4ONLY_ARPA, None, socket.AF_INET6, socket.SOCK_STREAM, resolver=resolver)
    except LookupFailed:
        return ()
    return discovered_prefixes(addresses_in(infos))
