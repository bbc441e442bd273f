"""The text of Domino's notes.ini as lines with keys and values, in the order of the file.

It decides what is a setting and what is not, never what a setting means: that is `core.domino.meaning`. Keys do not
mind case (the documents write `PORTS` and `Ports`, `TCPIP_TcpIpAddress` and `TCPIP_TCPIPADDRESS`), blanks around a key
and a value do not count, `;` begins a comment line. A key that stands twice counts as its later line, and is told.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["NotesIni", "Setting", "is_notes_ini"]

_SECTION = "[notes]"


@dataclass(frozen=True, slots=True)
class Setting:
    """A line `KEY=VALUE`, and its number from 1."""

    number: int
    key: str
    value: str

    @property
    def items(self) -> tuple[str, ...]:
        """The value as a list with commas, empty items left out."""
        return tuple(item for each in self.value.split(",") if (item := each.strip()))

    def __str__(self) -> str:
        return f"line {self.number}: {self.key}={self.value}"


@dataclass(frozen=True, slots=True)
class NotesIni:
    r"""The settings of a file.

    Args:
        settings: of its [Notes] section, in order, those that a later line replaces too.
        strange: numbers of lines that are no settings, or stand in another section.

    >>> NotesIni.parse("[Notes]\nPorts=TCPIP").get("PORTS").value
    'TCPIP'
    """

    settings: tuple[Setting, ...]
    strange: tuple[int, ...] = ()
    _by_key: dict[str, Setting] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_key", {setting.key.casefold(): setting for setting in self.settings})

    @classmethod
    def parse(cls, text: str) -> "NotesIni":
        """Read `text`; nothing in it is an error."""
        settings: list[Setting] = []
        strange: list[int] = []
        inside = True
        for number, line in enumerate(map(str.strip, text.removeprefix("\ufeff").split("\n")), start=1):
            if not line or line.startswith(";"):
                continue
            if line.startswith("["):
                inside = line.casefold() == _SECTION
                continue
            key, equals, value = line.partition("=")
            if inside and equals and key.strip():
                settings.append(Setting(number, key.strip(), value.strip()))
            else:
                strange.append(number)
        return cls(tuple(settings), tuple(strange))

    def get(self, key: str) -> Setting | None:
        """The setting of this key, in whatever case; the last where there are several."""
        return self._by_key.get(key.casefold())

    def replaced(self) -> Iterator[tuple[Setting, Setting]]:
        """Settings that a later line of the same key replaces by another value, with that line."""
        for setting in self.settings:
            last = self._by_key[setting.key.casefold()]
            if last is not setting and last.value != setting.value:
                yield setting, last


def is_notes_ini(name: str, text: str) -> bool:
    r"""Whether a file is Domino's: its name ends in `.ini`, or its first setting stands under `[Notes]`.

    >>> is_notes_ini("gateway.toml", "[ports.tcpip]"), is_notes_ini("server", "; mine\n[Notes]")
    (False, True)
    """
    lines = (line.strip() for line in text.removeprefix("\ufeff").split("\n"))
    first = next((line for line in lines if line and not line.startswith(";")), "")
    return name.casefold().endswith(".ini") or first.casefold() == _SECTION
