"""A notes.ini as the gateway's own TOML, each part with the line that it came from beside it.

Read back, it is the same configuration: what `core.domino.meaning` makes has no other keys than those written here.
"""

import re
from collections.abc import Iterator

from dualstack.core.domino.meaning import Domino
from dualstack.core.planning.configuration import Service
from dualstack.core.planning.targets import TargetKind, kind_of
from dualstack.core.toml_text import quoted

__all__ = ["domino_toml"]

_COMMENTS_FROM = 40


def domino_toml(domino: Domino) -> str:
    """The text of a TOML file that means what `domino` does.

    Raises:
        ConfigError: a service has no target, which the file could not say either.
    """
    domino.check_targets()
    return "\n".join([*_head(domino), *_ports(domino), *_services(domino)]) + "\n"


def _head(domino: Domino) -> Iterator[str]:
    config = domino.configuration
    yield f"# From {_printable(config.where)}; beside each part stands the line that it came from."
    yield from (f"# {_printable(note)}" for note in domino.notes)
    yield _line("ipv6", str(config.ipv6).lower(), domino.origins["ipv6"])


def _ports(domino: Domino) -> Iterator[str]:
    for port in domino.configuration.ports:
        yield ""
        yield _commented(f"[ports.{_key(port.name)}]", domino.origins[f"ports.{port.name}"])
        yield _line("bind", quoted(str(port.bind)), domino.origins[f"ports.{port.name}.bind"])


def _services(domino: Domino) -> Iterator[str]:
    for service in domino.configuration.services:
        yield ""
        yield "[[services]]"
        yield _line("name", quoted(service.name))
        yield _line("ports", _names(service), domino.origins[f"services.{service.name}.ports"])
        yield _line("port", str(service.port), domino.origins[f"services.{service.name}.port"])
        yield _line("to", quoted(_target(service)), "as given")
        if not kind_of(service.target).has_children:
            yield _line("idle_timeout", str(service.idle_timeout_s), "notes.ini has none: a silent connection stays")


def _names(service: Service) -> str:
    return f"[{', '.join(map(quoted, service.ports))}]"


def _target(service: Service) -> str:
    return service.target.written if isinstance(service.target, TargetKind) else str(service.target)


def _line(key: str, value: str, origin: str = "") -> str:
    return _commented(f"{key} = {value}", origin)


def _commented(text: str, origin: str) -> str:
    return f"{text:<{_COMMENTS_FROM}}# {_printable(origin)}" if origin else text


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


def _printable(text: str) -> str:
    """What may stand in a comment, which ends with its line."""
    return "".join(c if c.isprintable() else "?" for c in text)
