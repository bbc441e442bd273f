"""The numbers and the yes or no that are settled in the text: `python tests/support/settled.py` writes it anew.

Limits, times and defaults are promises, and few have a test that would take as long as they do: that a daemon is given
up after 60 s is seen here, and that it is given up at all by a test of its own.
"""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import FunctionType, ModuleType

from msgspec import NODEFAULT, Struct

import dualstack

KEPT = Path(__file__).parent.parent / "data" / "settled.txt"
FLOORS = ("core", "wire", "net", "kernel", "gateway")
# What Python's version says, or who checks types.
VARIES = {"TYPE_CHECKING", "_KNOWS_CLIENTS"}


def modules() -> Iterator[ModuleType]:
    for path in pkgutil.walk_packages(dualstack.__path__, "dualstack."):
        if path.name.split(".")[1] in FLOORS:
            yield importlib.import_module(path.name)


def plain(value: object) -> object:
    """As it can be written down whatever the Python; nothing where it says neither a number nor yes or no."""
    if isinstance(value, Enum):
        return None
    if isinstance(value, int | float | bytes):
        return repr(value) if isinstance(value, bytes) else value
    if isinstance(value, Mapping):
        kept = {str(key): plain(value[key]) for key in sorted(value, key=str)}
        return kept if any(each is not None for each in kept.values()) else None
    if isinstance(value, frozenset | set | tuple | list) and any(plain(each) is not None for each in value):
        return sorted(map(str, value)) if isinstance(value, frozenset | set) else list(map(plain, value))
    return None


def settled() -> Iterator[str]:
    """One line each, in the order of the alphabet."""
    for module in modules():
        own = _assigned(module)
        for name, value in sorted(vars(module).items()):
            where = f"{module.__name__.removeprefix('dualstack.')}.{name}"
            if isinstance(value, FunctionType):
                if value.__module__ == module.__name__:
                    yield from _arguments(where, value)
            elif isinstance(value, type):
                if value.__module__ == module.__name__:
                    yield from _of_class(where, value)
            elif name in own - VARIES and (kept := plain(value)) is not None:
                yield f"{where} = {kept}"


def _assigned(module: ModuleType) -> set[str]:
    """What the module gives a value to, and does not import."""
    tree = ast.parse(inspect.getsource(module))
    statements = (each for each in tree.body if isinstance(each, ast.Assign | ast.AnnAssign))
    return {each.id for of in statements for each in ast.walk(of) if isinstance(each, ast.Name)}


def _arguments(where: str, function: Callable[..., object]) -> Iterator[str]:
    for name, argument in inspect.signature(function).parameters.items():
        if argument.default is not argument.empty and (kept := plain(argument.default)) is not None:
            yield f"{where}({name}={kept})"


def _of_class(where: str, each: type) -> Iterator[str]:
    if issubclass(each, Enum):
        for member in each:
            if (kept := plain(member.value)) is not None:
                yield f"{where}.{member.name} = {kept}"
        return
    if issubclass(each, Struct):
        for field, default in zip(each.__struct_fields__[::-1], each.__struct_defaults__[::-1], strict=False):
            if default is not NODEFAULT and (kept := plain(default)) is not None:
                yield f"{where}.{field} = {kept}"
        return
    for name, value in sorted(vars(each).items()):
        made = inspect.unwrap(value.__func__ if isinstance(value, classmethod | staticmethod) else value)
        if isinstance(made, FunctionType):
            # What a value is made of, its class says.
            yield from _arguments(f"{where}.{name}", each if name == "__init__" else made)
        elif not name.startswith(("__", "_is_")) and (kept := plain(value)) is not None:
            yield f"{where}.{name} = {kept}"


if __name__ == "__main__":
    KEPT.write_text("".join(f"{line}\n" for line in settled()))
