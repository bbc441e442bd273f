"""A real browser through the forward proxy, as SOCKS5 and as HTTP: servers of either family, by name and address."""

from collections.abc import Iterator

import pytest

from support.browser import Browser, chromium
from support.program import Dualstack

from .conftest import Sites

pytestmark = pytest.mark.daemon("chromium")


@pytest.fixture(scope="module")
def proxy() -> Iterator[Dualstack]:
    """On one port of IPv4 alone: what is reached over IPv6 was reached by it."""
    with Dualstack("proxy", "127.0.0.1:0") as running:
        yield running


@pytest.fixture(scope="module", params=["socks5", "http"])
def through(request: pytest.FixtureRequest, proxy: Dualstack) -> Iterator[Browser]:
    """A browser whose every connection goes by the proxy, to this host too."""
    way = f"--proxy-server={request.param}://127.0.0.1:{proxy.port}"
    with chromium(way, "--proxy-bypass-list=<-loopback>") as made:
        yield made


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_server_of_ipv4_alone(through: Browser, proxy: Dualstack, sites: Sites, host: str) -> None:
    assert said(through, f"http://{host}:{sites.ipv4}/") == "asked at 127.0.0.1"
    assert proxy.process.poll() is None


@pytest.mark.parametrize("host", ["localhost", "[::1]"])
def test_a_server_of_ipv6_alone(through: Browser, sites: Sites, host: str) -> None:
    assert said(through, f"http://{host}:{sites.ipv6}/") == "asked at ::1"


def test_without_the_proxy_nothing_is_reached(sites: Sites) -> None:
    """The tests above could not fail if the browser went by itself."""
    with (
        chromium("--proxy-server=socks5://127.0.0.1:9", "--proxy-bypass-list=<-loopback>") as made,
        pytest.raises(RuntimeError, match="ERR_PROXY_CONNECTION_FAILED"),
    ):
        made.tab().open(f"http://127.0.0.1:{sites.ipv4}/")


def said(browser: Browser, url: str) -> object:
    tab = browser.tab()
    tab.open(url)
    return tab.ask("document.getElementById('said').textContent")
