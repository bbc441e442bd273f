"""One name, looked up for each family by itself, as if both had been asked at once.

The families of a connection are looked up apart, so that the one need not wait for the other. Each by itself would walk
the search domains by itself, and end at another host's address. So they walk together: who finds nothing at a full name
asks whether the other family has something there, and goes on to the next name only where neither has, as the C library
does (glibc, resolv/res_query.c). What one thread asks, the other waits for; nobody asks twice.
"""

import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from threading import Lock
from typing import Protocol, TypeAlias, runtime_checkable

from dualstack.core.address.address import Address
from dualstack.core.dial.egress import FAMILY_NAMES
from dualstack.errors import LookupFailed
from dualstack.net.names.gai_flags import NO_ADDRESS
from dualstack.net.names.getaddrinfo import FAMILIES, addresses_in, getaddrinfo
from dualstack.net.names.resolver import Resolver

__all__ = ["Found", "Limited", "Namer", "Plain", "Search", "again", "is_missing", "worst"]

Found: TypeAlias = tuple[Address, ...] | LookupFailed

_GOES_ON = NO_ADDRESS | {socket.EAI_AGAIN}


@runtime_checkable
class Namer(Protocol):
    """Who is asked for names."""

    def candidates(self, name: str) -> Sequence[str] | None:
        """The full names that it may mean; none where it is asked as it is, None where that is for both families."""
        ...

    def addresses(self, name: str, family: int) -> tuple[Address, ...]:
        """The addresses of one family, as long as that takes; both where it is 0.

        Raises:
            LookupFailed: there are none, nobody says (`timed_out`), or who was asked cannot say (EAI_AGAIN).
        """
        ...


@runtime_checkable
class Limited(Protocol):
    """Who has a time for each name, search domains included."""

    def for_one_name(self) -> Namer:
        """Who is asked for one name; its time begins now."""
        ...


class Plain:
    """A resolver that finds out by itself what a name means.

    Args:
        resolver: whoever is asked.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def candidates(self, _name: str) -> Sequence[str]:
        """The name is asked as it is."""
        return ()

    def addresses(self, name: str, family: int) -> tuple[Address, ...]:
        """As `Namer.addresses`."""
        return addresses_in(getaddrinfo(name, None, FAMILIES[family], socket.SOCK_STREAM, resolver=self._resolver))


class _Once:
    """A question that is asked once, whoever comes first; the others wait."""

    def __init__(self, ask: Callable[[], Found]) -> None:
        self._ask: Callable[[], Found] | None = ask
        self._lock = Lock()
        self._found: Found | None = None

    def __call__(self) -> Found:
        with self._lock:
            if self._ask is not None:
                self._found = self._ask()
                self._ask = None  # it leads back to the search that keeps this: a ring for the collector
            assert self._found is not None  # noqa: S101 - it has been asked
            return self._found


class Search:
    """The lookups of one name.

    Args:
        name: in ASCII.
        families: those that are looked up.
        namer: whoever is asked.
    """

    def __init__(self, name: str, families: Sequence[int], namer: Namer) -> None:
        self._name = name
        self._families = families
        self._namer = namer
        self._lock = Lock()
        self._asked: dict[tuple[str, int], _Once] = {}

    def addresses(self, family: int) -> tuple[Address, ...]:
        """The addresses of one family, as long as the resolver takes.

        Raises:
            LookupFailed: there are none, or nobody says.
        """
        candidates = self._namer.candidates(self._name)
        if candidates is None:
            return self._of_both(family)
        candidates = candidates or (self._name,)
        answers: list[Found] = []
        for candidate in candidates:
            found = self._found(candidate, family)
            if not isinstance(found, LookupFailed):
                return found
            answers.append(found)
            if candidate == candidates[-1] or not self._is_missing(candidate):
                break
        raise worst(answers)

    def places(self) -> Iterator[str]:
        """The full names that may be meant, up to the first that exists; whether it does is asked when one goes on."""
        candidates = self._namer.candidates(self._name) or (self._name,)
        for candidate in candidates:
            yield candidate
            if candidate == candidates[-1] or not self._is_missing(candidate):
                return

    def full(self, name: str) -> str:
        """A name that somebody else has told in full, as it is to be asked for."""
        return name if isinstance(self._namer, Plain) else f"{name}."

    def _is_missing(self, candidate: str) -> bool:
        return is_missing(self._found(candidate, family) for family in self._families)

    def _of_both(self, family: int) -> tuple[Address, ...]:
        """Where both are one question, the part of it that is this family's."""
        found = self._found(self._name, 0)
        if isinstance(found, LookupFailed):
            raise again(found)
        own = tuple(address for address in found if address.version == family)
        if not own:
            raise LookupFailed(self._name, f"it has no {FAMILY_NAMES[family]} address", errno=socket.EAI_NONAME)
        return own

    def _found(self, candidate: str, family: int) -> Found:
        with self._lock:
            ask = self._asked.setdefault((candidate, family), _Once(partial(self._ask, candidate, family)))
        return ask()

    def _ask(self, candidate: str, family: int) -> Found:
        try:
            return self._namer.addresses(candidate, family)
        except LookupFailed as error:
            number = error.errno or socket.EAI_FAIL
            return LookupFailed(self._name, error.why, errno=number, timed_out=error.timed_out)


def is_missing(answers: Iterable[Found]) -> bool:
    """Whether no family has an address here, so that the next full name is asked.

    A server that fails says nothing about the next one; who is silent will be silent again (glibc, res_query.c).
    """
    return all(
        isinstance(answer, LookupFailed) and not answer.timed_out and answer.errno in _GOES_ON for answer in answers
    )


def worst(answers: Iterable[Found]) -> LookupFailed:
    """What to say where none has an address: that one could not be asked is not "there is no such name"."""
    failures = [answer for answer in answers if isinstance(answer, LookupFailed)]
    return again(next((failure for failure in failures if failure.errno not in NO_ADDRESS), failures[0]))


def again(failure: LookupFailed) -> LookupFailed:
    """The same to be raised by a frame that keeps its own, lest the two be a ring for the collector."""
    number = failure.errno or socket.EAI_FAIL
    return LookupFailed(failure.query, failure.why, errno=number, timed_out=failure.timed_out)
