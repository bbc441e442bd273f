"""International names in the ASCII form that resolvers know (RFC 5891), label by label.

Only what every version of IDNA reads alike is encoded. A label that mapping alone makes ASCII (full-width digits,
the Kelvin sign), one with a character that IDNA 2003 and 2008 disagree on (the sharp s, the final sigma, the joiners),
and the dots of other scripts are refused: they are how one name, or an address, passes for another.
"""

from dualstack.errors import AddressError

__all__ = ["ascii_name"]

_DOTS = "\u3002\uff0e\uff61"  # RFC 3490 section 3.1 takes them for a dot
_DEVIATIONS = "\u00df\u03c2\u200c\u200d"  # UTS 46 section 7, table 1
_ACE = "xn--"


def ascii_name(name: str) -> str:
    """`name` as a resolver takes it; an ASCII one as it is.

    Raises:
        AddressError: a label cannot be written so that it means one thing.

    >>> ascii_name("www.b\u00fccher.example")
    'www.xn--bcher-kva.example'
    """
    if name.isascii():
        return name
    if any(dot in name for dot in _DOTS):
        raise AddressError(name, "it has a dot of another script in it: write a plain one")
    return ".".join(label if label.isascii() else _encoded(name, label) for label in name.split("."))


def _encoded(name: str, label: str) -> str:
    if any(character in label for character in _DEVIATIONS):
        raise AddressError(name, f"{label!r} has a character that is read in two ways: write the name's xn-- form")
    try:
        encoded = label.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise AddressError(name, f"{label!r} is no part of an international name: {error}") from None
    if not encoded.startswith(_ACE):
        raise AddressError(name, f"{label!r} only looks international: if {encoded} is meant, write that")
    return encoded
