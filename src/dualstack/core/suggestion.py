"""What somebody may have meant who wrote a word that is none of those known."""

from collections.abc import Iterable

__all__ = ["closest", "suggestion", "those_known"]


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like it, whatever its case; None where none does."""
    from difflib import get_close_matches  # who writes what is known does not pay for it

    by_folded = {each.casefold(): each for each in known}
    found = get_close_matches(word.casefold(), by_folded, n=1)
    return by_folded[found[0]] if found else None


def suggestion(word: str, known: Iterable[str], *, otherwise: str = "there are") -> str:
    """`did you mean dropped?`, or a list of all that are known.

    >>> suggestion("srver", ["client", "server"])
    'did you mean server?'
    >>> suggestion("x", ["client", "server"])
    'there are client, server'
    """
    known = list(known)
    close = closest(word, known)
    if close is not None:
        return f"did you mean {close}?"
    return f"{otherwise} {', '.join(known)}" if known else "there are none"


def those_known(word: str, known: Iterable[str]) -> str:
    """All that are known, and which of them may have been meant: what follows `there are`.

    >>> those_known("srver", ["client", "server"])
    'client, server; did you mean server?'
    """
    known = list(known)
    close = closest(word, known)
    return (", ".join(known) or "none") + (f"; did you mean {close}?" if close is not None else "")
