"""`dualstack lab matrix`: Stevens' Figure 12.5, measured (U1, X1)."""

from typing import TYPE_CHECKING

import click

from dualstack.cli.choices import OneOf
from dualstack.cli.output import console, json_option, print_boxes, print_document
from dualstack.errors import ExitCode
from dualstack.lab.matrix import CLIENTS, SERVERS, VARIANTS, Box, Matrix, Rows, measure

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["command"]

_DEFAULT = ("kernel", "kernel-loop", "gateway", "forward")
_WIRES = {"ipv4": "IPv4", "ipv6": "IPv6"}


@click.command(
    epilog="""\b
Examples:
  dualstack lab matrix
  dualstack lab matrix --variant kernel-plain --variant kernel    without and with AI_V4MAPPED
  dualstack lab matrix --json

Exit status: 0 every box works through the gateway, 1 one does not, 69 or 77 the hosts cannot be made.
"""
)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    type=OneOf(list(VARIANTS)),
    help="What to measure; all but kernel-plain where none is named.",
)
@json_option()
def command(variants: tuple[str, ...], *, as_json: bool) -> ExitCode:
    """Four clients by four servers on hosts that are made for it, over TCP and UDP, by real sockets.

    Each box says which protocol was on the wire, as captured on both hosts: one word where both are the same, else the
    client's and then the server's. (no) is a server that was not reached.
    """
    wanted = variants or _DEFAULT
    with console(stderr=True).status("making the hosts") as status:
        measured = measure(wanted, lambda name, protocol: status.update(f"{VARIANTS[name].title}, {protocol.upper()}"))
    if as_json:
        print_document(_document(measured))
    else:
        _print(measured)
    gateway = [rows for name in ("gateway", "forward") for rows in measured.figures.get(name, {}).values() if rows]
    return ExitCode.YES if all(_reached(rows) == _boxes(rows) for rows in gateway) else ExitCode.NO


def _document(measured: Matrix) -> dict[str, object]:
    def figure(rows: Rows | None) -> object:
        return None if rows is None else [[_box(box) for box in row] for row in rows]

    variants = {name: {p: figure(rows) for p, rows in both.items()} for name, both in measured.figures.items()}
    return {"variants": variants, "elapsed_s": round(measured.elapsed_s, 3)}


def _box(box: Box) -> dict[str, object]:
    return {
        "reached": box.reached,
        "client_wire": box.client_wire,
        "server_wire": box.server_wire,
        "peer": box.peer,
    }


def _print(measured: Matrix) -> None:
    for name, figures in measured.figures.items():
        if any(figures.values()):
            _print_figure(VARIANTS[name].title, figures)
    for name, figures in measured.figures.items():
        told = [
            f"{_reached(rows)} of {_boxes(rows)} over {protocol.upper()}"
            if rows
            else f"{protocol.upper()} is not built yet"
            for protocol, rows in figures.items()
        ]
        click.echo(f"{name}: {', '.join(told)}")
    click.echo(f"{measured.elapsed_s:.1f} s")


def _print_figure(title: str, figures: "Mapping[str, Rows | None]") -> None:
    from rich.text import Text

    boxes = []
    for row, client in enumerate(CLIENTS):
        cells = [Text(client.title)]
        for column in range(len(SERVERS)):
            told = {p: _cell(rows[row][column]) for p, rows in figures.items() if rows}
            alike = len(set(told.values())) == 1
            lines = [text if alike else f"{p.upper()} {text}" for p, text in told.items()]
            style = "red" if all("(no)" in text for text in told.values()) else "green"
            cells.append(Text("\n".join(dict.fromkeys(lines)), style=style))
        boxes.append(cells)
    print_boxes(["", *(server.title for server in SERVERS)], boxes, title=title)


def _cell(box: Box) -> str:
    if not box.reached:
        return "(no)"
    wires = [_WIRES.get(wire or "", "unknown") for wire in (box.client_wire, box.server_wire)]
    return " \N{RIGHTWARDS ARROW} ".join(dict.fromkeys(wires))


def _reached(rows: Rows) -> int:
    return sum(box.reached for row in rows for box in row)


def _boxes(rows: Rows) -> int:
    return sum(len(row) for row in rows)
