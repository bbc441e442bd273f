"""The parts of the page below the figures: services, who reaches whom, refusals, ports, races, what was learnt.

Each is made in pieces, so that a long one can be left in between; what has not changed since it was drawn last is not
drawn again (`Drawn`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TypeVar

import msgspec
from msgspec import Struct

from dualstack.core.planning.planner import RULES
from dualstack.gateway.status.page.charts import race, share
from dualstack.gateway.status.page.choice import ORDERS, Choice
from dualstack.gateway.status.page.figures import ago, count, counted, duration, milliseconds, percentage, size
from dualstack.gateway.status.page.markup import Child, Markup, around, element, joined
from dualstack.gateway.status.snapshot import Connection, Dial, Lesson, Port, Refusal, Service, Socket, Trouble

__all__ = ["FAMILIES", "Drawn", "dials", "history", "ports", "recent", "refused", "services", "troubles", "ways"]

T = TypeVar("T", Connection, Dial, Refusal, Trouble)

FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6", "unix": "Unix socket", "none": "not reached"}

Row = Sequence[Child]


class Drawn:
    """What was drawn of values, by their kind and name; it is drawn anew where a value is another.

    Args:
        most: values at a time.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._drawn: dict[tuple[str, str], tuple[bytes, Markup]] = {}

    def of(self, kind: str, name: str, value: Struct, draw: Callable[[], Markup]) -> Markup:
        """The value as `draw` makes it."""
        content = msgspec.msgpack.encode(value)
        known = self._drawn.get((kind, name))
        if known is not None and known[0] == content:
            return known[1]
        if len(self._drawn) >= self._most:
            self._drawn.clear()
        made = draw()
        self._drawn[kind, name] = content, made
        return made


def _table(caption: str, heads: Sequence[str], rows: Iterable[Markup], none: str) -> Iterator[Markup]:
    """A table whose first column heads its rows; on a narrow screen each row is a card."""
    rest = iter(rows)
    first = next(rest, None)
    if first is None:
        yield element("p", none, class_="empty")
        return
    head = element("thead", element("tr", [element("th", head, scope="col") for head in heads]))
    body = around("tbody", chain([first], rest))
    yield from around("table", chain([element("caption", caption), head], body))


def _rows(heads: Sequence[str], rows: Iterable[Row]) -> Iterator[Markup]:
    return (_row(heads, row) for row in rows)


def _row(heads: Sequence[str], row: Row) -> Markup:
    cells = [element("td", element("div", cell), data_head=head) for head, cell in zip(heads[1:], row[1:], strict=True)]
    return element("tr", element("th", row[0], scope="row"), cells)


def _code(text: str) -> Markup:
    return element("code", text)


_SERVICE = ("Service", "To", "IPv4 now", "IPv6 now", "In all", "Bytes up / down", "Refused", "Unreached", "Datagrams")
# Fewer are seen at one look.
_MANY = 10
_RULES_MAX = 100


def services(chosen: Sequence[Service], of: int, choice: Choice, drawn: Drawn) -> Iterator[Markup]:
    """Each service, and how much it does; where there are many (`of`), a form to choose by."""
    if of >= _MANY or choice != Choice():
        yield _form(len(chosen), of, choice)
    rows = (drawn.of("service", each.name, each, partial(_service, each)) for each in chosen)
    none = "No service has this text." if choice.text else "Nothing is served."
    yield from _table("What is served, and how much", _SERVICE, rows, none)


def _form(shown: int, of: int, choice: Choice) -> Markup:
    options = [
        element("option", label, value=name, selected=name == choice.order)
        for name, label in (("", "as configured"), *((name, label) for name, (label, _) in ORDERS.items()))
    ]
    return element(
        "form",
        element("label", "Filter ", element("input", type="search", name="q", value=choice.text, maxlength=100)),
        element("label", "Sort by ", element("select", options, name="sort")),
        element("button", "Show", type="submit"),
        element("span", f"{count(shown)} of {counted(of, 'service')}", class_="quiet", role="status"),
        method="get",
        action="/",
        role="search",
        aria_label="Which services, and in which order",
        id="choice",
    )


def _service(service: Service) -> Markup:
    cells = (
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
    return _row(_SERVICE, cells)


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


def ways(of: Iterable[Service]) -> Iterator[Markup]:
    """Clients of each family by targets of each: what a gateway is for."""
    sums: dict[tuple[str, str], list[int]] = {}
    for way in (way for service in of for on in service.on for way in on.ways):
        found = sums.setdefault((way.client, way.target), [0, 0, 0, 0])
        for place, more in enumerate((way.now, way.total, way.bytes_up, way.bytes_down)):
            found[place] += more
    whole = sum(found[1] for found in sums.values())
    rows = [
        (
            [_family(client), " \N{RIGHTWARDS ARROW} ", _family(target)],
            _part(client, total, whole),
            count(total),
            count(now),
            [size(up), " / ", size(down)],
        )
        for (client, target), (now, total, up, down) in sorted(sums.items())
    ]
    heads = ("Client and target", "Share", "In all", "Now", "Bytes up / down")
    caption = "Connections by the families of client and target"
    yield from _table(caption, heads, _rows(heads, rows), "Nobody has come yet.")


def _part(name: str, part: int, whole: int) -> Markup:
    """How much of all it is, as a bar and as a number."""
    percent = percentage(part, whole)
    return joined(
        share(f"{percent}: {count(part)} of {count(whole)}", name, part, whole), element("span", percent, class_="part")
    )


def _family(name: str) -> Markup:
    return element("span", FAMILIES.get(name, name), class_=f"family {name}")


def refused(of: Sequence[Service], now: float) -> Iterator[Markup]:
    """By rule; then the last ones, with what a rule's text does not say."""
    found = [(service, rule) for service in of for rule in service.rules]
    rules = [
        (service.name, _code(rule.rule), count(rule.count), [_code(rule.client), " ", ago(rule.time, now)])
        for service, rule in sorted(found, key=lambda pair: -pair[1].count)[:_RULES_MAX]
    ]
    latest = [
        (ago(each.time, now), service.name, _code(each.client), _code(each.rule), each.why or "\N{EN DASH}")
        for each, service in _latest(of, lambda service: service.refusals)
    ]
    caption = "Clients that were not let in, by the rule that refused"
    heads: tuple[str, ...] = ("Service", "Rule", "Refused", "Last")
    yield from _table(caption, heads, _rows(heads, rules), "Nobody was refused.")
    if latest:
        heads = ("When", "Service", "Client", "Rule", "More")
        yield from _table("The last of them", heads, _rows(heads, latest), "")


def troubles(of: Sequence[Service], now: float) -> Iterator[Markup]:
    """The last clients whose target was not reached, and why."""
    rows = [
        (
            ago(trouble.time, now),
            service.name,
            _code(trouble.client),
            _code(trouble.target),
            trouble.why,
        )
        for trouble, service in _latest(of, lambda service: service.troubles)
    ]
    heads = ("When", "Service", "Client", "Target", "Why")
    caption = "The last clients whose target did not answer"
    yield from _table(caption, heads, _rows(heads, rows), "Every target was reached.")


def ports(of: Iterable[Port], drawn: Drawn) -> Iterator[Markup]:
    """Each port with its sockets, and what the rules are called."""
    has_rules = False
    for port in of:
        has_rules = has_rules or any(sock.rule for sock in port.sockets)
        yield drawn.of("port", port.name, port, partial(_port, port))
    if has_rules:
        yield element(
            "details",
            element("summary", "What D6.1 to D6.6 are"),
            element("p", "The rules, as HCL Domino has them, by which a port's sockets get their families:"),
            element("ul", [element("li", _code(name), f" {text}") for name, text in RULES.items()]),
            id="rules",
        )


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
    rule = [" (", element("abbr", sock.rule, title=RULES.get(sock.rule, "")), ")"] if sock.rule else None
    return element(
        "details",
        element(
            "summary",
            _code(sock.socket),
            udp,
            f" receives {sock.receives}",
            element("span", sock.service, class_="quiet"),
        ),
        element("p", sock.why, rule) if sock.why else None,
        element("ul", [element("li", f"For example {each.client} ", each.says) for each in sock.reached])
        if sock.reached
        else None,
    )


def dials(of: Sequence[Service], now: float) -> Iterator[Markup]:
    """The last races of the connector."""
    found = _latest(of, lambda service: service.dials)
    if not found:
        yield element("p", "No target by name was dialled yet; literal addresses need no race.", class_="empty")
        return
    yield from around("ol", (element("li", _dial(dial, service, now)) for dial, service in found), class_="dials")


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


def recent(of: Sequence[Service], now: float) -> Iterator[Markup]:
    """The connections that ended last."""
    rows = [
        (
            ago(each.time, now),
            f"{service.name} on {each.port}" if each.port != service.name else service.name,
            _code(each.client),
            _code(each.target),
            [size(each.bytes_up), " / ", size(each.bytes_down)],
            duration(each.duration_s),
            each.reason,
        )
        for each, service in _latest(of, lambda service: service.recent)
    ]
    heads = ("When", "Service", "Client", "Target", "Bytes up / down", "Lasted", "Ended")
    caption = "Peers as they are: an IPv4 client is never ::ffff:a.b.c.d"
    yield from _table(caption, heads, _rows(heads, rows), "None has ended yet.")


def history(lessons: Iterable[Lesson]) -> Iterator[Markup]:
    """What the connector knows of the ways to each prefix."""
    rows = (
        (
            _code(lesson.destination),
            _code(lesson.source),
            "\N{EN DASH}" if lesson.rtt_s is None else milliseconds(lesson.rtt_s),
            "no" if lesson.steps_back_s is None else f"since {duration(lesson.steps_back_s)}",
            [_code(", ".join(lesson.failed))] if lesson.failed else "none",
        )
        for lesson in lessons
    )
    heads = ("Prefix", "From network", "Connects in", "Steps back", "Failed")
    yield from _table("Prefixes that were dialled, the latest first", heads, _rows(heads, rows), "Nothing yet.")


def _latest(services: Iterable[Service], of: Callable[[Service], list[T]], most: int = 12) -> list[tuple[T, Service]]:
    """What happened last, of all services, the latest first."""
    found = [(each, service) for service in services for each in of(service)]
    return sorted(found, key=lambda pair: -pair[0].time)[:most]
