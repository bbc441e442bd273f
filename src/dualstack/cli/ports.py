"""`dualstack ports`: the ports of a running gateway."""

import click

from dualstack.cli.choices import OneOf
from dualstack.cli.offers import PATH, PORT
from dualstack.cli.output import Seconds, json_option, print_document, print_table

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack ports list
  dualstack ports stop tcpip                  connections under way go on
  dualstack ports stop TCPIP --drain 30       and are ended within 30 seconds
  dualstack ports start tcpip
  dualstack ports restart tcpip6 --release    let go of the port number in between
  dualstack ports list --control /srv/gw.sock  where several gateways run; so does DUALSTACK_CONTROL=/srv/gw.sock
"""
)
@click.argument("verb", type=OneOf(["list", "stop", "start", "restart"]))
@click.argument("name", type=PORT, required=False)
@click.option("--drain", type=Seconds(min=0), metavar="SECONDS", help="End the port's connections within so long.")
@click.option("--release", is_flag=True, help="Close the sockets, so that others may take the port number.")
@click.option("--control", type=PATH, help="The gateway's control socket; found where none is named.")
@json_option()
def command(
    verb: str, name: str | None, drain: float | None, release: bool, control: str | None, as_json: bool
) -> None:
    """List, stop, start or restart ports; stopping one never touches another."""
    from dualstack.gateway.control.client import request  # who asks for help does not pay for it
    from dualstack.gateway.control.places import control_path

    path = control_path(control)
    if verb == "list":
        _print_ports(request(path, "list"), as_json=as_json)
        return
    if not name:
        raise click.UsageError(f"{verb} needs the name of a port; `dualstack ports list` shows them")
    query = {"release": "1"} if release else {}
    if drain is not None:
        query["drain"] = str(drain)
    answer = request(path, verb, name, **query)  # type: ignore[arg-type] # within_s is not among these
    if as_json:
        print_document(answer)
    else:
        _print_answer(answer)


def _print_answer(answer: dict[str, object]) -> None:
    port = answer["port"]
    if isinstance(port, dict):
        cut = f", {answer['cut']} cut" if answer.get("cut") else ""
        click.echo(f"{port['name']}: {port['state']}, {port['connections']} connections{cut}")


def _print_ports(answer: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_document(answer)
        return
    ports = answer["ports"]
    print_table(
        ("port", "bound to", "state", "services", "sockets", "connections"),
        [
            (
                port["name"],
                port["bind"],
                port["state"],
                ", ".join(port["services"]),
                ", ".join(map(_endpoint, port["sockets"])),
                str(port["connections"]),
            )
            for port in (ports if isinstance(ports, list) else ())
        ],
    )


def _endpoint(sock: dict[str, object]) -> str:
    host = f"[{sock['address']}]" if sock["family"] == 6 else sock["address"]
    return f"{'udp ' if sock.get('proto') == 'udp' else ''}{host}:{sock['port']}"
