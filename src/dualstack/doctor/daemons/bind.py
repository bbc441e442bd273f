"""BIND's named: `listen-on`, `listen-on-v6`, `port` (its Reference Manual; lib/ns/interfacemgr.c)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.doctor.access.access_list import OWN, AccessList, Entry, prefix_of
from dualstack.doctor.formats.blocks import Statement, statements, walk
from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Ends, Listen, NotUnderstood, Target
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document
from dualstack.errors import DualstackError

__all__ = ["BIND"]

# Each address of the host that the list matches gets its sockets; named goes on without any.
_HABITS = replace(LENIENT, nothing=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-c", "-p", "-u", "-n", "-t", "-d", "-D", "-m", "-M", "-S", "-U", "-x", "-E", "-T")
    settings.path = options.last("-c") or settings.path
    found = list(walk(_statements(settings, settings.main())))
    ports = [
        each.arguments[0] for each in found if each.parents == ("options",) and each.name == "port" and each.arguments
    ]
    default = int((options.last("-p") or (ports or ["53"])[-1]).removeprefix("dns="))
    rows: list[Listen] = []
    for family, key in ((4, "listen-on"), (6, "listen-on-v6")):
        if options.has("-4" if family == 6 else "-6"):
            continue
        lists = [each for each in found if each.name == key and each.parents == ("options",) and each.block is not None]
        if not lists:
            rows += _rows(family, default, None, settings)
        for each in lists:
            rows += _rows(family, _port(each, default), each, settings)
    return rows


def _statements(settings: Settings, document: Document) -> list[Statement]:
    found: list[Statement] = []
    for each in statements(document, slashes=True):
        if each.name == "include" and each.arguments:
            found += settings.included(each.arguments[0], each.place, lambda inner: _statements(settings, inner))
        else:
            found.append(each)
    return found


def _port(statement: Statement, default: int) -> int:
    words = statement.arguments
    if "tls" in words or "http" in words:
        raise NotUnderstood(f"{statement.name} with {' '.join(words)}", statement.place)
    return int(words[words.index("port") + 1]) if "port" in words[:-1] else default


def _rows(family: int, port: int, statement: Statement | None, settings: Settings) -> list[Listen]:
    """TCP and UDP on every address of a family that the list has; a list that is not there is `any`."""
    place = None if statement is None else statement.place
    block = [] if statement is None else statement.block or []
    elements = [each.name + "".join(each.arguments) for each in block] or ["any"]
    found = [address for address in settings.host.addresses() if address.version == family]
    return [
        Listen(str(address), port, _HABITS, proto=proto, place=place, family=family, target=Target.ADDRESS)
        for address in found
        if _matches(address, elements, statement)
        for proto in ("udp", "tcp")
    ]


def _matches(address: Address, elements: Sequence[str], statement: Statement | None) -> bool:
    """The first element that matches decides, `!` turns it round (ARM, address match lists)."""
    for element in elements:
        bare = element.removeprefix("!").strip()
        if _is_in(address, bare, statement):
            return not element.startswith("!")
    return False


def _is_in(address: Address, element: str, statement: Statement | None) -> bool:
    if element in {"any", "none"}:
        return element == "any"
    if element in {"localhost", "localnets"}:
        return True
    try:
        return address in Prefix.parse(element)
    except DualstackError:
        raise NotUnderstood(f"an access list {element!r}", None if statement is None else statement.place) from None


# Whom a list may name by a word, be it of both families or by a key.
_EVERYBODY = ("any", "localnets")


def _access(settings: Settings) -> Iterator[AccessList]:
    """Address match lists of `allow-*`: the first element that fits; whom none names is refused (ARM)."""
    found = list(walk(_statements(settings, settings.main())))
    named = {each.arguments[0]: each.block or [] for each in found if each.name == "acl" and each.arguments}
    for each in found:
        if each.name.startswith("allow-") and each.block is not None:
            rules = _rules(each.block, named, set(), lets_in=True)
            if rules and None not in rules:
                known = [rule for rule in rules if rule is not None]
                yield AccessList(f"bind {each.name}", known, lets_in_others=False, place=each.place)


def _rules(
    block: Sequence[Statement], named: Mapping[str, Sequence[Statement]], taken: set[str], *, lets_in: bool
) -> list[Entry | None]:
    """The elements with those of acls in their place; None for a key, and for what is not known.

    An acl that was `taken` has decided already, or decides nothing.
    """
    rules: list[Entry | None] = []
    for each in block:
        text = "".join(each.words)
        word, lets = text.removeprefix("!"), lets_in is not text.startswith("!")
        if word in taken:
            continue
        if word in named:
            taken.add(word)
            rules += _rules(named[word], named, taken, lets_in=lets)
        elif word == "localhost":
            rules += [Entry(lets, prefix_of(own), each.place) for own in OWN]
        elif word == "none":
            rules.append(Entry(not lets, None, each.place))
        else:
            who = prefix_of(word)
            is_known = word in _EVERYBODY or who is not None
            rules.append(Entry(lets, who, each.place) if is_known else None)
    return rules


BIND = Daemon(
    name="bind9",
    read=_read,
    habits=_HABITS,
    programs=("named",),
    files=("/etc/bind/named.conf", "/etc/named.conf"),
    config_options=("-c",),
    ports=("udp/53", "tcp/53"),
    source="measured 9.16, 9.18, 9.20; interfacemgr.c",
    examples=tuple(
        Example(f"options {{ {each} }};\n")
        for each in (
            "",
            "listen-on-v6 { any; };",
            "listen-on-v6 { none; };",
            "listen-on { 127.0.0.1; }; listen-on-v6 { ::1; };",
            "listen-on-v6 { ::; };",
        )
    ),
    both=Example("listen-on { any; };\nlisten-on-v6 { any; };"),
    access=_access,
)
