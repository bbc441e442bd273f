"""A real Chromium, driven over its DevTools protocol: it speaks to this machine alone, and waits for events.

Each command is answered, and each condition is looked at until it is so; nothing sleeps. What the page asked for, and
what its console said, is kept.
"""

import base64
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic

from websockets.sync.client import ClientConnection, connect

from support.program import Program

__all__ = ["Browser", "Tab", "chromium"]

LIMIT_S = 30.0

# It asks nobody for anything by itself, and no name leads out of this machine.
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--no-first-run", "--no-default-browser-check", "--disable-sync", "--disable-extensions", "--mute-audio"),
    *("--disable-background-networking", "--disable-component-update", "--disable-domain-reliability"),
    *("--disable-client-side-phishing-detection", "--disable-default-apps", "--no-pings", "--metrics-recording-only"),
    "--disable-features=OptimizationHints,MediaRouter,DialMediaRouteProvider,Translate,AutofillServerCommunication",
    "--remote-debugging-port=0",
)


class Tab:
    """One page of the browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self.requests: list[str] = []
        self.answers: list[tuple[str, int]] = []
        self.said: list[str] = []
        self._socket = socket
        self._number = 0
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **parameters: object) -> dict:
        """One command and its answer."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = self._hear()
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    def _hear(self) -> dict:
        message = json.loads(self._socket.recv(timeout=LIMIT_S))
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            case "Network.responseReceived":
                answer = message["params"]["response"]
                self.answers.append((answer["url"], answer["status"]))
            case "Log.entryAdded":
                self.said.append(message["params"]["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.said.append(json.dumps(message["params"]))
        return message

    def ask(self, expression: str) -> object:
        """The value of a JavaScript expression."""
        answer = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, expression: str) -> object:
        """The first true value of an expression, which is looked at each frame."""
        deadline = monotonic() + LIMIT_S
        while monotonic() < deadline:
            value = self.ask(f"new Promise(done => requestAnimationFrame(() => done({expression})))")
            if value:
                return value
        raise TimeoutError(f"not within {LIMIT_S:g} s: {expression}")

    def open(self, url: str) -> None:
        """Go there, until it is whole."""
        answer = self.command("Page.navigate", url=url)
        if "errorText" in answer:
            raise RuntimeError(f"{url}: {answer['errorText']}")
        while self._hear().get("method") != "Page.loadEventFired":
            pass

    def press(self, key: str) -> None:
        """One key, as a keyboard sends it."""
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        text = {"Enter": "\r", " ": " "}.get(key)
        shared = {"key": key, "windowsVirtualKeyCode": codes[key], **({"text": text} if text else {})}
        self.command("Input.dispatchKeyEvent", type="keyDown", **shared)
        self.command("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=codes[key])

    def show(self, width: int, height: int = 900, *, scheme: str = "light", motion: str = "reduce") -> None:
        """A screen of this size, and what its user prefers."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion},
        ]
        self.command("Emulation.setEmulatedMedia", features=features)

    def without_scripts(self) -> None:
        """As with JavaScript off, from the next page on."""
        self.command("Emulation.setScriptExecutionDisabled", value=True)

    def picture(self, *, whole: bool = False) -> bytes:
        """What it shows, as PNG; the whole page or what the screen has of it."""
        answer = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(str(answer["data"]))


class Browser:
    """A Chromium that runs."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._open = ExitStack()
        self._main = self._connected(endpoint)
        self._number = 0

    def _connected(self, endpoint: str) -> ClientConnection:
        return self._open.enter_context(
            connect(endpoint, max_size=1 << 26, open_timeout=LIMIT_S, close_timeout=2, proxy=None, compression=None)
        )

    def tab(self) -> Tab:
        """A new page, empty."""
        self._number += 1
        call = {"id": self._number, "method": "Target.createTarget", "params": {"url": "about:blank"}}
        self._main.send(json.dumps(call))
        while (answer := json.loads(self._main.recv(timeout=LIMIT_S))).get("id") != self._number:
            pass
        authority = self._endpoint.removeprefix("ws://").partition("/")[0]
        return Tab(self._connected(f"ws://{authority}/devtools/page/{answer['result']['targetId']}"))

    def close(self) -> None:
        """Hang up."""
        self._open.close()


class _Chromium(Program):
    """The program; it says where it listens on standard error."""

    def _started(self) -> None:
        line = self.err.until("DevTools listening on ", within_s=LIMIT_S)
        self.endpoint = line.partition("DevTools listening on ")[2].strip()


@contextmanager
def chromium(*flags: str, turned: str | None = None) -> Iterator[Browser]:
    """A browser with a profile of its own, ended at the end; `turned` is a name that leads to this host."""
    rules = ["MAP * ~NOTFOUND", "EXCLUDE localhost", "EXCLUDE 127.0.0.1", "EXCLUDE [::1]"]
    rules[:0] = [] if turned is None else [f"MAP {turned} 127.0.0.1"]
    flags = (f"--host-resolver-rules={', '.join(rules)}", *flags)
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        program = _Chromium("chromium", *_FLAGS, f"--user-data-dir={profile}", *flags, "about:blank")
        with program as running:
            browser = Browser(running.endpoint)
            try:
                yield browser
            finally:
                browser.close()
