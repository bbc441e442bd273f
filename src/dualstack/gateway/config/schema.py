"""What may be in the gateway's TOML file: each key with its type, default and meaning.

Shapes alone: `gateway.config.toml` reads the file, and checks what a shape cannot say.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from dualstack.gateway.config.target_text import TARGET_FORMS

__all__ = [
    "TABLES",
    "File",
    "Included",
    "KeyHelp",
    "LinkTable",
    "PortTable",
    "ServiceTable",
    "configuration_keys",
    "json_schema",
]

Seconds = Annotated[float, Meta(gt=0)]
Rate = Annotated[float, Meta(gt=0, title="number")]
Count = Annotated[int, Meta(ge=1)]


class PortTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """A `[ports.NAME]` table."""

    bind: Annotated[str, Meta(description="the address that the port is bound to; * is none: both families")] = "*"
    v6only: Annotated[bool, Meta(description="with bind = '::', IPv6 alone")] = False
    interface: Annotated[str | None, Meta(description="the one interface that the port uses")] = None
    freebind: Annotated[bool, Meta(description="bind the address though no interface has it yet; Linux alone")] = False


class ServiceTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """A `[[services]]` table."""

    name: Annotated[str, Meta(description="the service's name, its own")]
    to: Annotated[str | None, Meta(description=f"where connections go: {TARGET_FORMS}")] = None
    protocol: Annotated[Literal["tcp", "udp"], Meta(description="the transport")] = "tcp"
    ports: Annotated[list[str], Meta(description="names of [ports] to listen on, with `port`")] = []
    listen: Annotated[
        str | list[str] | None, Meta(description="or where to listen: '*:143', '*, [::]' with `port`")
    ] = None
    port: Annotated[int | str | None, Meta(description="the port number, or a service name such as imap")] = None
    access: Annotated[list[str], Meta(description="rules for the client: 'allow|deny any|public|address|prefix'")] = []
    reach: Annotated[list[str], Meta(description="rules for each address about to be dialled")] = []
    nat64: Annotated[
        list[str],
        Meta(description="NAT64 prefixes of this network: the rules see through them, names are reached by them"),
    ] = []
    sockets: Annotated[Literal["auto", "single", "pair"], Meta(description="both families on one socket or on two")] = (
        "auto"
    )
    idle_timeout: Annotated[Seconds | None, Meta(description="seconds without a byte until a connection is ended")] = (
        None
    )
    keepalive: Annotated[
        Seconds,
        Meta(description="seconds without a byte until either side is asked whether it is still there; inf: never"),
    ] = 60.0
    connect_timeout: Annotated[Seconds, Meta(description="seconds for the connection to the target")] = 30.0
    handshake_timeout: Annotated[
        Seconds, Meta(description="seconds for what a client says first, to a forward proxy or in a PROXY header")
    ] = 10.0
    max_connections: Annotated[Count | None, Meta(description="connections at a time; more are refused")] = None
    max_per_client: Annotated[
        Count | None, Meta(description="connections at a time from one client, an IPv4 address or an IPv6 /64")
    ] = None
    max_rate_per_client: Annotated[
        Rate | None, Meta(description="new connections a second from one client, counted as for max_per_client")
    ] = None
    max_children: Annotated[Count, Meta(description="with `to = 'exec:...'`, children at a time; more are refused")] = (
        64
    )
    drain: Annotated[float, Meta(ge=0, description="seconds that connections may go on after SIGTERM")] = 30.0
    forward: Annotated[
        list[Literal["socks5", "socks4a", "http-connect", "http"]],
        Meta(description="or how clients say where: a forward proxy, the protocols told apart by the first byte"),
    ] = []
    users: Annotated[dict[str, str], Meta(description="with `forward`, the names and passwords that it asks for")] = {}
    proxy_in: Annotated[
        list[str], Meta(description="prefixes of senders whose connections begin with a PROXY header, version 1 or 2")
    ] = []
    proxy_out: Annotated[
        Literal[1, 2] | None, Meta(description="the version of the PROXY header that the target gets")
    ] = None


class LinkTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """A `[[links]]` table."""

    to: Annotated[str, Meta(description="the targets it is about: a name, an address, or a pattern such as *.internal")]
    ports: Annotated[list[str], Meta(min_length=1, description="names of [ports] that may dial them")]


class File(Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    services: Annotated[list[ServiceTable], Meta(min_length=1, description="what is served")] = []
    ports: Annotated[dict[str, object], Meta(description="named ports")] = {}
    links: Annotated[list[LinkTable], Meta(description="which ports dial which targets")] = []
    user: Annotated[str | None, Meta(description="the user to become once all sockets listen")] = None
    control: Annotated[str | None, Meta(description="path of the control socket")] = None
    log: Annotated[Literal["text", "json"], Meta(description="the form of the log on standard error")] = "text"
    resolver: Annotated[
        str | list[str], Meta(description="who is asked for names: system, dns (resolv.conf's servers), or servers")
    ] = "system"
    max_connections: Annotated[
        Count | None, Meta(description="connections at a time of all services; more are refused")
    ] = None
    ipv6: Annotated[bool, Meta(description="false: IPv4 sockets alone, to listen and to connect")] = True
    workers: Annotated[int, Meta(ge=1, le=256, description="processes that relay; 1 relays in the gateway itself")] = 1
    access_log: Annotated[
        str | None, Meta(description="a file for a line per connection, in the log's form; - is standard error")
    ] = None
    page: Annotated[
        bool | int | str | list[str],
        Meta(description="where the status page listens; a number, or true for 8046, is both loopbacks"),
    ] = False
    page_hosts: Annotated[
        list[str], Meta(description="names by which the page may be asked for, beside its own addresses")
    ] = []
    include: Annotated[
        list[str], Meta(description="patterns of files, beside this one, with more services, ports and links")
    ] = []


class Included(Struct, forbid_unknown_fields=True, kw_only=True):
    """A file that another one includes."""

    services: list[ServiceTable] = []
    ports: dict[str, object] = {}
    links: list[LinkTable] = []


TABLES: dict[str, type[Struct]] = {"services": ServiceTable, "ports": PortTable, "links": LinkTable}
"""The kinds of tables in it, by their key."""


@dataclass(frozen=True, slots=True)
class KeyHelp:
    """A key of the file, for `--help-config`."""

    key: str
    type: str
    default: str
    meaning: str


def configuration_keys() -> Iterator[KeyHelp]:
    """Every key that a file may have, in the file's order."""
    for prefix, table in (("", File), ("ports.NAME.", PortTable), ("services.", ServiceTable), ("links.", LinkTable)):
        hints: Mapping[str, object] = get_type_hints(table, include_extras=True)
        for field in msgspec.structs.fields(table):
            if prefix == "" and field.name in TABLES:
                continue
            yield KeyHelp(f"{prefix}{field.name}", _type_name(field.type), _default(field), _meaning(hints[field.name]))


# What a table's types cannot say: one of each pair, and not both.
_ONE_OF_EACH = [("listen", "ports"), ("to", "forward")]


def json_schema() -> dict[str, object]:
    """What a file may be as JSON Schema, draft 2020-12, for editors and validators."""
    _, tables = msgspec.json.schema_components(
        # `File.ports` has no type, so that errors name the port.
        (File, PortTable),
        schema_hook=lambda _: {"$ref": "#/$defs/PortTable"},
        ref_template="#/$defs/{name}",
    )
    tables["ServiceTable"]["allOf"] = [{"oneOf": [{"required": [key]} for key in pair]} for pair in _ONE_OF_EACH]
    whole = tables.pop("File")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **whole,
        "title": "dualstack.toml",
        "description": "What `dualstack gateway --config` reads.",
        "$defs": tables,
    }


def _meaning(hint: object) -> str:
    return next((meta.description for meta in get_args(hint) if isinstance(meta, Meta) and meta.description), "")


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if callable(field.default_factory) else field.default
    return "none" if value is None else repr(value).replace("'", '"').replace("True", "true").replace("False", "false")


def _type_name(hint: object) -> str:
    inner = get_args(hint)[0] if get_args(hint) and hasattr(hint, "__metadata__") else hint
    for meta in getattr(hint, "__metadata__", ()):
        if isinstance(meta, Meta) and meta.title is not None:
            return meta.title
    if inner in _TYPE_NAMES:
        return _TYPE_NAMES[inner]
    parts = [_type_name(part) for part in get_args(inner) if part is not type(None)]
    if getattr(inner, "__origin__", None) is Literal:
        return " | ".join(f'"{part}"' if isinstance(part, str) else str(part) for part in get_args(inner))
    if getattr(inner, "__origin__", None) is list:
        return f"list of {parts[0]}"
    return " or ".join(parts)


_TYPE_NAMES: dict[object, str] = {
    str: "text",
    int: "number",
    float: "seconds",
    bool: "true or false",
    bool | int | str | list[str]: "true or false, number, text or list of texts",
    list[str]: "list of texts",
    dict[str, str]: "table of texts",
}
