"""What the page shows of many services, and what it costs: chosen, sorted, drawn once, and a little at a time."""

import asyncio
import gzip
import json
from collections.abc import Generator
from html.parser import HTMLParser

import httpx
import msgspec
import pytest

from dualstack.core.planning.planner import RULES
from dualstack.gateway.config.page_address import page_endpoints
from dualstack.gateway.status.page.choice import ORDERS, Choice
from dualstack.gateway.status.page.drawn import Drawn
from dualstack.gateway.status.page.markup import templates
from dualstack.gateway.status.page.pages import Pages
from dualstack.gateway.status.page.samples import Sample, SnapshotFeed
from dualstack.gateway.status.page.server import Page
from dualstack.gateway.status.page.view import page, pieces
from dualstack.gateway.status.slices import at_once, in_slices
from dualstack.gateway.status.snapshot import Client, OnPort, Port, Reached, Rule, Service, Snapshot, Socket, Way
from support.gateway import run


def served(name: str, *, now: int = 0, total: int = 0, refused: int = 0, unreached: int = 0, moved: int = 0) -> Service:
    ways = [Way("ipv4", "ipv6", now, total, moved, 0)]
    on = [OnPort(f"port-of-{name}", [Client("ipv4", now, total), Client("ipv6", 0, 0)], ways)]
    rules = [Rule("deny any", refused, 1.0, "192.0.2.1:1")]
    return Service(name, "tcp", f"{name}.internal:80", on=on, rules=rules, unreached=unreached)


MANY = [
    served("b", now=1, total=30, refused=2, unreached=9, moved=5),
    served("Z", now=3, total=10, refused=3, unreached=0, moved=9),
    served("a", now=2, total=20, refused=1, unreached=1, moved=7),
]


def shot(*services: Service) -> Snapshot:
    ports = [Port(f"port-of-{each.name}", "*", "listening", [each.name]) for each in services]
    return Snapshot(100.0, 10.0, "1", services=list(services), ports=ports)


class Table(HTMLParser):
    """The text of each heading cell of rows, and all attributes by tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._is_head = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag == "th" and dict(attrs).get("scope") == "row":
            self._is_head = True
            self.rows.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._is_head:
            self.rows[-1] += data
            self._is_head = False


def names(query: str) -> list[str]:
    return [service.name for service in Choice.of(query).services(MANY)]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["b", "Z", "a"]),
        ("sort=name", ["a", "b", "Z"]),
        ("sort=ipv4", ["Z", "a", "b"]),
        ("sort=all", ["b", "a", "Z"]),
        ("sort=bytes", ["Z", "a", "b"]),
        ("sort=refused", ["Z", "b", "a"]),
        ("sort=unreached", ["b", "a", "Z"]),
        ("sort=no-such-column", ["b", "Z", "a"]),
        ("q=z", ["Z"]),
        ("q=A.INTERNAL", ["a"]),
        ("q=port-of-b", ["b"]),
        ("q=tcp&sort=name", ["a", "b", "Z"]),
        ("q=%20nothing%20", []),
        ("q=" + "x" * 10_000, []),
        ("%ff=%00&q", ["b", "Z", "a"]),
    ],
)
def test_services_are_chosen_by_a_text_and_sorted_by_a_column(query: str, shown: list[str]) -> None:
    assert names(query) == shown


def test_ipv6_clients_sort_too() -> None:
    six = msgspec.structs.replace(MANY[0], name="six", on=[OnPort("p", [Client("ipv6", 5, 5)])])
    assert Choice(order="ipv6").services([*MANY, six])[0].name == "six"
    assert set(ORDERS) == {"name", "ipv4", "ipv6", "all", "bytes", "refused", "unreached"}


def test_what_is_chosen_is_all_that_is_shown_below_and_the_figures_above_are_of_all() -> None:
    found = shot(*MANY)
    document = page(found, [Sample.of(found)], Choice.of("q=Z"))
    assert "port-of-Z" in document
    assert "port-of-a" not in document
    assert "1 of 3 services" in document
    assert "60 in all" in document
    (field,) = [attrs for tag, attrs in Table(document).attributes if tag == "input"]
    assert (field["value"], field["name"]) == ("Z", "q")


def test_the_form_is_there_where_there_are_many_services_and_not_where_there_are_few() -> None:
    few, many = shot(*MANY), shot(*(served(str(number)) for number in range(10)))
    assert 'id="choice"' not in page(few, [Sample.of(few)])
    assert 'id="choice"' in page(many, [Sample.of(many)])
    chosen = page(many, [Sample.of(many)], Choice.of("sort=refused"))
    options = {attrs["value"]: "selected" in attrs for tag, attrs in Table(chosen).attributes if tag == "option"}
    assert options == {"": False, **{name: name == "refused" for name in ORDERS}}


def test_a_share_is_a_part_of_the_whole() -> None:
    found = shot(served("a", total=30))
    found.services[0].on[0].ways.append(Way("ipv6", "ipv4", 0, 10, 0, 0))
    document = page(found, [Sample.of(found)])
    assert 'width="75.00"' in document
    assert 'width="25.00"' in document
    assert "75 %: 30 of 40" in document
    assert "25 %: 10 of 40" in document
    assert 'width="0.00"' in templates().get_template("charts.html").module.share("none", "ipv4", 0, 0)


def test_an_address_that_is_an_example_says_so_and_a_rule_says_what_it_is() -> None:
    found = shot(*MANY)
    reached = [Reached("192.0.2.1 to 198.51.100.7", "appears as 192.0.2.1")]
    found.ports[0].sockets = [Socket("b", "p", "0.0.0.0:80", "tcp", "IPv4", RULES["D6.6"], "D6.6", reached)]
    document = Table(page(found, [Sample.of(found)]))
    assert "For example 192.0.2.1 to 198.51.100.7 appears as 192.0.2.1" in document.text
    assert ("abbr", {"title": RULES["D6.6"]}) in document.attributes
    for rule, meaning in RULES.items():
        assert f"{rule} {meaning}" in document.text
    assert "What D6.1 to D6.6 are" not in page(shot(*MANY), [Sample.of(found)])


def test_what_has_not_changed_is_not_drawn_again() -> None:
    drawn, made = Drawn(most=2), []

    def draw(name: str, value: Service) -> str:
        return drawn.of("service", name, value, lambda _value: made.append(name) or name)  # type: ignore[func-returns-value]

    assert [draw("a", MANY[0]), draw("a", MANY[0])] == ["a", "a"]
    assert made == ["a"]
    draw("a", MANY[1])
    assert made == ["a", "a"]
    draw("b", MANY[0])
    draw("c", MANY[0])
    draw("a", MANY[1])
    assert made == ["a", "a", "b", "c", "a"]


def test_the_page_comes_in_small_pieces() -> None:
    found = shot(*(served(f"service-{number}") for number in range(200)))
    parts = list(pieces(found, [Sample.of(found)], Choice(), Drawn()))
    whole = "".join(parts)
    assert whole == page(found, [Sample.of(found)])
    assert max(map(len, parts)) < 8000 < len(whole) / 10


def test_others_have_their_turn_between_two_slices() -> None:
    turns = []

    def work() -> Generator[None, None, str]:
        for number in range(5):
            turns.append(number)
            yield
        return "made"

    async def scenario() -> None:
        task = asyncio.get_running_loop().create_task(in_slices(work(), slice_s=0.0))
        while not task.done():
            turns.append(-1)
            await asyncio.sleep(0)
        assert task.result() == "made"

    run(scenario)
    assert [turn for turn in turns if turn >= 0] == [0, 1, 2, 3, 4]
    assert all(turns[place + 1] == -1 for place in range(1, len(turns) - 2) if turns[place] >= 0)
    assert at_once(work()) == "made"


class Looked:
    """A source that counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0
        self.now = 100.0

    async def __call__(self) -> Snapshot:
        self.times += 1
        return shot(*MANY)

    def clock(self) -> float:
        return self.now


def test_however_many_ask_at_once_it_is_drawn_once() -> None:
    async def scenario() -> None:
        source = Looked()
        pages = Pages(SnapshotFeed(source, source.clock))
        bodies = await asyncio.gather(*(pages.of(Choice()) for _ in range(50)))
        assert len({id(body) for body in bodies}) == 1
        assert source.times == 1
        assert gzip.decompress(bodies[0].zipped) == bodies[0].plain
        other = await pages.of(Choice(text="Z"))
        assert other is not bodies[0]
        assert await pages.of(Choice()) is bodies[0]
        source.now += 1.0
        assert await pages.of(Choice()) is not bodies[0]
        assert source.times == 2

    run(scenario)


def test_of_very_many_choices_the_latest_are_kept() -> None:
    async def scenario() -> None:
        source = Looked()
        pages = Pages(SnapshotFeed(source, source.clock))
        pages._pace.wait_s = lambda _now: 0.0  # type: ignore[method-assign]
        first = await pages.of(Choice(text="0"))
        for number in range(1, 8):
            await pages.of(Choice(text=str(number)))
        assert await pages.of(Choice(text="0")) is first
        await pages.of(Choice(text="8"))
        assert await pages.of(Choice(text="0")) is not first

    run(scenario)


@pytest.mark.parametrize(
    ("asked", "past_s", "before", "every_s"),
    [
        (1, 1.0, 1, 1),
        (10, 1.0, 1, 1),
        (50, 1.0, 1, 5),
        (10, 1.0, 5, 5),
        (500, 1.0, 1, 10),
        (2, 1.0, 5, 1),
        (50, 0.5, 3, 3),
    ],
)
def test_the_more_look_the_less_often_each_is_to_ask(asked: int, past_s: float, before: int, every_s: int) -> None:
    async def scenario() -> None:
        source = Looked()
        pages = Pages(SnapshotFeed(source, source.clock))
        pages.every_s, pages._asked = before, asked
        pages._asked_since = pages._loop.time() - past_s * 1.0001
        pages._look_how_many_ask()
        assert pages.every_s == every_s

    run(scenario)


def test_an_answer_is_compressed_for_who_takes_that() -> None:
    async def scenario() -> None:
        served_page = Page(page_endpoints("localhost:0"), Looked())
        served_page.start()
        try:
            async with httpx.AsyncClient(base_url=served_page.addresses[-1], trust_env=False) as client:
                for path in ("/", "/?q=Z&sort=name", "/snapshot.json", "/metrics"):
                    zipped = await client.get(path, headers={"accept-encoding": "br;q=1, gzip;q=0.5"})
                    assert zipped.headers["content-encoding"] == "gzip"
                    assert zipped.headers["vary"] == "accept-encoding"
                    plain = await client.get(path, headers={"accept-encoding": "identity"})
                    assert "content-encoding" not in plain.headers
                    assert plain.text == zipped.text
                    assert "date" in plain.headers
                assert 'data-every="1"' in (await client.get("/")).text
                assert "1 of 3 services" in (await client.get("/?q=Z")).text
                document = json.loads((await client.get("/snapshot.json")).text)
                assert [service["name"] for service in document["services"]] == ["b", "Z", "a"]
                assert document["samples"][0]["ipv4"] == 6
        finally:
            await served_page.close()

    run(scenario)
