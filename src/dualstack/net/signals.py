"""Signals as calls on the running asyncio loop, on every system, until a block ends."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

__all__ = ["hold_back", "on_signals"]


@contextmanager
def on_signals(handlers: Mapping[str, Callable[[], None]]) -> Iterator[None]:
    """Call each handler on its signal, such as `SIGTERM`; one that the system has not is left out."""
    loop = asyncio.get_running_loop()
    numbers = {getattr(signal, name): handler for name, handler in handlers.items() if hasattr(signal, name)}
    for number, handler in numbers.items():
        _call_on(loop, number, handler)
    try:
        yield
    finally:
        for number in numbers:
            _give_back(loop, number)


def hold_back(*names: str) -> None:
    """Let these signals wait for ever: a process that ends by itself is not to be ended by one that comes late."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, name) for name in names})


def _call_on(loop: asyncio.AbstractEventLoop, number: signal.Signals, handler: Callable[[], None]) -> None:
    try:
        loop.add_signal_handler(number, handler)
    except NotImplementedError:
        # Windows: its loop takes no signals, and Python's own handler calls the loop back.
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(handler))


def _give_back(loop: asyncio.AbstractEventLoop, number: signal.Signals) -> None:
    try:
        loop.remove_signal_handler(number)
    except NotImplementedError:
        signal.signal(number, signal.SIG_DFL)
