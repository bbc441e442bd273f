"""How an explanation looks: the sockets, a picture of who reaches which as whom, other systems, the remedy."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import cast

import click

from dualstack.cli.output import print_document, print_table
from dualstack.core.explain.explain import Explanation, Settings
from dualstack.core.explain.socket_text import Labelled
from dualstack.core.explain.table_svg import table_svg
from dualstack.core.oracle.case import UNKNOWN, Delivery, Outcome
from dualstack.core.oracle.case_json import case_document, prediction_document
from dualstack.errors import ExitCode

__all__ = ["show"]


def show(
    explanations: Sequence[Explanation], settings: Settings, *, live: bool, svg: str | None, as_json: bool
) -> ExitCode:
    """Print them, with `live` beside what this kernel does; NO where a socket fails or the kernel says otherwise."""
    kernel: Sequence[Mapping[str, object]] = ()
    if live:
        from dualstack.cli.live import ask_kernel

        kernel = [ask_kernel(each.case) for each in explanations]
    if svg is not None:
        if len(explanations) != 1:
            raise click.UsageError("--svg draws one port of one protocol: ask for the sockets of one")
        Path(svg).write_text(_svg(explanations[0], settings), encoding="utf-8")
    if as_json:
        documents = [{**_document(each), **(said or {})} for each, said in zip_longest(explanations, kernel)]
        print_document({"os": settings.stack.name, "ports": documents})
    else:
        for each, said in zip_longest(explanations, kernel):
            _print(each, settings, said)
    fails = any(outcome.errno is not None for each in explanations for outcome in each.outcomes)
    disagrees = any(said["differences"] for said in kernel)
    return ExitCode.NO if fails or disagrees else ExitCode.YES


def _document(explained: Explanation) -> dict[str, object]:
    """What scripts read; `case` can be asked again with --batch."""
    answer = prediction_document(explained.case, explained.prediction)
    return {
        "proto": explained.case.proto,
        "port": explained.sockets[0].port,
        "sockets": [
            {
                "socket": each.label,
                "written": each.written,
                "receives": families,
                "errno": _errno(outcome),
                "why": outcome.why,
                "against": outcome.against,
                "source": outcome.source,
            }
            for each, families, outcome in zip(explained.sockets, explained.families, explained.outcomes, strict=True)
        ],
        "to": answer["to"],
        "elsewhere": [
            {"os": each.title, "differences": list(each.differences), "unknown": list(each.unknown)}
            for each in explained.elsewhere
        ],
        "instead": list(explained.instead),
        "case": case_document(explained.case),
    }


def _errno(outcome: Outcome) -> str | None:
    errno = outcome.errno
    return errno if errno is None or isinstance(errno, str) else errno.value


def _print(explained: Explanation, settings: Settings, kernel: Mapping[str, object] | None) -> None:
    """Print it for people."""
    print_table(
        ("socket", "options", "receives", "opens", "why"),
        [
            (each.label, _options(each), families, _opens(explained, outcome), outcome.why + _law(outcome))
            for each, families, outcome in zip(explained.sockets, explained.families, explained.outcomes, strict=True)
        ],
        title=_title(explained, settings),
    )
    print_table(("client", *(each.label for each in explained.sockets), ""), _picture(explained))
    _print_kernel(explained, kernel)
    _print_elsewhere(explained)
    if explained.instead:
        click.echo("Instead:")
        for line in explained.instead:
            click.echo(f"  {line}")


def _svg(explained: Explanation, settings: Settings) -> str:
    """Clients and sockets as SVG."""
    heads = ["client", *(each.label for each in explained.sockets), ""]
    fails = [
        f"{each.label}: {_opens(explained, outcome)}"
        for each, outcome in zip(explained.sockets, explained.outcomes, strict=True)
        if outcome.errno is not None
    ]
    return table_svg(_title(explained, settings), heads, list(_picture(explained)), fails)


def _title(explained: Explanation, settings: Settings) -> str:
    return f"{explained.case.proto.upper()} port {explained.sockets[0].port} on {settings.stack.title}"


def _options(each: Labelled) -> str:
    return " ".join(each.written.split()[2 if each.proto == "udp" else 1 :]) or "none"


def _opens(explained: Explanation, outcome: Outcome) -> str:
    if outcome.errno is None:
        return "yes"
    if outcome.errno is UNKNOWN:
        return "unknown"
    beside = "" if outcome.against is None else f" beside {explained.sockets[outcome.against].label}"
    return f"{_errno(outcome)}{beside}"


def _law(outcome: Outcome) -> str:
    return f" ({outcome.source})" if outcome.source and not outcome.source.startswith("none") else ""


def _picture(explained: Explanation) -> Iterator[Sequence[str]]:
    """Rows of clients, columns of sockets; in a cell, as whom the client appears."""
    for client, delivery in zip(explained.clients, explained.prediction.deliveries, strict=True):
        seen = {each.socket: f"as {each.peer}" for each in delivery.receivers}
        cells = [seen.get(index, "") for index in range(len(explained.sockets))]
        yield (f"{client} (from {client.source})", *cells, _end(delivery))


def _end(delivery: Delivery) -> str:
    if delivery.errno is UNKNOWN:
        return f"unknown: {delivery.why}"
    if delivery.errno is not None:
        return f"(no) {delivery.errno}"
    return "one of them" if len(delivery.receivers) > 1 else ""


def _print_kernel(explained: Explanation, kernel: Mapping[str, object] | None) -> None:
    """The prediction and what the kernel did, side by side."""
    if kernel is None:
        return
    case = explained.case
    predicted, made = prediction_document(case, explained.prediction), cast("dict[str, object]", kernel["kernel"])
    steps = [f"{step.call} {explained.sockets[step.socket].label}" for step in case.steps]
    rows = [
        (step, mine or "ok", its or "ok")
        for step, mine, its in zip(steps, *map(_steps, (predicted, made)), strict=True)
    ]
    for client, mine, its in zip(explained.clients, *map(_to, (predicted, made)), strict=True):
        rows.append((str(client), _reached(explained, mine), _reached(explained, its)))
    print_table(("", "predicted", "this kernel"), rows)
    differences = cast("list[str]", kernel["differences"])
    for line in differences or ["The kernel does as predicted."]:
        click.echo(line)


def _steps(document: Mapping[str, object]) -> list[str | None]:
    return cast("list[str | None]", document["steps"])


def _to(document: Mapping[str, object]) -> list[object]:
    return list(cast("dict[str, object]", document["to"]).values())


def _reached(explained: Explanation, said: object) -> str:
    if not isinstance(said, list):
        return f"(no) {said}"
    return ", ".join(f"{explained.sockets[each['socket']].label} as {each['peer']}" for each in said)


def _print_elsewhere(explained: Explanation) -> None:
    click.echo("Elsewhere:")
    same = [each.title for each in explained.elsewhere if not each.differences and not each.unknown]
    for each in explained.elsewhere:
        if each.differences or each.unknown:
            unknown = (f"unknown: {', '.join(each.unknown)}",) if each.unknown else ()
            click.echo(f"  {each.title}: {'; '.join((*each.differences, *unknown))}")
    if same:
        click.echo(f"  the same: {', '.join(same)}")
