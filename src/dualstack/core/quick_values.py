"""`dataclass` and `NamedTuple` for the values that a first connection imports: the standard library's, made at once.

A program that connects once pays for every class on the way, when it is imported. `dataclasses` writes six functions a
class and has them compiled: 0.4 to 0.8 ms each, after 10 ms for its own imports (`inspect`, `ast`, `tokenize`), and
`typing` takes 8. Here the functions are there already and only bound to the names of the fields: 0.03 ms a class, and
nothing is imported. `docs/reference/start-speed.md` has what that makes of a first connection.

For type checkers the two are the standard library's, and for all else they behave as if they were: `repr`, `==`, order,
`hash`, `copy`, `pickle`, `match` and errors are the same, and who asks by `dataclasses.fields` or `inspect.signature`
gets an answer, for which `dataclasses` is imported then (`tests/unit/test_quick_values.py` holds each to its twin).
The price is paid where one is made: 0.3 us more than by a compiled `__init__`. Values that no first connection needs
have `dataclasses`' own. A module of such values begins with `from __future__ import annotations`: where annotations are
no texts, Python 3.14 and later work them out when asked, at a price again.
"""

from collections import namedtuple
from operator import attrgetter, eq, ge, gt, le, lt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from dataclasses import dataclass, field, replace
    from typing import Any, NamedTuple, TypeVar

    T = TypeVar("T")

__all__ = ["NamedTuple", "dataclass", "field", "replace"]


class _Field:
    """What `field` says of one: how it begins, and whether it is an argument."""

    __slots__ = ("default_factory", "init")

    def __init__(self, *, default_factory: "Callable[[], object] | None" = None, init: bool = True) -> None:
        self.default_factory = default_factory
        self.init = init

    @property
    def of_dataclasses(self) -> object:
        """The same as `dataclasses` has it."""
        import dataclasses

        if self.default_factory is None:
            return dataclasses.field(init=self.init)
        return dataclasses.field(default_factory=self.default_factory, init=self.init)


class _Fields:
    """The fields of a class, and how its values are made of arguments.

    Args:
        written: the class as it is written, without slots.
        kw_only: by name alone.
    """

    def __init__(self, written: type, *, kw_only: bool) -> None:
        space = vars(written)
        self.names = tuple(space["__annotations__"])
        said = {name: space[name] for name in self.names if name in space}
        skipped = {name for name, default in said.items() if isinstance(default, _Field) and not default.init}
        self.arguments = tuple(name for name in self.names if name not in skipped)
        self.by_place = () if kw_only else self.arguments
        self._defaults = {name: default for name, default in said.items() if name not in skipped}
        get = attrgetter(*self.names)
        self.values_of: Callable[[object], tuple[object, ...]] = get if len(self.names) > 1 else lambda one: (get(one),)

    @property
    def last_defaults(self) -> tuple[object, ...]:
        """Those of the last arguments, as far as each is the same for all values."""
        found: list[object] = []
        for name in reversed(self.by_place):
            if name not in self._defaults or isinstance(self._defaults[name], _Field):
                break
            found.insert(0, self._defaults[name])
        return tuple(found)

    def bound(self, what: str, given: tuple[object, ...], named: dict[str, object]) -> tuple[object, ...]:
        """The value of each argument, in order.

        Raises:
            TypeError: as a call of `what` has it.
        """
        if len(given) > len(self.by_place):
            most = len(self.by_place) + 1
            raise TypeError(f"{what} takes {most} positional arguments but {len(given) + 1} were given")
        values = dict(zip(self.by_place, given, strict=False))
        for name, value in named.items():
            if name in values:
                raise TypeError(f"{what} got multiple values for argument {name!r}")
            if name not in self.arguments:
                raise TypeError(f"{what} got an unexpected keyword argument {name!r}")
            values[name] = value
        lacking = [name for name in self.arguments if name not in values and name not in self._defaults]
        if lacking:
            raise TypeError(f"{what} missing required arguments: {', '.join(map(repr, lacking))}")
        return tuple(values[name] if name in values else self._default(name) for name in self.arguments)

    def _default(self, name: str) -> object:
        default = self._defaults[name]
        return default.default_factory() if isinstance(default, _Field) and default.default_factory else default


class _AsDataclass:
    """An attribute that `dataclasses` or `inspect` asks for: of the class as it is written, made a dataclass after all.

    Args:
        twin: makes it so, once.
        name: the attribute; None is the signature.
    """

    def __init__(self, twin: "Callable[[], type]", name: str | None) -> None:
        self._twin = twin
        self._name = name

    def __get__(self, _value: object, _owner: type) -> object:
        if self._name is not None:
            return getattr(self._twin(), self._name)
        import inspect

        return inspect.signature(self._twin())


def _dataclass(
    *, slots: bool, frozen: bool = False, order: bool = False, eq: bool = True, kw_only: bool = False
) -> "Callable[[type], type]":
    """`dataclasses.dataclass` for a class with slots."""
    assert slots  # noqa: S101 - values have slots here
    says = {"frozen": frozen, "order": order, "eq": eq, "kw_only": kw_only}
    return lambda written: _made(written, says)


def _made(written: type, says: "Mapping[str, bool]") -> type:
    fields = _Fields(written, kw_only=says["kw_only"])
    space = {name: value for name, value in vars(written).items() if name not in {"__dict__", "__weakref__"}}
    for name in fields.names:
        space.pop(name, None)
    space["__slots__"] = fields.names
    space["__match_args__"] = fields.by_place
    space["_quick_fields"] = fields
    space["__repr__"] = _repr
    if says["eq"]:
        space["__eq__"] = _compared(eq, fields)
        space["__hash__"] = _hash_of(fields) if says["frozen"] else None
    if says["order"]:
        space.update({f"__{each.__name__}__": _compared(each, fields) for each in (lt, le, gt, ge)})
    if says["frozen"]:
        space.update(__setattr__=_set, __delattr__=_delete, __getstate__=_state, __setstate__=_restore)
    twin = _twin_of(written, says)
    space.update({name: _AsDataclass(twin, name) for name in ("__dataclass_fields__", "__dataclass_params__")})
    space["__signature__"] = _AsDataclass(twin, None)
    made = type(written.__name__, written.__bases__, space)
    made.__init__ = _initializer(made, fields)  # type: ignore[misc]
    return made


def _twin_of(written: type, says: "Mapping[str, bool]") -> "Callable[[], type]":
    twins: list[type] = []

    def twin() -> type:
        if not twins:
            import dataclasses

            for name, value in list(vars(written).items()):
                if isinstance(value, _Field):
                    setattr(written, name, value.of_dataclasses)
            twins.append(dataclasses.dataclass(slots=True, **says)(written))
        return twins[0]

    return twin


def _initializer(made: type, fields: _Fields) -> "Callable[..., None]":
    count, tail = len(fields.arguments), fields.last_defaults
    setters = tuple(made.__dict__[name].__set__ for name in fields.arguments)
    prepare: Callable[[object], None] | None = getattr(made, "__post_init__", None)

    def __init__(self: object, *given: object, **named: object) -> None:  # noqa: N807 - it is put into a class
        lacking = count - len(given)
        if named or not 0 <= lacking <= len(tail):
            given = fields.bound(what, given, named)
        elif lacking:
            given += tail[-lacking:]
        for set_field, value in zip(setters, given):  # noqa: B905 - they are as many, and to ask costs
            set_field(self, value)
        if prepare is not None:
            prepare(self)

    what = __init__.__qualname__ = f"{made.__qualname__}.__init__()"
    return __init__


# The functions of a dataclass, which find the fields by the class.


def _fields_of(value: object) -> _Fields:
    found = type(value)._quick_fields  # type: ignore[attr-defined]  # noqa: SLF001 - it is put there by `_made`
    assert isinstance(found, _Fields)  # noqa: S101 - as above
    return found


def _repr(self: object) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in _fields_of(self).names)
    return f"{type(self).__qualname__}({shown})"


def _compared(compare: "Callable[[Any, Any], bool]", fields: _Fields) -> "Callable[[object, object], bool]":
    values_of = fields.values_of

    def compared(self: object, other: object) -> bool:
        return compare(values_of(self), values_of(other)) if type(other) is type(self) else NotImplemented

    return compared


def _hash_of(fields: _Fields) -> "Callable[[object], int]":
    values_of = fields.values_of
    return lambda self: hash(values_of(self))


def _set(_self: object, name: str, _value: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(_self: object, name: str) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: object) -> list[object]:
    return list(_fields_of(self).values_of(self))


def _restore(self: object, state: list[object]) -> None:
    for name, value in zip(_fields_of(self).names, state, strict=True):
        object.__setattr__(self, name, value)


def _replace(value: "T", /, **changes: object) -> "T":
    """`dataclasses.replace` of a value that is made here."""
    unchanged = (name for name in _fields_of(value).arguments if name not in changes)
    return type(value)(**{name: getattr(value, name) for name in unchanged}, **changes)


class _NamedTupleType(type):
    """Makes of a class that is written as a `typing.NamedTuple` one of `collections`, as `typing` does."""

    def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, object]) -> type:
        if not bases:
            return super().__new__(cls, name, bases, space)
        fields = space["__annotations__"]
        assert isinstance(fields, dict)  # noqa: S101 - a class that has fields has annotations
        defaults = [space.pop(field) for field in fields if field in space]
        made = namedtuple(name, fields, defaults=defaults, module=str(space["__module__"]))  # type: ignore[misc]  # noqa: PYI024
        for key, value in space.items():
            if key not in {"__module__", "__qualname__"}:
                setattr(made, key, value)
        made.__new__.__annotations__ = fields
        return made


if not TYPE_CHECKING:
    dataclass, replace = _dataclass, _replace

    def field(*, default_factory=None, init=True):  # noqa: ANN001, ANN201, D103 - as `dataclasses` has it
        return _Field(default_factory=default_factory, init=init)

    class NamedTuple(metaclass=_NamedTupleType):
        """`typing.NamedTuple`."""
