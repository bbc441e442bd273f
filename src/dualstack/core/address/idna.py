"""International names in the ASCII form that resolvers know, label by label, as curl and browsers ask for them.

With the package `idna` (the extra of that name) each label is mapped by UTS 46, not transitional: the sharp s, the
final sigma and the joiners are letters of their own, as IDNA 2008 has them (RFC 5891).
Without it only what every version of IDNA reads alike is encoded, and such a letter is refused.

Either way, a label that mapping alone makes ASCII (full-width digits, the Kelvin sign), and the dots of other scripts,
are refused: they are how one name, or an address, passes for another.
"""

from collections.abc import Callable

from dualstack.errors import AddressError

__all__ = ["ascii_name", "ascii_target"]

_DOTS = "\u3002\uff0e\uff61"  # RFC 3490 section 3.1 takes them for a dot
_DEVIATIONS = "\u00df\u1e9e\u03c2\u200c\u200d"  # UTS 46 section 7, table 1, and the capital sharp s
_JOINERS = "\u200c\u200d"
_ACE = "xn--"
_LABEL_MAX = 63
# UTS 46 section 4.1 leaves what else ASCII has to the caller.
_ASCII_IN_LABELS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


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
    encode = _encoder()
    return ".".join(label if label.isascii() else _encoded(name, label, encode) for label in name.split("."))


def ascii_target(text: str) -> str:
    """The name before a port as a resolver takes it; all else as it is.

    Raises:
        AddressError: as `ascii_name` says, of the whole text.

    >>> ascii_target("www.b\u00fccher.example:80")
    'www.xn--bcher-kva.example:80'
    """
    host, colon, port = text.partition(":")  # dualstack: ignore[DS216] a name has no colon
    if host.isascii() or not port.isascii():
        return text
    try:
        return f"{ascii_name(host)}{colon}{port}"
    except AddressError as error:
        raise AddressError(text, error.why) from None


def _encoder() -> Callable[[str, str], str]:
    try:
        import idna  # noqa: F401 - its tables are read where somebody writes such a name, and nowhere else
    except ImportError:
        return _encoded_alike
    return _encoded_by_uts46


def _encoded(name: str, label: str, encode: Callable[[str, str], str]) -> str:
    encoded = encode(name, label)
    if not encoded.startswith(_ACE):
        raise AddressError(name, f"{label!r} only looks international: if {encoded} is meant, write that")
    if len(encoded) > _LABEL_MAX:
        raise _no_part(name, label, f"it has more than {_LABEL_MAX} characters as {encoded[:12]}...")
    return encoded


def _encoded_by_uts46(name: str, label: str) -> str:
    """UTS 46 section 4, with CheckBidi and CheckJoiners; of ASCII only what names are made of."""
    import idna

    try:
        mapped = idna.uts46_remap(label, std3_rules=False, transitional=False)
        if mapped.isascii():
            return mapped
        idna.check_nfc(mapped)
        idna.check_initial_combiner(mapped)
        idna.check_bidi(mapped)
    except (idna.IDNAError, ValueError) as error:
        raise _no_part(name, label, str(error)) from None
    for place, character in enumerate(mapped):
        if character.isascii() and character not in _ASCII_IN_LABELS:
            raise _no_part(name, label, f"{character!r} is in no name")
        if character in _JOINERS and not idna.valid_contextj(mapped, place):
            raise _no_part(name, label, f"a joiner, U+{ord(character):04X}, joins nothing there")
    if mapped.startswith(("-", _ACE)):
        raise _no_part(name, label, "it begins with a hyphen, or with xn-- and is none")
    return _ACE + mapped.encode("punycode").decode("ascii")


def _encoded_alike(name: str, label: str) -> str:
    """By Python's own tables, those of IDNA 2003 (RFC 3490)."""
    if any(character in label for character in _DEVIATIONS):
        why = "has a character that is read in two ways: write the name's xn-- form, or install dualstack[idna]"
        raise AddressError(name, f"{label!r} {why}")
    try:
        return label.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise _no_part(name, label, str(error)) from None


def _no_part(name: str, label: str, why: str) -> AddressError:
    return AddressError(name, f"{label!r} is no part of an international name: {why}")
