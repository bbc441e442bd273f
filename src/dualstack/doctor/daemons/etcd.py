"""etcd: `--listen-client-urls`, `--listen-peer-urls` (etcd.io, embed/config.go; Go's net.Listen)."""

# dualstack: ignore-file - what stands here is what the daemon does

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.habits import GO
from dualstack.doctor.listening import Listen, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["ETCD"]

_OPTIONS = ("listen-client-urls", "listen-peer-urls", "listen-metrics-urls")
_TAKES = ("data-dir", "name", "advertise-client-urls", "initial-advertise-peer-urls", "initial-cluster", "config-file")


def _read(settings: Settings) -> Sequence[Listen]:
    takes = tuple(f"{dash}{name}" for name in (*_OPTIONS, *_TAKES) for dash in ("-", "--"))
    options = settings.options(*takes, is_go=True)
    rows: list[Listen] = []
    for name, default in zip(_OPTIONS, ("http://localhost:2379", "http://localhost:2380", ""), strict=True):
        said = options.last(f"-{name}", f"--{name}") or settings.environ.get(f"ETCD_{name.upper().replace('-', '_')}")
        place = COMMAND if said else None
        urls = [text for text in (said or default).split(",") if text and not text.startswith("unix")]
        rows += [replace(_row(text), place=place, is_aside=name != _OPTIONS[0]) for text in urls]
    return rows


def _row(text: str) -> Listen:
    url = urlsplit(text.strip())
    host = url.hostname or ""
    if host != "localhost" and literal(host) is None:
        raise Refused(f"expected IP in URL for binding ({text})", COMMAND)
    return Listen("::" if host in {"0.0.0.0", "::"} else host, url.port or 2379, GO)


ETCD = Daemon(
    name="etcd",
    read=_read,
    habits=GO,
    programs=("etcd",),
    source="measured 3.4.23; embed/config.go, net/ipsock_posix.go",
    examples=tuple(
        Example(command=f"etcd{each}")
        for each in ("", *(f" --listen-client-urls http://{host}:2379" for host in ("0.0.0.0", "[::]")))
    ),
    both=Example(command="etcd --listen-client-urls http://[::]:2379"),
)
