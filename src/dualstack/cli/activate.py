"""`dualstack activate`: the right sockets for a program that takes them from whoever starts it."""

import os
import sys
from typing import TYPE_CHECKING

import click

from dualstack.cli.choices import OneOf
from dualstack.cli.offers import USER
from dualstack.cli.output import family_options
from dualstack.core.planning.choices import Sockets
from dualstack.errors import AddressError

if TYPE_CHECKING:
    from dualstack.core.planning.socket_spec import SocketSpec

__all__ = ["command"]


class _ProgramAfterDashes(click.Command):
    """What stands after `--` is the program's, whatever it looks like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the program off first."""
        if "--" in args:
            index = args.index("--")
            args, ctx.meta["argv"] = args[:index], args[index + 1 :]
        return super().parse_args(ctx, args)


@click.command(
    cls=_ProgramAfterDashes,
    options_metavar="[OPTIONS]",
    epilog="""\b
Examples:
  dualstack activate '*:8080' -- gunicorn hello:app                      a server that knows LISTEN_FDS
  dualstack activate '*:80' -- nginx -g 'daemon off;'                    nginx: `listen 80; listen [::]:80;`
  dualstack activate '*:8080' --sockets single -- uvicorn --fd {fd} hello:app
  dualstack activate '*:143' '*:993' --name imap --name imaps --user mail -- PROGRAM
  dualstack activate '*:53' --udp '*:53' -- PROGRAM                      TCP and UDP, both families

\b
PROGRAM takes the place of this process, with the sockets from descriptor 3 on. LISTEN_FDS, LISTEN_PID and
LISTEN_FDNAMES tell of them (sd_listen_fds(3)), NGINX where it is nginx; {fd}, {fd0}, {fd1}... in its
arguments are their numbers, {fds} is all of them with commas. TCP comes first, in the order written, then
UDP; of both families IPv6 is first.
""",
)
@click.argument("where", nargs=-1)
@click.option("--udp", "udp", multiple=True, metavar="WHERE", help="A UDP socket, or two; may be repeated.")
@click.option("--name", "names", multiple=True, help="What the sockets of a WHERE are called, in their order.")
@click.option("--port", type=int, help="The port of items that have none.")
@click.option("--v6only", is_flag=True, help="IPv6 alone, as -6.")
@family_options("{} alone, whatever WHERE says.")
@click.option(
    "--sockets",
    type=OneOf([mode.value for mode in Sockets]),
    default="pair",
    show_default=True,
    help="Both families on two sockets, or on one, where an IPv4 peer is mapped.",
)
@click.option("--user", type=USER, metavar="USER", help="Become this user once all sockets are open.")
@click.pass_context
def command(
    ctx: click.Context,
    where: tuple[str, ...],
    udp: tuple[str, ...],
    names: tuple[str, ...],
    port: int | None,
    v6only: bool,
    family: int,
    sockets: str,
    user: str | None,
) -> None:
    """Open sockets for each WHERE, and become PROGRAM with them: dualstack activate WHERE... -- PROGRAM ARGUMENTS...

    WHERE is a list such as '*:80', '[::1]:8080', '*, [::]' with --port.
    """
    argv: list[str] = ctx.meta.get("argv", [])
    if not argv:
        raise click.UsageError("what to run is missing: dualstack activate WHERE... -- PROGRAM ARGUMENTS...")
    if not where and not udp:
        raise click.UsageError("where to listen is missing: dualstack activate '*:80' -- PROGRAM ARGUMENTS...")
    from dualstack.gateway.listeners.activation import activated_argv, activated_environment, program_path, replace_us
    from dualstack.gateway.processes.preload import become  # who asks for help does not pay for these
    from dualstack.kernel.sockets import open_sockets
    from dualstack.net.listen import plan_listen

    path = program_path(argv[0])
    wanted = [*((text, "tcp") for text in where), *((text, "udp") for text in udp)]
    names_of = _names(names, len(wanted))
    specs: list[SocketSpec] = []
    named: list[str] = []
    for (text, protocol), name in zip(wanted, names_of, strict=True):
        plan = plan_listen(
            text, port=port, family=6 if v6only else family, sockets=sockets, protocol=protocol, name=str(len(specs))
        )
        for note in plan.notes:
            click.echo(f"dualstack: {note}", err=True)
        specs += plan.sockets
        named += [name] * len(plan.sockets)
    argv = activated_argv(argv, len(specs))
    opened = open_sockets(specs)
    if user is not None:
        become(user, "--user")
    sys.stdout.flush()
    replace_us(opened, path, argv, activated_environment(os.environ, named, argv[0]))


def _names(names: tuple[str, ...], count: int) -> list[str]:
    """A name for each WHERE; "unknown" is what sd_listen_fds_with_names(3) calls those without."""
    if len(names) > count:
        raise click.UsageError(f"there are {len(names)} names for {count} places to listen")
    for name in names:
        if not name or ":" in name or not name.isprintable():
            raise AddressError(name, "a name is not empty and has no colon and no control characters")
    return [*names, *(["unknown"] * (count - len(names)))]
