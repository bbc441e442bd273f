"""Texts as TOML has them."""

__all__ = ["quoted"]

_ESCAPES = {'"': '\\"', "\\": "\\\\"}


def quoted(text: str) -> str:
    """A basic string of TOML 1.0, which may also be a key.

    >>> quoted("a b")
    '"a b"'
    """
    escaped = "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\U{ord(c):08X}") for c in text)
    return f'"{escaped}"'
