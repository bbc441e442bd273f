"""The options of a service on the command line, and the service that they describe: `relay`, `proxy`."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from math import inf
from typing import TYPE_CHECKING, TypeVar, cast

import click

from dualstack.cli.choices import OneOf
from dualstack.cli.offers import PATH
from dualstack.cli.output import Seconds, family_options
from dualstack.cli.serving_options import serving_options
from dualstack.core.planning.choices import Sockets

if TYPE_CHECKING:
    from dualstack.core.planning.targets import Target

__all__ = ["ServiceOptions", "service_options"]

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """The options as click gives them."""

    port: int | None
    v6only: bool
    sockets: str
    family: int
    access: tuple[str, ...]
    reach: tuple[str, ...]
    idle_timeout: float | None
    connect_timeout: float
    max_connections: int | None
    max_per_client: int | None
    max_rate_per_client: float | None
    keepalive: float
    drain: float
    control: str | None
    workers: int | None
    page: str | None
    access_log: str | None
    as_json: bool
    quiet: bool
    log: str | None

    def run(
        self,
        name: str,
        listen: str,
        target: "Target",
        *,
        protocol: str = "tcp",
        nat64: tuple[str, ...] = (),
        handshake_timeout_s: float = 10.0,
        max_children: int = 64,
    ) -> None:
        """Run the service until a signal ends it."""
        from dualstack.cli.serving import run_gateway  # who asks for help does not pay for it
        from dualstack.core.address.endpoint import parse_listen
        from dualstack.core.address.narrowing import narrowed
        from dualstack.core.planning.configuration import BOTH, Configuration, Service
        from dualstack.net.names.services import service_port

        endpoints = parse_listen(listen, port=self.port, service=service_port)
        service = Service(
            name,
            target,
            listen=narrowed(endpoints, 6) if self.v6only else endpoints,
            protocol=protocol,
            v6only=self.v6only,
            sockets=Sockets(self.sockets),
            families=frozenset({self.family}) if self.family else BOTH,
            access=self.access,
            reach=self.reach,
            nat64=nat64,
            idle_timeout_s=inf if self.idle_timeout is None else self.idle_timeout,
            connect_timeout_s=self.connect_timeout,
            handshake_timeout_s=handshake_timeout_s,
            max_connections=self.max_connections,
            max_per_client=self.max_per_client,
            max_rate_per_client=self.max_rate_per_client,
            max_children=max_children,
            keepalive_s=self.keepalive,
            drain_s=self.drain,
        )
        run_gateway(
            Configuration((service,)),
            as_json=self.as_json,
            quiet=self.quiet,
            log=self.log,
            workers=self.workers,
            page=self.page,
            access_log=self.access_log,
            control=self.control,
        )


def service_options(target: str) -> Callable[[F], F]:
    """The options, handed over as `options`; `target` is what help calls the other end."""
    wanted = (
        click.option("--port", type=int, help="The port of LISTEN's items that have none."),
        click.option("--v6only", is_flag=True, help="Listen for IPv6 alone."),
        click.option(
            "--sockets",
            type=OneOf([mode.value for mode in Sockets]),
            default="auto",
            help="Both families on one socket or on two.",
        ),
        family_options(f"Connect to {target} over {{}} alone."),
        click.option(
            "--access", multiple=True, metavar="RULE", help="Who is let in: 'allow|deny any|public|ADDRESS|PREFIX'."
        ),
        click.option(
            "--reach",
            multiple=True,
            metavar="RULE",
            help=f"Which addresses of {target} may be dialled, after the lookup.",
        ),
        click.option("--idle-timeout", type=_DURATION, help="Seconds without a byte until the end."),
        click.option("--connect-timeout", type=_DURATION, default=30.0, help=f"Seconds to reach {target}."),
        click.option("--max-connections", type=_COUNT, help="Connections at a time; more are refused."),
        click.option("--max-per-client", type=_COUNT, help="The same of one client; a /64 is one."),
        click.option("--max-rate-per-client", type=_RATE, help="New connections a second of one client."),
        click.option(
            "--keepalive", type=_DURATION, default=60.0, help="Seconds without a byte until a side is asked for a sign."
        ),
        click.option("--drain", type=Seconds(min=0), default=30.0, help="Seconds for connections to end on SIGTERM."),
        click.option("--control", type=PATH, help="Open a control socket for `dualstack ports`."),
        serving_options,
    )

    def decorate(function: F) -> F:
        @wraps(function)
        def with_options(*arguments: object, **given: object) -> object:
            options = ServiceOptions(**{field.name: given.pop(field.name) for field in fields(ServiceOptions)})  # type: ignore[arg-type]
            return function(*arguments, options=options, **given)

        decorated: Callable[..., object] = with_options
        for option in reversed(wanted):
            decorated = option(decorated)
        return cast("F", decorated)

    return decorate


_DURATION = Seconds(min=0, min_open=True)
_RATE = click.FloatRange(min=0, min_open=True)
_COUNT = click.IntRange(min=1)
