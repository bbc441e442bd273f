"""A thread that lives in another network namespace: what it opens belongs there, and any thread may use it.

A network namespace is a thread's own on Linux (clone(2)), so nothing is handed from process to process, and the main
thread stays where it dials. An ordinary user's main thread could not come back to the host's network once it had left.
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from dualstack.kernel.namespaces import Kinds, enter, unshare

__all__ = ["NetworkThread"]

T = TypeVar("T")


class NetworkThread:
    """One thread in one network namespace; what it is given is done in turn. `close` lets go of both.

    Args:
        enter_namespace: called in the thread, takes it there.

    Raises:
        OSError: it cannot be gone to.
    """

    def __init__(self, enter_namespace: Callable[[], object]) -> None:
        self._executor = ThreadPoolExecutor(1, "dualstack-network")
        try:
            self(enter_namespace)
        except BaseException:
            self.close()
            raise

    @classmethod
    def in_new_namespace(cls) -> "NetworkThread":
        """In a namespace that is made for it, and ends with the last socket there."""
        return cls(lambda: unshare(Kinds.NETWORK))

    @classmethod
    def in_namespace_of(cls, pid: int) -> "NetworkThread":
        """In the namespace of a process."""

        def join() -> None:
            descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                enter(descriptor, Kinds.NETWORK)
            finally:
                os.close(descriptor)

        return cls(join)

    def __call__(self, call: Callable[[], T]) -> T:
        """Make a call there, and wait for what it gives."""
        return self._executor.submit(call).result()

    def later(self, call: Callable[[], T]) -> "Future[T]":
        """Make a call there, and do not wait."""
        return self._executor.submit(call)

    def close(self) -> None:
        """End the thread, once it has done what it was given."""
        self._executor.shutdown(wait=True)
