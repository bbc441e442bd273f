"""A value made at once is what the standard library would have made of the same lines."""

import copy
import dataclasses
import inspect
import pickle
import typing
from collections.abc import Callable, Mapping
from types import ModuleType, SimpleNamespace

import pytest

from dualstack.core import quick_values
from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.prefix import Prefix
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.core.dial.egress import EgressPolicy, LeftOut, Source
from dualstack.core.dial.history import _Record
from dualstack.core.dial.order import Candidate, PathStats
from dualstack.core.dial.timing import Timing
from dualstack.net.dial.policy import DialPolicy

STANDARD = SimpleNamespace(
    dataclass=dataclasses.dataclass,
    field=dataclasses.field,
    replace=dataclasses.replace,
    NamedTuple=typing.NamedTuple,
)

LINES = """
@dataclass(frozen=True, slots=True, order=True)
class Pair:
    '''Two.'''

    left: int
    right: str = "r"

    def __post_init__(self):
        if self.left < 0:
            raise ValueError("below 0")

    def shout(self):
        return self.right.upper()


@dataclass(frozen=True, slots=True)
class One:
    only: object


@dataclass(slots=True)
class Count:
    seen: list = field(default_factory=list)
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Named:
    size: int = 1
    names: tuple = field(default_factory=tuple)
    area: int = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "area", self.size ** 2)


class Row(NamedTuple):
    '''A row.'''

    first: int
    second: str = "s"

    @property
    def both(self):
        return f"{self.first}{self.second}"
"""


def made_by(library: ModuleType | SimpleNamespace) -> SimpleNamespace:
    space: dict[str, object] = {"__name__": __name__, **{name: getattr(library, name) for name in quick_values.__all__}}
    exec(LINES, space)  # noqa: S102 - the same lines for both
    return SimpleNamespace(**space)


OURS, THEIRS = made_by(quick_values), made_by(STANDARD)


def told(do: Callable[[SimpleNamespace], object], classes: SimpleNamespace) -> object:
    try:
        return do(classes)
    except Exception as error:  # noqa: BLE001 - which it is, is compared
        return type(error), str(error) if isinstance(error, dataclasses.FrozenInstanceError | ValueError) else ""


SAME: Mapping[str, Callable[[SimpleNamespace], object]] = {
    "repr": lambda c: repr([c.Pair(1), c.Pair(1, "x"), c.One(None), c.Count(), c.Named(), c.Row(1)]),
    "by place": lambda c: repr(c.Pair(1, "x")),
    "by name": lambda c: repr(c.Pair(right="x", left=1)),
    "both": lambda c: repr(c.Pair(1, right="x")),
    "methods": lambda c: (c.Pair(1).shout(), c.Row(1).both),
    "documentation": lambda c: (c.Pair.__doc__, c.Row.__doc__),
    "names": lambda c: [(each.__name__, each.__qualname__, each.__module__) for each in (c.Pair, c.Row)],
    "equal": lambda c: (c.Pair(1) == c.Pair(1), c.Pair(1) != c.Pair(2), c.Count() == c.Count()),
    "equal to another class": lambda c: (c.Pair(1) == c.Row(1, "r"), c.One(1) == c.Pair(1), c.One(1) == 1),
    "itself alone": lambda c: c.Named() == c.Named(),
    "hash": lambda c: (hash(c.Pair(1)) == hash(c.Pair(1)), hash(c.One(2)) == hash(c.One(2)), len({c.One(1), c.One(1)})),
    "hash of what it is": lambda c: (hash(c.Pair(1)), hash(c.One(3))),
    "hash of what holds no hash": lambda c: hash(c.One([])),
    "hash of what changes": lambda c: hash(c.Count()),
    "order": lambda c: sorted(map(repr, [c.Pair(2), c.Pair(1, "b"), c.Pair(1, "a")])),
    "each order": lambda c: [
        (a < b, a <= b, a > b, a >= b) for a in (c.Pair(1), c.Pair(2)) for b in (c.Pair(1), c.Pair(2))
    ],
    "order with another": lambda c: c.Pair(1) < c.One(1),
    "no order": lambda c: c.One(1) < c.One(2),
    "match": lambda c: (c.Pair.__match_args__, c.One.__match_args__, c.Named.__match_args__),
    "slots": lambda c: (c.Pair.__slots__, c.Count.__slots__, hasattr(c.Pair(1), "__dict__")),
    "set": lambda c: setattr(c.Pair(1), "left", 2),
    "delete": lambda c: delattr(c.Pair(1), "left"),
    "change": lambda c: (count := c.Count(), setattr(count, "number", 3), count.number)[2],
    "a list of its own": lambda c: c.Count().seen is c.Count().seen,
    "worked out": lambda c: (c.Named(size=3).area, c.Named().names),
    "checked": lambda c: c.Pair(-1),
    "too many": lambda c: c.Pair(1, "x", 2),
    "too few": lambda c: c.Pair(),
    "twice": lambda c: c.Pair(1, left=2),
    "no such": lambda c: c.Pair(1, middle=2),
    "not by place": lambda c: c.Named(3),
    "not by name": lambda c: c.Named(area=3),
    "replace": lambda c: repr((c.replace(c.Pair(1), left=2), c.replace(c.Named(size=2), size=4).area)),
    "replace to what cannot be": lambda c: c.replace(c.Pair(1), left=-2),
    "replace no such": lambda c: c.replace(c.Pair(1), middle=2),
    "dataclasses.replace": lambda c: repr(dataclasses.replace(c.Pair(1), right="x")),
    "fields": lambda c: [(f.name, f.init, f.type) for each in (c.Pair, c.Named) for f in dataclasses.fields(each)],
    "fields of one": lambda c: [f.name for f in dataclasses.fields(c.Pair(1))],
    "asdict": lambda c: (dataclasses.asdict(c.Pair(1)), dataclasses.astuple(c.Named())),
    "is one": lambda c: (dataclasses.is_dataclass(c.Pair), dataclasses.is_dataclass(c.Row)),
    "params": lambda c: repr([each.__dataclass_params__ for each in (c.Pair, c.Count, c.Named)]),
    "signature": lambda c: [str(inspect.signature(each)) for each in (c.Pair, c.One, c.Named, c.Row)],
    "copy": lambda c: repr([copy.copy(each) for each in (c.Pair(1), c.Count([1]), c.Named(size=2), c.Row(1))]),
    "deepcopy": lambda c: (one := c.One([1]), copy.deepcopy(one) == one, copy.deepcopy(one).only is one.only)[1:],
    "tuple": lambda c: (c.Row(1) == (1, "s"), c.Row._fields, c.Row(1)._replace(first=2), c.Row(1)._asdict()),
    "tuple of too few": lambda c: c.Row(),
}


@pytest.mark.parametrize("do", SAME.values(), ids=SAME)
def test_it_is_as_the_standard_librarys(do: Callable[[SimpleNamespace], object]) -> None:
    assert told(do, OURS) == told(do, THEIRS)


@pytest.mark.parametrize(
    "value",
    [
        Endpoint(Address("192.0.2.1"), 80),
        Prefix.parse("2001:db8::/32"),
        SocketAddress(Address("fe80::1%2"), 80),
        LeftOut(Address("::1"), "so", 1),
        Source(port=7),
        EgressPolicy({6: Source()}, why="so"),
        Timing(attempt_delay_s=1.0),
        Candidate(Address("::1"), known=PathStats(0.5)),
        _Record(0.25),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_pickled_comes_back_as_it_was(value: object) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(value, protocol)) == value  # noqa: S301 - our own


def test_what_is_left_out_is_said_by_name() -> None:
    with pytest.raises(TypeError, match=r"^Endpoint.__init__\(\) missing required arguments: 'host', 'port'$"):
        Endpoint()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^Endpoint.__init__\(\) takes 3 positional arguments but 4 were given$"):
        Endpoint("a", 1, 2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^DialPolicy.__init__\(\) got an unexpected keyword argument 'famly'$"):
        DialPolicy(famly=4)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^Endpoint.__init__\(\) got multiple values for argument 'host'$"):
        Endpoint("a", 1, host="b")  # type: ignore[misc]
