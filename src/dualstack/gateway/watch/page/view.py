"""The page as HTML: one function of a snapshot. First whether all is well, then the figures, then the reasons.

It is whole without a script. With one, the parts with an id are compared with those of a new page and changed where
they differ, so that nothing jumps and no focus is lost.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from dualstack.gateway.watch.page.charts import lines, race, rates, share
from dualstack.gateway.watch.page.figures import ago, clock, count, counted, duration, milliseconds, rate, size
from dualstack.gateway.watch.page.markup import Child, Markup, element, joined
from dualstack.gateway.watch.page.verdict import Verdict, verdict_on
from dualstack.gateway.watch.page.watch import Sample
from dualstack.gateway.watch.snapshot import Connection, Dial, Port, Refusal, Service, Snapshot, Socket, Trouble

__all__ = ["page"]

T = TypeVar("T", Connection, Dial, Refusal, Trouble)

FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6", "unix": "Unix socket", "none": "not reached"}


def page(shot: Snapshot, samples: Sequence[Sample]) -> str:
    """The whole document."""
    verdict = verdict_on(shot, samples)
    head = element(
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
    body = element(
        "body",
        element("a", "Skip to the services", href="#services", class_="skip"),
        _header(shot),
        element("main", _verdict(verdict), _overview(shot, samples), _sections(shot), id="live", tabindex="-1"),
        _footer(),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


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


def _sections(shot: Snapshot) -> Markup:
    return joined(
        _section("services", "Services", _services(shot.services)),
        _section("ways", "Who reaches whom", _ways(shot.services)),
        _section("refused", "Refused", _refused(shot)),
        _section("unreached", "Targets not reached", _troubles(shot)),
        _section("ports", "Ports and their sockets", [_port(port) for port in shot.ports]),
        _section("dials", "How targets were reached", _dials(shot)),
        _section("recent", "Connections that ended last", _recent(shot)),
        _section("history", "What the connector has learnt", _history(shot)),
    )


def _section(name: str, title: str, content: Child) -> Markup:
    return element(
        "section", element("h2", title, id=f"{name}-title"), content, id=name, aria_labelledby=f"{name}-title"
    )


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Child]], none: str) -> Markup:
    """A table whose first column heads its rows; on a narrow screen each row is a card."""
    if not rows:
        return element("p", none, class_="empty")
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            [
                element("td", element("div", cell), data_head=head)
                for head, cell in zip(heads[1:], row[1:], strict=True)
            ],
        )
        for row in rows
    ]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", [element("th", head, scope="col") for head in heads])),
        element("tbody", body),
    )


def _code(text: str) -> Markup:
    return element("code", text)


def _services(services: Sequence[Service]) -> Markup:
    rows = [
        (
            [service.name, element("span", service.protocol, class_="badge"), _leaving(service), _on(service)],
            [_code(service.target)],
            count(service.of("ipv4").now),
            count(service.of("ipv6").now),
            count(service.of("ipv4").total + service.of("ipv6").total),
            [size(service.bytes_up), " / ", size(service.bytes_down)],
            count(service.refused),
            count(service.unreached),
            _datagrams(service),
        )
        for service in services
    ]
    heads = ("Service", "To", "IPv4 now", "IPv6 now", "In all", "Bytes up / down", "Refused", "Unreached", "Datagrams")
    return _table("What is served, and how much", heads, rows, "Nothing is served.")


def _on(service: Service) -> Markup | None:
    """Its ports, where they are not called as it is."""
    names = [on.port for on in service.on if on.port != service.name]
    return element("span", f"on {', '.join(names)}", class_="on quiet") if names else None


def _leaving(service: Service) -> Markup | None:
    return element("span", "taken away by a reload", class_="badge warn") if service.is_leaving else None


def _datagrams(service: Service) -> str:
    counted = service.datagrams
    if counted is None:
        return "\N{EN DASH}"
    text = f"{count(counted.datagrams_up)} / {count(counted.datagrams_down)}"
    return f"{text}, {count(counted.dropped)} dropped" if counted.dropped else text


def _ways(services: Iterable[Service]) -> Markup:
    """Clients of each family by targets of each: what a gateway is for."""
    sums: dict[tuple[str, str], list[int]] = {}
    for way in (way for service in services for on in service.on for way in on.ways):
        found = sums.setdefault((way.client, way.target), [0, 0, 0, 0])
        for place, more in enumerate((way.now, way.total, way.bytes_up, way.bytes_down)):
            found[place] += more
    most = max((found[1] for found in sums.values()), default=0)
    rows = [
        (
            [_family(client), " \N{RIGHTWARDS ARROW} ", _family(target)],
            share(f"{count(total)} of {count(most)}", client, total, most),
            count(total),
            count(now),
            [size(up), " / ", size(down)],
        )
        for (client, target), (now, total, up, down) in sorted(sums.items())
    ]
    heads = ("Client and target", "Share", "In all", "Now", "Bytes up / down")
    return _table("Connections by the families of client and target", heads, rows, "Nobody has come yet.")


def _family(name: str) -> Markup:
    return element("span", FAMILIES.get(name, name), class_=f"family {name}")


def _refused(shot: Snapshot) -> Markup:
    """By rule; then the last ones, with what a rule's text does not say."""
    refused = [(service, rule) for service in shot.services for rule in service.rules]
    rules = [
        (service.name, _code(rule.rule), count(rule.count), [_code(rule.client), " ", ago(rule.time, shot.time)])
        for service, rule in sorted(refused, key=lambda pair: -pair[1].count)
    ]
    latest = [
        (ago(each.time, shot.time), service.name, _code(each.client), _code(each.rule), each.why or "\N{EN DASH}")
        for each, service in _latest(shot.services, lambda service: service.refusals)
    ]
    caption = "Clients that were not let in, by the rule that refused"
    by_rule = _table(caption, ("Service", "Rule", "Refused", "Last"), rules, "Nobody was refused.")
    if not latest:
        return by_rule
    heads = ("When", "Service", "Client", "Rule", "More")
    return joined(by_rule, _table("The last of them", heads, latest, ""))


def _troubles(shot: Snapshot) -> Markup:
    rows = [
        (
            ago(trouble.time, shot.time),
            service.name,
            _code(trouble.client),
            _code(trouble.target),
            trouble.why,
        )
        for trouble, service in _latest(shot.services, lambda service: service.troubles)
    ]
    heads = ("When", "Service", "Client", "Target", "Why")
    return _table("The last clients whose target did not answer", heads, rows, "Every target was reached.")


def _port(port: Port) -> Markup:
    return element(
        "article",
        element(
            "h3",
            port.name,
            element("span", port.state, class_=f"badge {port.state}"),
            element("span", counted(port.connections, "connection"), class_="quiet"),
        ),
        element("p", port.error, class_="error") if port.error else None,
        [_socket(each) for each in port.sockets],
        class_="port",
    )


def _socket(sock: Socket) -> Markup:
    udp = element("span", "udp", class_="badge") if sock.proto == "udp" else None
    rule = f" ({sock.rule})" if sock.rule else ""
    return element(
        "details",
        element(
            "summary",
            _code(sock.socket),
            udp,
            f" receives {sock.receives}",
            element("span", sock.service, class_="quiet"),
        ),
        element("p", f"{sock.why}{rule}") if sock.why else None,
        element("ul", [element("li", f"{each.client} ", each.says) for each in sock.reached]) if sock.reached else None,
    )


def _dials(shot: Snapshot) -> Markup:
    found = _latest(shot.services, lambda service: service.dials)
    if not found:
        return element("p", "No target by name was dialled yet; literal addresses need no race.", class_="empty")
    return element("ol", [element("li", _dial(dial, service, shot.time)) for dial, service in found], class_="dials")


def _dial(dial: Dial, service: Service, now: float) -> Markup:
    if dial.winner is not None:
        outcome: Child = [_family(dial.winner), f" won in {milliseconds(dial.elapsed_s)}; {dial.other}"]
    else:
        outcome = "under way" if any(each.ended_s is None for each in dial.tries) else "nobody answered"
    tries = [
        element(
            "li",
            _family(each.family),
            " ",
            _code(each.address),
            f" {each.outcome}",
            "" if each.ended_s is None else f" after {milliseconds(each.ended_s - each.started_s)}",
            f": {each.why}" if each.why else "",
        )
        for each in dial.tries
    ]
    return joined(
        element("p", _code(dial.target), element("span", f"{service.name}, {ago(dial.time, now)}", class_="quiet")),
        element("p", outcome),
        race(f"Attempts within {milliseconds(dial.elapsed_s)}", dial),
        element("ul", tries, class_="tries"),
    )


def _recent(shot: Snapshot) -> Markup:
    rows = [
        (
            ago(each.time, shot.time),
            f"{service.name} on {each.port}" if each.port != service.name else service.name,
            _code(each.client),
            _code(each.target),
            [size(each.bytes_up), " / ", size(each.bytes_down)],
            duration(each.duration_s),
            each.reason,
        )
        for each, service in _latest(shot.services, lambda service: service.recent)
    ]
    heads = ("When", "Service", "Client", "Target", "Bytes up / down", "Lasted", "Ended")
    return _table("Peers as they are: an IPv4 client is never ::ffff:a.b.c.d", heads, rows, "None has ended yet.")


def _history(shot: Snapshot) -> Markup:
    rows = [
        (
            _code(lesson.destination),
            _code(lesson.source),
            "\N{EN DASH}" if lesson.rtt_s is None else milliseconds(lesson.rtt_s),
            "no" if lesson.steps_back_s is None else f"since {duration(lesson.steps_back_s)}",
            [_code(", ".join(lesson.failed))] if lesson.failed else "none",
        )
        for lesson in shot.history
    ]
    heads = ("Prefix", "From network", "Connects in", "Steps back", "Failed")
    return _table("Prefixes that were dialled, the latest first", heads, rows, "Nothing yet.")


def _latest(services: Iterable[Service], of: Callable[[Service], list[T]], most: int = 12) -> list[tuple[T, Service]]:
    """What happened last, of all services, the latest first."""
    found = [(each, service) for service in services for each in of(service)]
    return sorted(found, key=lambda pair: -pair[0].time)[:most]
