"""The page as HTML: one function of a snapshot. First whether all is well, then the figures, then the reasons.

It is whole without a script. With one, the parts with an id are compared with those of a new page and changed where
they differ, so that nothing jumps and no focus is lost.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from dualstack.gateway.status.page.charts import lines, rates
from dualstack.gateway.status.page.choice import Choice
from dualstack.gateway.status.page.figures import clock, count, counted, duration, rate, size
from dualstack.gateway.status.page.health import Verdict, verdict_on
from dualstack.gateway.status.page.markup import Child, Markup, around, element
from dualstack.gateway.status.page.samples import Sample
from dualstack.gateway.status.page.sections import (
    FAMILIES,
    Drawn,
    dials,
    history,
    ports,
    recent,
    refused,
    services,
    troubles,
    ways,
)
from dualstack.gateway.status.snapshot import Snapshot

__all__ = ["page", "pieces"]

ALL = Choice()


def page(shot: Snapshot, samples: Sequence[Sample], choice: Choice = ALL) -> str:
    """The whole document, drawn at once."""
    return "".join(pieces(shot, samples, choice, Drawn()))


def pieces(
    shot: Snapshot, samples: Sequence[Sample], choice: Choice, drawn: Drawn, *, every_s: int = 1
) -> Iterator[str]:
    """The whole document in pieces.

    Args:
        shot: what it shows.
        samples: what is behind its charts, this moment at the end.
        choice: which services, in which order.
        drawn: what is not drawn again.
        every_s: how often whoever looks may ask for it anew.
    """
    verdict = verdict_on(shot, samples)
    yield '<!DOCTYPE html>\n<html lang="en">'
    yield _head(verdict)
    yield "<body>"
    yield element("a", "Skip to the services", href="#services", class_="skip")
    yield _header(shot)
    first = (_verdict(verdict), _overview(shot, samples))
    below = _sections(shot, choice, drawn)
    yield from around("main", chain(first, below), id="live", tabindex="-1", data_every=every_s)
    yield _footer()
    yield "</body></html>\n"


def _head(verdict: Verdict) -> Markup:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{verdict.title} \N{MIDDLE DOT} dualstack"),
        element("link", rel="icon", href="/icon.svg", type="image/svg+xml"),
        element("link", rel="stylesheet", href="/style.css"),
        element("script", src="/page.js", defer=True),
        element("noscript", element("meta", http_equiv="refresh", content="10")),
    )


def _header(shot: Snapshot) -> Markup:
    workers = counted(shot.workers, "worker")
    return element(
        "header",
        element("h1", "dualstack"),
        element(
            "p",
            f"up {duration(max(shot.time - shot.started, 1))} \N{MIDDLE DOT} {workers} \N{MIDDLE DOT} "
            f"{shot.program} \N{MIDDLE DOT} ",
            element("span", f"{clock(shot.time)} UTC", class_="when"),
            id="state",
        ),
        element("button", "Pause", type="button", id="pause", aria_pressed="false", hidden=True),
        element("p", "No answer from the gateway: what stands here is old.", id="stale", role="alert", hidden=True),
    )


def _footer() -> Markup:
    return element(
        "footer",
        element(
            "nav",
            element("a", "snapshot.json", href="/snapshot.json"),
            element("a", "metrics", href="/metrics"),
            aria_label="The same for programs",
        ),
        element("p", "This page reads only; dualstack ports stops and starts."),
    )


def _verdict(verdict: Verdict) -> Markup:
    return element(
        "section",
        element("h2", verdict.title, id="verdict-title"),
        element("ul", [element("li", line) for line in verdict.lines]) if verdict.lines else None,
        class_=f"verdict {verdict.level.value}",
        aria_labelledby="verdict-title",
        role="status",
        id="verdict",
    )


def _overview(shot: Snapshot, samples: Sequence[Sample]) -> Markup:
    times = [sample.time for sample in samples]
    up = rates(times, [sample.bytes_up for sample in samples])
    down = rates(times, [sample.bytes_down for sample in samples])
    four, six = [sample.ipv4 for sample in samples], [sample.ipv6 for sample in samples]
    came = {
        "ipv4": rates(times, [sample.ipv4_total for sample in samples]),
        "ipv6": rates(times, [sample.ipv6_total for sample in samples]),
    }
    span = f"the last {duration(max(times[-1] - times[0], 1))}"
    return element(
        "section",
        element("h2", "Now", id="now", class_="hidden"),
        [_clients(shot, family, times, came[family]) for family in ("ipv4", "ipv6")],
        _chart(
            f"Open connections, {span}",
            lines(f"Most: {max(*four, *six)}", times, ("ipv4", four), ("ipv6", six)),
            max(*four, *six),
        ),
        _tile("to targets", f"{size(up[-1])}/s", f"{size(samples[-1].bytes_up)} in all", "up"),
        _tile("to clients", f"{size(down[-1])}/s", f"{size(samples[-1].bytes_down)} in all", "down"),
        _chart(
            f"Bytes a second, {span}",
            lines(f"Most: {size(max(*up, *down))}/s", times, ("up", up), ("down", down)),
            f"{size(max(*up, *down))}/s",
        ),
        class_="tiles",
        aria_labelledby="now",
    )


def _clients(shot: Snapshot, family: str, times: Sequence[float], came: Sequence[float]) -> Markup:
    return _tile(
        f"{FAMILIES[family]} clients",
        count(shot.now(family)),
        f"{count(shot.total(family))} in all, {rate(came[-1])}",
        family,
        lines(f"New ones a second, at most {max(came):.3g}", times, (family, came)),
    )


def _tile(name: str, figure: str, more: str, kind: str, chart: Markup | None = None) -> Markup:
    return element(
        "div",
        element("p", name, class_="name"),
        element("p", figure, class_="figure"),
        element("p", more, class_="more"),
        chart,
        class_=f"tile {kind}",
        id=f"tile-{kind}",
    )


def _chart(title: str, chart: Markup, most: Child) -> Markup:
    return element(
        "figure", element("figcaption", title, element("span", "most ", most, class_="most")), chart, class_="tile wide"
    )


def _sections(shot: Snapshot, choice: Choice, drawn: Drawn) -> Iterator[Markup]:
    now, chosen = shot.time, choice.services(shot.services)
    yield from _section("services", "Services", services(chosen, len(shot.services), choice, drawn))
    yield from _section("ways", "Who reaches whom", ways(chosen))
    yield from _section("refused", "Refused", refused(chosen, now))
    yield from _section("unreached", "Targets not reached", troubles(chosen, now))
    yield from _section("ports", "Ports and their sockets", ports(choice.ports(shot.ports, chosen), drawn))
    yield from _section("dials", "How targets were reached", dials(chosen, now))
    yield from _section("recent", "Connections that ended last", recent(chosen, now))
    yield from _section("history", "What the connector has learnt", history(shot.history))


def _section(name: str, title: str, content: Iterable[Markup]) -> Iterator[Markup]:
    heading = element("h2", title, id=f"{name}-title")
    yield from around("section", chain([heading], content), id=name, aria_labelledby=f"{name}-title")
