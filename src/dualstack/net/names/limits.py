"""Limits of time as users give them."""

__all__ = ["check_limit"]


def check_limit(timeout: object) -> None:
    """See that it is a number of seconds, or None.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(timeout, int | float | None):
        raise TypeError(f"timeout {timeout!r}: a number of seconds, or None")
