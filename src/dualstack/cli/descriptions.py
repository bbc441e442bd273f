"""What `dualstack address` says of texts: lines for people, a list for scripts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dualstack.cli.output import console, print_json, room
from dualstack.core.address.address import Address
from dualstack.core.address.describe import Description, Family, describe
from dualstack.core.address.embedded import Nat64
from dualstack.core.address.registry import special
from dualstack.errors import ExitCode
from dualstack.net.names.services import service_port

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_descriptions"]


def print_descriptions(texts: Sequence[str], prefixes: Sequence[str], *, as_json: bool) -> ExitCode:
    """Describe each; the exit code says whether one is an error."""
    nat64 = Nat64(prefixes)
    descriptions = [describe(text, nat64, service=service_port) for text in texts]
    if as_json:
        print_json([_printable(description.as_json()) for description in descriptions])
    else:
        _print(descriptions)
    return ExitCode.NO if any(description.error for description in descriptions) else ExitCode.YES


def _printable(document: dict[str, object]) -> dict[str, object]:
    """Without half characters (of arguments that are no UTF-8, or JSON's lone surrogates), which nothing can print."""
    return {**document, "input": _shown(str(document["input"]))}


def _shown(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _print(descriptions: Sequence[Description]) -> None:
    out = console()
    for place, description in enumerate(descriptions):
        if place:
            out.print()
        _print_one(out, description)


# The widest label.
_LABEL = len("canonical")


def _print_one(out: "Console", description: Description) -> None:
    from rich.text import Text

    from dualstack.cli.tables import labelled_lines

    out.print(Text(_shown(description.input), style="bold"), soft_wrap=True)
    for label, value in _rows(description):
        style = "red" if label == "error" else "green" if (label, value) == ("public", "allow") else ""
        for line in labelled_lines(label, value, _LABEL, room()):
            out.print(Text(line, style=style), soft_wrap=True)


def _rows(description: Description) -> list[tuple[str, str]]:
    """What there is to say, in the order of interest."""
    rows = [
        ("family", description.family.value if description.family else None),
        ("canonical", description.canonical),
        ("classes", ", ".join(description.classes)),
        ("block", _block(description)),
        ("embedded", ", ".join(f"{inside.ipv4} ({inside.mechanism})" for inside in description.embedded)),
        ("zone", description.scope),
        ("kame", _kame(description)),
        ("public", description.public.value),
        ("tests", ", ".join(name for name, holds in description.in6.items() if holds)),
        ("error", description.error),
    ]
    return [(label, value) for label, value in rows if value]


def _block(description: Description) -> str | None:
    """The row of the registries, with its law."""
    address = _address(description)
    row = special(address.canonical) if address else None
    return f"{row.prefix} {row.name}: {row.law}" if row else None


def _kame(description: Description) -> str | None:
    """A suspicion, said aloud and not acted on."""
    address = _address(description)
    if address is None or address.kame_scope is None:
        return None
    meant = Address.from_kame(address.without_scope)
    return f"scope {address.kame_scope} seems embedded as KAME does; {meant} may be meant"


def _address(description: Description) -> Address | None:
    is_address = description.family in {Family.IPV4, Family.IPV6} and description.error is None
    return Address(description.input) if is_address else None
