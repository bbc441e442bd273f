"""`dualstack run`: a program whose connections are made by the connector, without a setting."""

import json
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from dualstack.cli.offers import INTERFACE, USER
from dualstack.cli.output import family_options
from dualstack.core.address.endpoint import parse_port
from dualstack.errors import AddressError, ConfigError, ExitCode
from dualstack.sandbox.run_error import RunError, check_system

if TYPE_CHECKING:
    from dualstack.core.dial.steps import DialStep
    from dualstack.net.dial.dialer import Dialer
    from dualstack.sandbox.program import User
    from dualstack.sandbox.publish import Publish

__all__ = ["command"]


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="""\b
Examples:
  dualstack run -- curl http://www.example/            whichever family answers
  dualstack run curl http://www.example/               the same
  dualstack run -6 -- ssh host.example                 over IPv6 alone, whatever ssh asks for
  dualstack run --reach 'deny 10.0.0.0/8' --reach 'allow any' -- PROGRAM
  dualstack run --publish auto -- redis-server         what it listens on, for both families
  dualstack run --publish 80:8080 -- PROGRAM           its port 8080 as this host's port 80
  dualstack run --trace -- weechat                     each dial's steps, as `connect -v` has them

\b
Exit status: the program's own; 127 no such program, 126 it cannot be run, 77 this machine lets nobody but root have a
network of his own. It waits for what the program leaves running: their network is this process.
""",
)
@family_options("Dial over {} alone, whatever the program asks for.")
@click.option("--reach", multiple=True, metavar="RULE", help="Which addresses may be dialled: 'allow|deny ...'.")
@click.option(
    "--publish",
    multiple=True,
    metavar="auto|none|OUT[:IN]",
    help="Open on this host what it listens on (TCP): all, or this port; none is the default.",
)
@click.option("--access", multiple=True, metavar="RULE", help="Who may connect to that: 'allow|deny ...'.")
@click.option("--no-host-loopback", is_flag=True, help="localhost is the program's own alone.")
@click.option("--interface", type=INTERFACE, help="Go by this interface alone.")
@click.option("--source", metavar="ADDRESS", help="Connect from this address of this host.")
@click.option("--user", type=USER, help="Run the program as this user; for root.")
@click.option("--trace", is_flag=True, help="Tell each step of each dial, on standard error.")
@click.option("--json", "as_json", is_flag=True, help="Tell them as lines of JSON.")
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar="PROGRAM [ARGUMENT]...")
def command(
    argv: tuple[str, ...],
    family: int,
    reach: tuple[str, ...],
    publish: tuple[str, ...],
    access: tuple[str, ...],
    no_host_loopback: bool,
    interface: str | None,
    source: str | None,
    user: str | None,
    trace: bool,
    as_json: bool,
) -> None:
    """Run PROGRAM so that it reaches every server: each connection, datagram, ping and lookup goes by the connector.

    Nothing is accepted before it is connected outside: the program sees the same errors as outside. A name without
    addresses of one family has an address that stands in for it.
    """
    check_system()
    from dualstack.sandbox.session import Wishes, end_as, run  # it takes what other systems have not

    argv = _program(argv)

    def make_dialer() -> "Dialer":
        from dualstack.net.dial.dialer import Dialer

        return Dialer(family=family, source=source, interface=interface, access=reach or None)

    if interface is not None or source is not None or reach:
        make_dialer()  # what cannot be meant is said before anything is made
    ports = tuple(_ports(word) for word in publish if word not in {"auto", "none"})

    def make_publish() -> "Publish":
        from socket import if_nametoindex

        from dualstack.core.access.access_list import AccessList
        from dualstack.sandbox.publish import Publish

        return Publish("auto" in publish, ports, AccessList(access, zone_id=if_nametoindex) if access else None)

    if access:
        make_publish()  # as above
    wishes = Wishes(
        argv,
        make_dialer,
        has_loopback=not no_host_loopback,
        user=None if user is None else _user(user),
        make_publish=make_publish if ports or "auto" in publish else None,
        on_dial=_teller(as_json=as_json) if trace or as_json else None,
        say=_say,
    )
    end_as(run(wishes))


def _program(argv: tuple[str, ...]) -> tuple[str, ...]:
    if argv[0] == "--":
        argv = argv[1:]
    if not argv:
        raise click.UsageError("what to run is missing: dualstack run -- PROGRAM [ARGUMENT]...")
    if argv[0].startswith("-"):
        raise click.UsageError(f"{argv[0]} is no option of run; a program follows --: dualstack run -- PROGRAM")
    if "/" not in argv[0] and shutil.which(argv[0]) is None:
        raise RunError(f"{argv[0]}: there is no such program", 127)
    return argv


def _ports(word: str) -> tuple[int, int]:
    """`OUT[:IN]`, numbers of ports."""
    outside, _, inside = word.partition(":")
    try:
        return parse_port(outside), parse_port(inside or outside)
    except AddressError as error:
        raise ConfigError("--publish", word, f"auto, none, or OUT[:IN], numbers of ports: {error.why}") from None


def _user(name: str) -> "User":
    import os
    import pwd

    from dualstack.sandbox.program import User

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise RunError(f"--user: there is no user {name}", ExitCode.WRONG_VALUE) from None
    if os.geteuid() and os.geteuid() != entry.pw_uid:
        raise RunError(f"--user: only root may run a program as {name}", ExitCode.NO_RIGHT)
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _say(text: str) -> None:
    sys.stderr.write(f"dualstack run: {text}\n")


def _teller(*, as_json: bool) -> Callable[[str, "DialStep"], None]:
    """Tells steps on standard error: standard output is the program's."""

    def tell_json(target: str, step: "DialStep") -> None:
        sys.stderr.write(json.dumps({"target": target, **step.as_json()}) + "\n")

    def tell(target: str, step: "DialStep") -> None:
        from dualstack.cli.timeline import line_of

        sys.stderr.write(f"dualstack run: {target}: {line_of(step).lstrip()}\n")

    return tell_json if as_json else tell
