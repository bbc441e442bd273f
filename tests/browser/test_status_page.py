"""The status page in a real Chromium: it moves while one looks, for every eye, by keyboard, on a telephone."""

import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import Tab
from support.free_port import free_port
from support.program import Dualstack, dualstack

from .conftest import Sites

pytestmark = pytest.mark.daemon("chromium")

CONFIG = """
page = 0
control = "{control}"
[ports.stopped]
bind = "127.0.0.1"
[[services]]
name = "web"
listen = "localhost:0"
to = "localhost:{site}"
access = ["deny 127.0.0.9", "allow any"]
[[services]]
name = "nobody-answers"
listen = "localhost:0"
to = "127.0.0.1:{closed}"
[[services]]
name = "a-service-with-a-long-name-and-not-one-place-where-it-may-be-broken-into-lines"
ports = ["stopped"]
port = 0
to = "[2001:db8:1234:5678:9abc:def0:1234:5678]:8080"
"""


class Gateway:
    """One that runs, with something of everything to show."""

    def __init__(self, program: Dualstack, control: str) -> None:
        self.program, self.control = program, control
        (document,) = [json.loads(line) for line in program.out.said if '"ready"' in line]
        self.page = next(str(address) for address in document["page"] if "127.0.0.1" in address)
        self.came = {4: 0, 6: 0}
        self.ports = {(each["service"], each["family"]): each["port"] for each in document["sockets"]}

    def ask(self, family: int) -> str:
        """Fetch the site behind `web` from a client of this family."""
        self.came[family] += 1
        host = "[::1]" if family == 6 else "127.0.0.1"
        with urllib.request.urlopen(f"http://{host}:{self.ports['web', family]}/", timeout=20) as answer:
            return str(answer.read().decode())

    def be_refused(self) -> None:
        with socket.create_connection(
            ("127.0.0.1", self.ports["web", 4]), timeout=20, source_address=("127.0.0.9", 0)
        ) as client:
            assert client.recv(1) == b""

    def find_nobody(self) -> None:
        self.came[4] += 1
        with (
            pytest.raises(ConnectionResetError),
            socket.create_connection(("127.0.0.1", self.ports["nobody-answers", 4]), timeout=20) as client,
        ):
            client.recv(1)


@pytest.fixture(scope="module")
def gateway(sites: Sites, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    config, control = folder / "gateway.toml", str(folder / "c.sock")
    config.write_text(CONFIG.format(control=control, site=sites.ipv4, closed=free_port()))
    with Dualstack("gateway", "--config", config) as program:
        made = Gateway(program, control)
        made.ask(4)
        made.ask(6)
        made.be_refused()
        made.find_nobody()
        assert dualstack("ports", "stop", "stopped", "--control", control).returncode == 0
        yield made


@pytest.fixture
def page(tab: Tab, gateway: Gateway) -> Tab:
    tab.show(1280)
    tab.open(gateway.page)
    return tab


def of(family: int) -> str:
    return f"document.querySelector('#tile-ipv{family} .more').textContent.split(' ')[0]"


def renewed(tab: Tab) -> None:
    """Until the page has been fetched anew."""
    before = tab.ask("document.querySelector('.when').textContent")
    tab.until(f"document.querySelector('.when').textContent !== {json.dumps(before)}")


@pytest.mark.parametrize("family", [4, 6])
def test_the_counters_of_each_family_move_while_one_looks(page: Tab, gateway: Gateway, family: int) -> None:
    for each in (4, 6):
        page.until(f"{of(each)} === '{gateway.came[each]}'")
    assert "asked at 127.0.0.1" in gateway.ask(family)
    for each in (4, 6):
        page.until(f"{of(each)} === '{gateway.came[each]}'")


def test_bytes_of_a_connection_that_stays_open_move(page: Tab, gateway: Gateway) -> None:
    shown = "document.querySelector('#tile-ipv6 .figure').textContent"
    gateway.came[6] += 1
    with socket.create_connection(("::1", gateway.ports["web", 6]), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        page.until(f"{shown} === '1'")
    page.until(f"{shown} === '0'")


def test_a_rule_an_unreached_target_and_a_stopped_port_are_told(page: Tab) -> None:
    page.until("document.querySelector('#verdict h2').textContent.includes('did not reach the target')")
    text = str(page.ask("document.body.innerText"))
    assert "rule: deny 127.0.0.9" in text
    assert "stopped is stopped: its clients are refused" in text
    assert "IPv4 won in" in text
    assert "::ffff:" not in str(page.ask("document.querySelector('#recent tbody').innerText"))


def test_it_asks_nobody_else_and_its_console_is_silent(page: Tab, gateway: Gateway) -> None:
    renewed(page)
    assert page.said == []
    assert {url.removeprefix(gateway.page) for url in page.requests} - {"icon.svg"} == {"", "style.css", "page.js"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_side_scrolling_on_a_telephone(tab: Tab, gateway: Gateway, scheme: str) -> None:
    tab.show(360, 740, scheme=scheme)
    tab.open(gateway.page)
    tab.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert tab.ask("document.documentElement.scrollWidth") == 360
    beyond = """[...document.querySelectorAll('main *')]
        .filter(each => each.getClientRects().length && each.getBoundingClientRect().right > 360.5)
        .map(each => each.outerHTML.slice(0, 80))"""
    assert tab.ask(beyond) == []


CONTRASTS = """(() => {
  const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => {
    const [red, green, blue] = parts(colour).map(channel);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!/rgba\\(.*, 0\\)/.test(colour)) return colour;
    }
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const says = [...element.childNodes].some(child => child.nodeType === 3 && child.nodeValue.trim());
    if (!says || !element.getClientRects().length) continue;
    const [high, low] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
    found.push([(high + 0.05) / (low + 0.05), element.textContent.trim().slice(0, 40)]);
  }
  return found.sort((a, b) => a[0] - b[0]);
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_as_wcag_aa_asks(tab: Tab, gateway: Gateway, scheme: str) -> None:
    tab.show(1280, scheme=scheme)
    tab.open(gateway.page)
    tab.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
    contrasts = tab.ask(CONTRASTS)
    assert isinstance(contrasts, list)
    assert len(contrasts) > 50
    assert [each for each in contrasts if each[0] < 4.5] == []


def test_dark_is_dark_and_light_is_light(tab: Tab, gateway: Gateway) -> None:
    colours = []
    for scheme in ("light", "dark"):
        tab.show(1280, scheme=scheme)
        tab.open(gateway.page)
        colours.append(tab.ask("getComputedStyle(document.documentElement).backgroundColor"))
    assert colours == ["rgb(244, 246, 248)", "rgb(15, 19, 24)"]


def test_nothing_moves_for_those_who_ask_for_stillness(page: Tab) -> None:
    assert page.ask("getComputedStyle(document.querySelector('.verdict')).transitionDuration") == "0s"
    page.show(1280, motion="no-preference")
    assert page.ask("getComputedStyle(document.querySelector('.verdict')).transitionDuration") != "0s"


FOCUSED = "document.activeElement.tagName + ' ' + document.activeElement.textContent.trim()"
OUTLINE = (
    "getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth"
)


def test_the_keyboard_goes_through_it_in_the_order_of_reading_and_is_seen(page: Tab) -> None:
    walked = []
    while True:
        page.press("Tab")
        focused = str(page.ask(FOCUSED))
        walked.append(focused)
        assert page.ask(OUTLINE) == "solid3px", focused
        if focused == "A metrics":
            break
    assert walked[:2] == ["A Skip to the services", "BUTTON Pause"]
    assert [each.split()[0] for each in walked[2:-2]] == ["SUMMARY"] * (len(walked) - 4)
    assert walked[-2:] == ["A snapshot.json", "A metrics"]


def test_what_is_focused_and_opened_stays_so_when_the_page_is_renewed(page: Tab) -> None:
    page.ask("document.querySelector('summary').focus()")
    page.press("Enter")
    page.until("document.querySelector('details').open")
    renewed(page)
    assert page.ask("document.activeElement === document.querySelector('summary')")
    assert page.ask("document.querySelector('details').open")


def test_it_can_be_paused_and_goes_on(page: Tab, gateway: Gateway) -> None:
    page.until(f"{of(4)} === '{gateway.came[4]}'")
    page.press("Tab")
    page.press("Tab")
    page.press(" ")
    assert page.ask("document.getElementById('pause').getAttribute('aria-pressed')") == "true"
    asked = len(page.requests)
    gateway.ask(4)
    assert page.ask(of(4)) != str(gateway.came[4])
    page.press(" ")
    page.until(f"{of(4)} === '{gateway.came[4]}'")
    assert len(page.requests) > asked


def test_it_has_landmarks_headings_and_tables_that_say_what_they_are(page: Tab) -> None:
    assert page.ask("['header', 'main', 'footer', 'nav'].map(tag => document.querySelectorAll(tag).length)") == [1] * 4
    assert page.ask("document.querySelectorAll('h1').length") == 1
    assert page.ask("[...document.querySelectorAll('table')].every(each => each.caption.textContent)")
    assert page.ask("[...document.querySelectorAll('th')].every(each => ['row', 'col'].includes(each.scope))")
    assert page.ask("[...document.querySelectorAll('svg')].every(each => each.getAttribute('aria-label'))")
    assert page.ask("document.documentElement.lang") == "en"
    doubled = (
        "[...document.querySelectorAll('[id]')].map(each => each.id).filter((id, at, all) => all.indexOf(id) < at)"
    )
    assert page.ask(doubled) == []


def test_it_is_whole_without_a_script(tab: Tab, gateway: Gateway) -> None:
    tab.show(360)
    tab.without_scripts()
    tab.open(gateway.page)
    document = tab.command("DOM.getDocument", depth=-1)
    text = json.dumps(document)
    assert "nobody-answers" in text
    assert "rule: deny 127.0.0.9" in text
    assert [url for url in tab.requests if url.endswith("snapshot.json")] == []


def test_a_name_that_somebody_turned_to_this_host_sees_nothing(tab: Tab, gateway: Gateway) -> None:
    url = gateway.page.replace("127.0.0.1", "evil.test")
    tab.open(url)
    assert (url, 421) in tab.answers
    assert "is no name of this page" in str(tab.ask("document.body.innerText"))


def test_another_sites_script_gets_nothing(tab: Tab, gateway: Gateway, sites: Sites) -> None:
    tab.open(f"http://127.0.0.1:{sites.ipv4}/")
    url = f"{gateway.page}snapshot.json"
    said = tab.ask(f"fetch({json.dumps(url)}, {{mode: 'no-cors'}}).then(each => each.type, error => String(error))")
    assert said in {"opaque", "TypeError: Failed to fetch"}
    assert (url, 200) not in tab.answers


def test_a_gateway_that_is_gone_is_told_on_the_page(tab: Tab, tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text("page = 0\n[[services]]\nname = 'a'\nlisten = '127.0.0.1:0'\nto = '127.0.0.1:9'\n")
    with Dualstack("gateway", "--config", config, "--control", tmp_path / "c") as program:
        tab.open(Gateway(program, "").page)
        assert tab.ask("document.getElementById('stale').hidden")
    tab.until("!document.getElementById('stale').hidden")


MANY = "page = 0\n" + "".join(
    f"[[services]]\nname = 'service-{number:03}'\nlisten = '127.0.0.1:0'\nto = '127.0.0.1:{9 + number % 2}'\n"
    for number in range(40)
)
SHOWN = "document.querySelectorAll('#services tbody tr').length"


def test_many_services_can_be_filtered_and_sorted_while_the_page_goes_on(tab: Tab, tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(MANY)
    with Dualstack("gateway", "--config", config, "--control", tmp_path / "c") as program:
        url = Gateway(program, "").page
        tab.show(1280)
        tab.open(url)
        assert tab.ask(SHOWN) == 40
        tab.ask("document.querySelector('#choice input').focus()")
        tab.command("Input.insertText", text="039")
        tab.until(f"{SHOWN} === 1")
        assert tab.ask("location.search") == "?q=039"
        renewed(tab)
        assert tab.ask(SHOWN) == 1
        assert tab.ask("document.activeElement.value") == "039"
        tab.open(f"{url}?q=service-00&sort=name")
        assert tab.ask(SHOWN) == 10
        assert tab.ask("document.querySelector('#choice select').value") == "name"
        renewed(tab)
        assert tab.ask(SHOWN) == 10
        tab.show(360)
        assert tab.ask("document.documentElement.scrollWidth") == 360
        assert tab.said == []


def test_without_a_script_the_form_is_sent_as_forms_are(tab: Tab, tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(MANY)
    with Dualstack("gateway", "--config", config, "--control", tmp_path / "c") as program:
        tab.without_scripts()
        tab.open(f"{Gateway(program, '').page}?q=service-01")
        assert "10 of 40 services" in json.dumps(tab.command("DOM.getDocument", depth=-1))
