"""Limits of time as users give them."""

import socket

__all__ = ["GLOBAL_DEFAULT_TIMEOUT", "check_limit"]

# What the standard library's clients pass on where their user gave no timeout.
GLOBAL_DEFAULT_TIMEOUT: object = getattr(socket, "_GLOBAL_DEFAULT_TIMEOUT")  # noqa: B009 - it has no type


def check_limit(timeout: object) -> None:
    """See that it is a number of seconds, or None.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(timeout, int | float | None):
        raise TypeError(f"timeout {timeout!r}: a number of seconds, or None")
