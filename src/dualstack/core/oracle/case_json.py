"""A case as a JSON document and a prediction as one: the lines of `dualstack explain --batch`.

Reads what a JSON decoder made of a line, whole or not at all: an unknown key, a value of the wrong kind, a step on a
socket that does not exist is a `CaseError` that names it. Never decodes or prints JSON itself.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from dualstack.core.address.address import Address
from dualstack.core.oracle.case import Call, CallOutcome, Case, Delivery, Errno, Prediction, Skipped, Sock, Step
from dualstack.core.oracle.systems import STACKS, Stack
from dualstack.core.oracle.unknown import Unknown
from dualstack.errors import AddressError, CaseError

__all__ = ["case_document", "prediction_document", "read_case"]

Document = Mapping[str, object]

PROTOCOLS = ("tcp", "udp")
_STEPS = ("bind", "listen")
_OPS = ("connect", "sendto")

_CASE_KEYS = frozenset({"os", "proto", "bindv6only", "ipv6", "local", "interfaces", "sockets", "steps", "to", "calls"})
# What a record has beside a case: it may stand there, and says nothing of the case.
_BESIDE = frozenset({"measured", "sum"})
_SOCKET_KEYS = frozenset({"family", "address", "v6only", "reuseaddr", "reuseport", "exclusive", "uid"})
_CALL_KEYS = frozenset({"socket", "op", "family", "to"})


def read_case(document: object) -> Case:
    """The case that one decoded line asks about.

    Raises:
        CaseError: it is none; the message names the key.
    """
    if isinstance(document, dict) and not _BESIDE.isdisjoint(document):
        document = {key: value for key, value in document.items() if key not in _BESIDE}
    asked = _object(document, "a line", _CASE_KEYS)
    sockets = tuple(_socket(each, f"sockets[{n}]") for n, each in enumerate(_list(asked, "sockets")))
    pairs = [_pair(each, f"to[{n}]") for n, each in enumerate(_list(asked, "to"))]
    if len({to for to, _ in pairs}) != len(pairs):
        raise CaseError("to", "a destination stands there twice")
    return Case(
        _stack(asked.get("os", "linux")),
        _one_of(asked.get("proto", "tcp"), PROTOCOLS, "proto"),
        sockets,
        tuple(_step(each, len(sockets), f"steps[{n}]") for n, each in enumerate(_list(asked, "steps"))),
        tuple(to for to, _ in pairs),
        _truth(asked.get("bindv6only", False), "bindv6only"),
        _truth(asked.get("ipv6", True), "ipv6"),
        _local(asked.get("local")),
        _interfaces(asked.get("interfaces", {})),
        tuple(source for _, source in pairs),
        tuple(_call(each, len(sockets), f"calls[{n}]") for n, each in enumerate(_list(asked, "calls"))),
    )


def prediction_document(case: Case, prediction: Prediction, destinations: Sequence[str] = ()) -> dict[str, object]:
    """The answer to a case; `destinations` are the texts that the line had for them."""
    names = destinations or [str(to) for to in case.destinations]
    is_udp = case.proto == "udp"
    return {
        "steps": [_text(outcome.errno) for outcome in prediction.steps],
        "to": {
            name: _delivery(delivery, is_udp=is_udp)
            for name, delivery in zip(names, prediction.deliveries, strict=True)
        },
        "calls": [_called(outcome) for outcome in prediction.calls],
    }


def case_document(case: Case) -> dict[str, object]:
    """The line that asks about `case`, so that it can be asked again."""
    return {
        "os": case.stack.name,
        "proto": case.proto,
        "bindv6only": int(case.bindv6only),
        "ipv6": case.ipv6,
        **({} if case.local is None else {"local": sorted(map(str, case.local))}),
        "interfaces": dict(case.interfaces),
        "sockets": [
            {
                "family": sock.family,
                "address": str(sock.address),
                "v6only": sock.v6only,
                "reuseaddr": sock.reuseaddr,
                "reuseport": sock.reuseport,
                "exclusive": sock.exclusive,
                "uid": sock.uid,
            }
            for sock in case.sockets
        ],
        "steps": [[step.call, step.socket] for step in case.steps],
        "to": [[str(to), str(source)] for to, source in zip(case.destinations, case.sources, strict=True)],
        "calls": [
            {"socket": call.socket, "op": call.op, "family": call.family, "to": str(call.to)} for call in case.calls
        ],
    }


def _text(errno: Errno | Skipped) -> str | None:
    return errno.value if isinstance(errno, Unknown | Skipped) else errno


def _delivery(delivery: Delivery, *, is_udp: bool) -> object:
    if delivery.errno is not None:
        return _text(delivery.errno)
    return [
        {
            "socket": each.socket,
            "peer": None if each.peer is None else str(each.peer),
            "local": None if is_udp else str(each.local),
        }
        for each in delivery.receivers
    ]


def _called(outcome: CallOutcome) -> dict[str, object]:
    return {"errno": _text(outcome.errno), "wire": outcome.wire}


def _socket(value: object, key: str) -> Sock:
    asked = _object(value, key, _SOCKET_KEYS)
    v6only = asked.get("v6only")
    return Sock(
        _family(asked.get("family"), f"{key}.family"),
        _address(asked.get("address"), f"{key}.address"),
        None if v6only is None else _truth(v6only, f"{key}.v6only"),
        _truth(asked.get("reuseaddr", False), f"{key}.reuseaddr"),
        _truth(asked.get("reuseport", False), f"{key}.reuseport"),
        _number(asked.get("uid", 0), f"{key}.uid"),
        _truth(asked.get("exclusive", False), f"{key}.exclusive"),
    )


def _step(value: object, sockets: int, key: str) -> Step:
    if not isinstance(value, list) or len(value) != 2:
        raise CaseError(key, 'a step is ["bind" or "listen", the number of a socket]')
    return Step(_one_of(value[0], _STEPS, key), _index(value[1], sockets, key))


def _pair(value: object, key: str) -> tuple[Address, Address]:
    if not isinstance(value, list) or len(value) != 2:
        raise CaseError(key, "a pair of the destination and the client's address is expected")
    to, source = value
    return _parsed_pair(to, source, key) if type(to) is type(source) is str else _new_pair(to, source, key)


def _new_pair(first: object, second: object, key: str) -> tuple[Address, Address]:
    to, source = _address(first, key), _address(second, key)
    if to.canonical.version != source.canonical.version:
        raise CaseError(key, f"{source} sends nothing to {to}: they are of two families")
    return to, source


_parsed_pair = lru_cache(maxsize=4096)(_new_pair)
"""Of two texts; in one batch they are mostly the same."""


def _call(value: object, sockets: int, key: str) -> Call:
    asked = _object(value, key, _CALL_KEYS)
    to = _address(asked.get("to"), f"{key}.to")
    family = _family(asked.get("family", to.version), f"{key}.family")
    if family != to.version:
        raise CaseError(f"{key}.to", f"{to} is no address of a sockaddr of family {family}")
    op = _one_of(asked.get("op", "connect"), _OPS, f"{key}.op")
    return Call(_index(asked.get("socket"), sockets, f"{key}.socket"), op, family, to)


def _stack(value: object) -> Stack:
    stack = STACKS.get(value) if isinstance(value, str) else None
    if stack is None:
        raise CaseError("os", f"no system {value!r}; there are: {', '.join(STACKS)}")
    return stack


def _local(value: object) -> frozenset[Address] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise CaseError("local", "a list of addresses is expected")
    return _addresses(tuple(value)) if all(isinstance(each, str) for each in value) else _refuse_local(value)


def _refuse_local(value: list[object]) -> frozenset[Address]:
    wrong = next(each for each in value if not isinstance(each, str))
    raise CaseError("local", f"{wrong!r} is no address")


@lru_cache(maxsize=256)
def _addresses(texts: tuple[str, ...]) -> frozenset[Address]:
    """A host's addresses; in one batch they are mostly the same."""
    return frozenset(_address(text, "local") for text in texts)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Address:
    return Address(text)


def _interfaces(value: object) -> dict[str, int]:
    asked = _mapping(value, "interfaces")
    return {name: _number(index, f"interfaces.{name}") for name, index in asked.items()}


def _object(value: object, key: str, known: frozenset[str]) -> Document:
    asked = _mapping(value, key)
    if not known.issuperset(asked):
        wrong = next(name for name in asked if name not in known)
        raise CaseError(
            wrong if key == "a line" else f"{key}.{wrong}", f"unknown; there are: {', '.join(sorted(known))}"
        )
    return asked


def _mapping(value: object, key: str) -> Document:
    if not isinstance(value, dict):
        raise CaseError(key, "a JSON object is expected")
    return value


def _list(asked: Document, key: str) -> list[object]:
    value = asked.get(key, [])
    if not isinstance(value, list):
        raise CaseError(key, "a list is expected")
    return value


def _address(value: object, key: str) -> Address:
    if not isinstance(value, str):
        raise CaseError(key, "the text of an address is expected")
    try:
        return _parsed(value)
    except AddressError as error:
        raise CaseError(key, str(error)) from None


def _truth(value: object, key: str) -> bool:
    if value is True or value is False:
        return value
    if type(value) is int and value in {0, 1}:
        return value == 1
    raise CaseError(key, "true or false is expected")


def _number(value: object, key: str) -> int:
    if type(value) is not int or value < 0:
        raise CaseError(key, "a whole number from 0 on is expected")
    return value


def _index(value: object, sockets: int, key: str) -> int:
    index = _number(value, key)
    if index >= sockets:
        raise CaseError(key, f"there is no socket {index}: the case has {sockets}, counted from 0")
    return index


def _family(value: object, key: str) -> int:
    if type(value) is not int or value not in {4, 6}:
        raise CaseError(key, "4 or 6 is expected")
    return value


def _one_of(value: object, words: tuple[str, ...], key: str) -> str:
    if not isinstance(value, str) or value not in words:
        raise CaseError(key, f"{value!r} is none of: {', '.join(words)}")
    return value
