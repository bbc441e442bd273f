"""Dovecot: `listen`, and `inet_listener` of its services (2.3: `address`; 2.4: `listen`)."""

# dualstack: ignore-file - what stands here is what the daemon does

import re
from collections.abc import Iterator, Sequence

from dualstack.doctor.formats.blocks import Statement, statements, walk
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Listen, NotUnderstood, Place
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["DOVECOT"]

# The listeners that a protocol has by default, with their ports; those of TLS where `ssl` is not `no`.
_PORTS = {"imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995, "sieve": 4190, "submission": 587, "submissions": 465}
_PROTOCOLS = {
    "imap": ("imap", "imaps"),
    "pop3": ("pop3", "pop3s"),
    "submission": ("submission", "submissions"),
    "sieve": ("sieve",),
}
_SERVICES = {"imap-login": "imap", "pop3-login": "pop3", "submission-login": "submission", "managesieve-login": "sieve"}


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-c").last("-c") or settings.path
    found = list(walk(_statements(settings, settings.main())))
    default, place = _value(found, (), "listen") or ("*, ::", None)
    protocols = _protocols(found)
    has_tls = (_value(found, (), "ssl") or ("yes", None))[0] != "no"
    rows: list[Listen] = []
    said = _listeners(found)
    for protocol in protocols:
        for name in _PROTOCOLS.get(protocol, ()):
            if name.endswith("s") and not has_tls and name not in said:
                continue
            block = said.pop(name, None)
            rows += _rows(name, block, default, place)
    for name, block in said.items():
        if block.parents[-1] not in {f"service:{each}" for each in _SERVICES}:
            rows += _rows(name, block, default, place)
    return rows


def _protocols(found: Sequence[Statement]) -> list[str]:
    """Debian's packages each add theirs: `protocols = $protocols imap`."""
    protocols = "imap pop3 lmtp"
    is_said = False
    for each in found:
        if each.name == "protocols" and each.parents == () and each.block is None:
            said = " ".join(each.arguments).lstrip("= ")
            protocols = said.replace("$protocols", protocols if is_said else "").replace(",", " ")
            is_said = True
    return protocols.split()


def _statements(settings: Settings, document: Document) -> list[Statement]:
    return list(_spliced(settings, statements(document, by_line=True)))


def _spliced(settings: Settings, found: Sequence[Statement]) -> Iterator[Statement]:
    for each in found:
        if each.block is not None:
            each.block = list(_spliced(settings, each.block))
            each.words = [":".join(each.words[:2]) if each.name == "service" else each.name, *each.words[1:]]
        if each.name in {"!include", "!include_try"} and each.arguments:
            yield from settings.included(each.arguments[0], each.place, lambda inner: _statements(settings, inner))
        else:
            yield each


def _value(found: Sequence[Statement], parents: tuple[str, ...], key: str) -> tuple[str, Place] | None:
    """The last value of `key` in a block."""
    hits = [each for each in found if each.parents == parents and each.name == key and each.block is None]
    if not hits:
        return None
    text = " ".join(hits[-1].arguments).lstrip("= ")
    if "$" in text:
        raise NotUnderstood(f"a variable in {key} = {text}", hits[-1].place)
    return text, hits[-1].place


def _listeners(found: Sequence[Statement]) -> dict[str, Statement]:
    """The inet_listener blocks by their names."""
    blocks = [each for each in found if each.block is not None and each.name == "inet_listener" and each.arguments]
    return {each.arguments[0]: each for each in blocks if each.parents[-1:] and each.parents[-1].startswith("service:")}


def _rows(name: str, block: Statement | None, default: str, place: Place | None) -> list[Listen]:
    inner = (
        {each.name: (" ".join(each.arguments).lstrip("= "), each.place) for each in (block.block or [])}
        if block
        else {}
    )
    port, where = inner.get("port", (str(_PORTS.get(name, 0)), block.place if block else place))
    if not port.isdigit():
        raise NotUnderstood(f"port = {port}", where)
    if int(port) == 0:
        return []
    text, where = inner.get("address", inner.get("listen", (default, place)))
    hosts = [each for each in re.split(r"[,\s]+", text) if each]
    return [Listen("0.0.0.0" if each == "*" else each, int(port), STRICT, place=where) for each in hosts]


DOVECOT = Daemon(
    name="dovecot",
    read=_read,
    habits=STRICT,
    programs=("dovecot",),
    files=("/etc/dovecot/dovecot.conf", "/usr/local/etc/dovecot/dovecot.conf"),
    config_options=("-c",),
    source="measured 2.3.13, 2.3.19, 2.4.1; src/lib/net.c net_listen_full",
    examples=tuple(
        Example(f"protocols = imap\nssl = no\nlisten = {each}\n") for each in ("*, ::", "*", "::", "localhost")
    ),
    both=Example("listen = *, ::"),
)
