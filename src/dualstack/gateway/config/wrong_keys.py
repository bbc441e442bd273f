"""What is wrong in a TOML file as people are told: the key as they write it, what was expected, and where it stands."""

import re

from msgspec import Struct

from dualstack.core.suggestion import suggestion
from dualstack.gateway.config.places import KeyPath, Place, places
from dualstack.gateway.config.schema import TABLES, File, Included, configuration_keys

__all__ = ["explain", "is_name", "place_of", "printable"]


def explain(text: str, path: str, raw: object, kind: type[Struct]) -> tuple[str, str]:
    """The key at `path` as people write it, and what is wrong with its value."""
    unknown = re.fullmatch(r"Object contains unknown field `(.+)`", text)
    if unknown:
        table = next((t for prefix, t in TABLES.items() if path.lstrip(".").startswith(prefix)), kind)
        known = list(table.__struct_fields__)
        if table is Included and unknown[1] in File.__struct_fields__:
            return unknown[1], "is for the whole gateway; write it in the file that includes this one"
        hint = suggestion(unknown[1], known, otherwise="known keys are")
        return _join(_named(path, raw), unknown[1]), f"unknown key; {hint}"
    missing = re.fullmatch(r"Object missing required field `(.+)`", text)
    if missing:
        return _join(_named(path, raw), missing[1]), "is missing"
    value = _value_at(path, raw)
    shown = "" if value is None or isinstance(value, dict | list) else f"{value!r}: "
    return _named(path, raw), f"{shown}{_in_words(text, path)}"


def _in_words(text: str, path: str) -> str:
    """What msgspec says, in the words of TOML; of a choice, what there is to choose from."""
    if text.startswith("Invalid enum value"):
        key = re.sub(r"\[\d+\]", "", path).lstrip(".")
        return f"expected {next(known.type for known in configuration_keys() if known.key == key)}"
    words = re.sub(r"`([^`]*)`", lambda quoted: " or ".join(map(_word, quoted[1].split(" | "))), text)
    return (words[0].lower() + words[1:]).replace(" or nothing", "")


def _word(kind: str) -> str:
    return _TOML_WORDS.get(kind, kind)


_TOML_WORDS = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "a table",
    "str": "a text",
}


def _steps(path: str) -> list[str | int]:
    return [int(index) if index else name for name, index in re.findall(r"\.?([\w*-]+)|\[(\d+)\]", path)]


def _value_at(path: str, raw: object) -> object:
    value = raw
    for step in _steps(path):
        try:
            value = value[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _named(path: str, raw: object) -> str:
    """`.services[0].port` with the service's own name, as `services[0] (imap).port`."""
    found = re.match(r"\.services\[(\d+)\]", path)
    if not found:
        return path.lstrip(".")
    name = _value_at(f"{found[0]}.name", raw)
    label = f" ({name})" if isinstance(name, str) else ""
    return f"{found[0][1:]}{label}{path[found.end() :]}"


def _join(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def place_of(key: str, text: str, raw: object) -> Place | None:
    """Where `key`, as errors have it, begins; else what it stands in."""
    by_key = {form: place for path, place in places(text).items() for form in _forms(path, raw)}
    within = (form for form in by_key if key == form or key.startswith((f"{form}.", f"{form}[", f"{form} (")))
    best = max(within, key=len, default=None)
    return None if best is None else by_key[best]


def _forms(path: KeyPath, raw: object) -> tuple[str, str]:
    """A path as errors have it: with the service's name, and without."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{printable(step)}" for step in path)
    return _named(text, raw), text.lstrip(".")


def is_name(text: str) -> bool:
    """Whether it can stand in the path of the control socket's requests, and be seen in a list."""
    return text.isprintable() and text != "" and "/" not in text


def printable(key: str) -> str:
    """A key as errors have it: a name as it is, anything else as Python writes it."""
    return key if is_name(key) else repr(key)
