"""The status page over HTTP: who may ask, what is answered, and that no text of others becomes markup."""

import asyncio
import doctest
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from types import ModuleType

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from dualstack.errors import AddressError, ConfigError, ListenError
from dualstack.gateway.config import page_address
from dualstack.gateway.config.page_address import page_endpoints
from dualstack.gateway.config.toml import parse
from dualstack.gateway.status.aggregate import aggregate, as_document
from dualstack.gateway.status.page import figures
from dualstack.gateway.status.page.health import Level, health_of
from dualstack.gateway.status.page.request_guard import HEADERS, Guard, Refused
from dualstack.gateway.status.page.samples import EVERY_S, Sample, SnapshotFeed
from dualstack.gateway.status.page.server import Page
from dualstack.gateway.status.page.view import page
from dualstack.gateway.status.snapshot import (
    Client,
    Dial,
    OnPort,
    Port,
    Refusal,
    Rule,
    Service,
    Snapshot,
    Trouble,
    Try,
    Way,
)
from support.gateway import Running, ended, run, running, service

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"


def shot(**more: object) -> Snapshot:
    """A gateway of which every text that others can choose is hostile."""
    served = Service(
        HOSTILE,
        "tcp",
        HOSTILE,
        on=[OnPort(HOSTILE, [Client("ipv4", 1, 2), Client("ipv6", 3, 4)], [Way("ipv6", "ipv4", 1, 7, 10, 20)])],
        rules=[Rule(HOSTILE, 5, 99.0, HOSTILE)],
        refusals=[Refusal(99.0, HOSTILE, HOSTILE)],
        unreached=1,
        troubles=[Trouble(99.0, HOSTILE, HOSTILE, HOSTILE)],
        dials=[Dial(98.0, HOSTILE, "ipv4", 0.3, 0.01, HOSTILE, [Try("ipv6", HOSTILE, 0.01, None, "failed", HOSTILE)])],
    )
    ports = [Port(HOSTILE, HOSTILE, "failed", [HOSTILE], 1, HOSTILE)]
    return msgspec.structs.replace(Snapshot(100.0, 10.0, "1", services=[served], ports=ports), **more)


class Tags(HTMLParser):
    """The elements of a document, and what is said in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@asynccontextmanager
async def asking(source: Callable[[], Awaitable[dict[str, object]]], *hosts: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a page on free ports of both loopbacks; its `base_url` is the IPv6 one."""
    served = Page(page_endpoints("localhost:0"), source, hosts=hosts)
    served.start()
    try:
        async with httpx.AsyncClient(base_url=served.addresses[-1], trust_env=False) as client:
            yield client
    finally:
        await served.close()


def asked(questions: Callable[[httpx.AsyncClient], Awaitable[None]], *hosts: str) -> None:
    async def source() -> dict[str, object]:
        return as_document(shot())

    async def scenario() -> None:
        async with asking(source, *hosts) as client:
            await questions(client)

    run(scenario)


def test_every_answer_forbids_browsers_what_the_page_does_not_need() -> None:
    async def questions(client: httpx.AsyncClient) -> None:
        for path in ("/", "/snapshot.json", "/metrics", "/style.css", "/page.js", "/icon.svg", "/nothing"):
            answer = await client.get(path)
            assert answer.status_code == (404 if path == "/nothing" else 200)
            assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS)
            assert "server" not in answer.headers
        assert "default-src 'self'" in HEADERS["content-security-policy"]

    asked(questions)


def test_the_page_loads_its_own_files_alone_and_has_no_script_or_style_inside() -> None:
    async def questions(client: httpx.AsyncClient) -> None:
        tags = Tags((await client.get("/")).text).tags
        loaded = [attrs.get("src") or attrs.get("href") for tag, attrs in tags if tag in {"script", "link", "img"}]
        assert sorted(map(str, loaded)) == ["/icon.svg", "/page.js", "/style.css"]
        for path in loaded:
            assert (await client.get(str(path))).status_code == 200
        assert not [tag for tag, attrs in tags if "style" in attrs or any(name.startswith("on") for name in attrs)]
        assert not {tag for tag, _ in tags} & {"style", "iframe", "form", "object"}
        assert "http" not in (await client.get("/style.css")).text

    asked(questions)


def test_hostile_texts_are_shown_and_never_made_into_markup() -> None:
    found = shot()
    document = Tags(page(found, [Sample.of(found)]))
    assert document.text.count(HOSTILE) >= 10
    assert [attrs for tag, attrs in document.tags if tag == "script"] == [{"src": "/page.js", "defer": None}]
    assert "img" not in {tag for tag, _ in document.tags}


def test_a_gateway_without_a_page_does_not_load_what_draws_one() -> None:
    code = (
        "import sys, dualstack.gateway.runner, dualstack.cli.serving; print(*{'jinja2', 'starlette'} & {*sys.modules})"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "\n"


def test_reading_is_all_there_is() -> None:
    async def questions(client: httpx.AsyncClient) -> None:
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            answer = await client.request(method, "/")
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        answer = await client.head("/")
        assert (answer.status_code, answer.content) == (200, b"")

    asked(questions)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8046", 200),
        ("127.0.0.1:8046", 200),
        ("[::1]:8046", 200),
        ("[::ffff:127.0.0.1]", 200),
        ("127.0.0.2", 200),
        ("status.example", 200),
        ("Status.Example:80", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.nip.io", 421),
        ("192.0.2.1", 421),
        ("[2001:db8::1]", 421),
        ("0.0.0.0", 421),
        ("[::]", 421),
        ("*", 421),
        ("0x7f.1", 400),
        ("127.1", 400),
        ("", 421),
        ("localhost:99999", 400),
        ("localhost/", 400),
        ("localhost@evil.example", 400),
    ],
)
def test_a_name_that_was_turned_to_this_host_is_no_name_of_the_page(host: str, status: int) -> None:
    async def questions(client: httpx.AsyncClient) -> None:
        answer = await client.get("/", headers={"host": host})
        assert answer.status_code == status
        if status == 421:
            assert "page_hosts" in answer.text

    asked(questions, "status.example")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://localhost:8046"}, 200),
        ({"origin": "http://localhost:9000"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_the_page_of_another_site_gets_nothing(headers: dict[str, str], status: int) -> None:
    async def questions(client: httpx.AsyncClient) -> None:
        for path in ("/", "/snapshot.json", "/metrics"):
            answer = await client.get(path, headers={"host": "localhost:8046", **headers})
            assert answer.status_code == status
            if status == 403:
                assert "another site" in answer.text

    asked(questions)


def scope(*headers: tuple[bytes, bytes], server: tuple[str, int] | None = ("192.0.2.7", 80)) -> dict[str, object]:
    return {"type": "http", "method": "GET", "headers": list(headers), "server": server}


@pytest.mark.parametrize("headers", [(), ((b"host", b"localhost"), (b"host", b"localhost"))])
def test_one_host_header_is_one(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    with pytest.raises(Refused, match=r"\d Host headers"):
        Guard(None).check(scope(*headers))  # type: ignore[arg-type]


def test_the_address_of_the_socket_is_a_name_of_the_page() -> None:
    guard = Guard(None)  # type: ignore[arg-type]
    guard.check(scope((b"host", b"192.0.2.7:80")))
    guard.check(scope((b"host", b"[fe80::7]"), server=("fe80::7%2", 80)))
    guard.check(scope((b"host", b"192.0.2.7"), server=("::ffff:192.0.2.7", 80)))
    with pytest.raises(Refused):
        guard.check(scope((b"host", b"192.0.2.8")))
    with pytest.raises(Refused):
        guard.check(scope((b"host", b"192.0.2.7"), server=None))


def numbers(text: str) -> dict[tuple[str, ...], float]:
    """The samples, by their name and the values of their labels in the order of the labels' names."""
    return {
        (each.name, *(value for _, value in sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def source_of(r: Running) -> Callable[[], Awaitable[dict[str, object]]]:
    async def source() -> dict[str, object]:
        return r.gateway.snapshot()

    return source


def test_what_has_happened_is_on_the_page_in_the_document_and_in_the_metrics() -> None:
    async def scenario() -> None:
        text = service("web", "*:0", access='["deny 127.0.0.1", "allow any"]')
        async with running(text) as r:
            await r.ask("web", "::1")
            assert await r.ask("web", "127.0.0.1") == b""
            await ended(r, "web", 0)
            async with asking(source_of(r)) as client:
                html = Tags((await client.get("/")).text).text
                document = (await client.get("/snapshot.json")).json()
                metrics = await client.get("/metrics")
            assert "rule: deny 127.0.0.1" in html
            assert "All is well" in html
            assert document["services"][0]["rules"][0]["count"] == 1
            assert document["samples"][-1]["ipv6_total"] == 1
            assert metrics.headers["content-type"].startswith("text/plain")
            found = numbers(metrics.text)
            assert found["dualstack_connections_total", "ipv6", "web", "web"] == 1
            assert found["dualstack_bytes_total", "up", "ipv6", "web", "web", "ipv4"] == 6
            assert found["dualstack_bytes_total", "down", "ipv6", "web", "web", "ipv4"] == 11
            assert found["dualstack_refused_total", "rule: deny 127.0.0.1", "web"] == 1
            assert found["dualstack_port_listening", "web"] == 1

    run(scenario)


def test_metrics_are_openmetrics_where_that_is_asked_for() -> None:
    async def questions(client: httpx.AsyncClient) -> None:
        answer = await client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        assert answer.text.endswith("# EOF\n")

    asked(questions)


def test_however_many_look_a_snapshot_is_made_once_a_second() -> None:
    async def scenario() -> None:
        made = 0
        now = 100.0

        async def source() -> dict[str, object]:
            nonlocal made
            made += 1
            return as_document(shot())

        watch = SnapshotFeed(source, lambda: now)
        for _ in range(10):
            await watch.now()
        assert made == 1
        now = 101.0
        await watch.now()
        assert made == 2

    run(scenario)


def test_while_no_worker_answers_the_page_says_so_and_watches_on() -> None:
    async def scenario() -> None:
        there: list[dict[str, object]] = []

        async def source() -> dict[str, object]:
            return aggregate(there)

        async with asking(source) as client:
            for path in ("/", "/snapshot.json", "/metrics"):
                answer = await client.get(path)
                assert (answer.status_code, answer.text) == (503, "no worker answers at this moment\n")
                assert answer.headers["x-content-type-options"] == "nosniff"
            there.append(as_document(shot()))
            assert (await client.get("/")).status_code == 200

    run(scenario)


def test_a_lack_of_descriptors_is_the_first_thing_told() -> None:
    ports = [Port("p", "*", "listening", ["s"])]
    assert health_of(shot(ports=ports, short_now=1, shortages=1), [sample(0)]).title == "No descriptors left"
    over = health_of(shot(ports=ports, shortages=2), [sample(0)])
    assert (over.title, over.lines[1]) == ("All is well", "descriptors were short 2 times; nobody was lost")


def test_samples_are_kept_of_a_quarter_of_an_hour() -> None:
    async def scenario() -> None:
        at = 0.0

        async def source() -> dict[str, object]:
            return as_document(shot(time=at))

        watch = SnapshotFeed(source, lambda: at)
        for number in range(1000):
            at = number * EVERY_S
            await watch.sample()
        assert watch.samples[-1].time - watch.samples[0].time == 179 * EVERY_S
        # One that is hardly over gives way to this moment.
        assert [sample.time for sample in watch.lately(shot(time=at + 1.0))][-2:] == [at - EVERY_S, at + 1.0]

    run(scenario)


def sample(at: float, unreached: int = 0, refused: int = 0) -> Sample:
    return Sample(at, 0, 0, 0, 0, 0, 0, refused, unreached)


@pytest.mark.parametrize(
    ("state", "samples", "level", "title"),
    [
        ("listening", [sample(0)], Level.GOOD, "All is well"),
        ("listening", [sample(0), sample(5, refused=9)], Level.GOOD, "All is well"),
        ("stopped", [sample(0)], Level.LOOK, "Port p is stopped"),
        ("failed", [sample(0)], Level.BAD, "Port p has failed"),
        ("stopped", [sample(0, 1), sample(5, 3)], Level.BAD, "2 clients did not reach the target"),
        ("listening", [sample(0, 1), sample(400, 3), sample(405, 3)], Level.GOOD, "All is well"),
    ],
)
def test_the_worst_that_happened_lately_is_the_title(
    state: str, samples: list[Sample], level: Level, title: str
) -> None:
    found = shot(ports=[Port("p", "*", state, ["s"])])
    verdict = health_of(found, samples)
    assert (verdict.level, verdict.title) == (level, title)


@pytest.mark.parametrize(
    ("asked_for", "endpoints"),
    [
        (False, []),
        (True, ["localhost:8046"]),
        (9000, ["localhost:9000"]),
        ("9000", ["localhost:9000"]),
        (":9000", ["localhost:9000"]),
        ("127.0.0.1", ["127.0.0.1:8046"]),
        ("*:9000", ["*:9000"]),
        (["[::1]:1", "192.0.2.1:2"], ["[::1]:1", "192.0.2.1:2"]),
    ],
)
def test_a_number_alone_is_the_loopbacks(asked_for: bool | int | str | list[str], endpoints: list[str]) -> None:  # noqa: FBT001
    assert [str(endpoint) for endpoint in page_endpoints(asked_for)] == endpoints


def test_a_wrong_place_names_the_key() -> None:
    with pytest.raises(ConfigError, match="page: "):
        parse(f"page = '[::1'\n{service('a', to='127.0.0.1:9')}", "test.toml")
    with pytest.raises(AddressError):
        page_endpoints("localhost:99999")


def test_a_page_that_cannot_listen_says_why_and_leaves_nothing_open() -> None:
    async def questions(client: httpx.AsyncClient) -> None:
        with pytest.raises(ListenError, match="in use"):
            Page(page_endpoints(f"[::1]:{client.base_url.port}"), lambda: asyncio.sleep(0))  # type: ignore[arg-type, return-value]

    asked(questions)


def test_the_document_says_nothing_of_passwords() -> None:
    async def scenario() -> None:
        text = "[[services]]\nname = 'p'\nlisten = 'localhost:0'\nforward = ['socks5']\nusers = {anna = 'hunter2'}\n"
        async with running(text) as r, asking(source_of(r)) as client:
            for path in ("/", "/snapshot.json", "/metrics"):
                text = (await client.get(path)).text
                assert not re.search("hunter2|anna", text)
            json.loads((await client.get("/snapshot.json")).text)

    run(scenario)


@pytest.mark.parametrize("module", [figures, page_address])
def test_the_examples_run(module: ModuleType) -> None:
    assert doctest.testmod(module).attempted
    assert doctest.testmod(module).failed == 0
