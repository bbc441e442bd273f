"""Every command of the documents runs as it stands, on a host made for its page, and says what the page shows.

What cannot run is in `NOT_RUN` with its reason, what is run a little otherwise in `INSTEAD`; there is nothing else.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from dualstack.lab.host import Host
from dualstack.lab.network import Network, why_no_network
from support.document_hosts import deaf_name_server, plain_host, routed_host, serve
from support.documents import Block, Shown, blocks_of, difference, pages
from support.program import Program, until

pytestmark = pytest.mark.skipif(bool(why_no_network()), reason=why_no_network() or "there are namespaces")

BLOCKS = [block for page in pages() for block in blocks_of(page)]

# First lines of blocks that are not run here, and why.
NOT_RUN = {
    "README.md: make run": "sets up an environment and runs all tests: CI runs both",
    "docs/design/floors.md: cli": "a drawing",
    "docs/design/floors.md: runner": "a drawing",
    "docs/design/race.md: core.dial.egress": "a drawing",
    "docs/how-to/activation.md: dualstack activate": "tests/daemons/test_activate.py runs each, with the real servers",
    "docs/how-to/completion.md: dualstack": "writes to the home: tests/unit/test_completion.py asks the shells",
    "docs/how-to/proxy.md: /proxy add": "weechat's own commands: tests/daemons/test_proxy_clients.py types them",
    "docs/how-to/systemd.md: dualstack gateway --unit": "writes to this machine's /etc: tests/golden/test_units.py",
    "docs/how-to/watch.md: sum(rate(": "a question to Prometheus",
    "docs/how-to/watch.md: 2026-": "a line of a log: tests/unit/test_access_log.py",
}
WITHOUT_RIGHT = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"),
)
# What a command begins with or has in it, what is run in its place, and why.
INSTEAD = {
    "--seconds 30": ("--seconds 2", "half a minute"),
    "/var/log/dualstack/": ("", "this machine's own directory"),
    "weechat -r": ("printf 'NICK me\\r\\n' | dualstack connect localhost 6667 #", "it wants a terminal: tests/daemons"),
    "telnet ::1 7007": (
        r"echo | dualstack connect ::1 7007 2>&1 | sed 's/^dualstack:.*: /telnet: Unable to connect to remote host: /'",
        "it wants a terminal",
    ),
    "dualstack ping ::1": (f"{' '.join(WITHOUT_RIGHT)} dualstack ping ::1", "root has the right"),
}
# A block that shows what is said elsewhere: the command that says it, or None for the page's first program.
SAID_BY = {
    "README.md: ┌": "dualstack demo --once",
    "docs/tutorial/first-gateway.md: 127.0.0.1:": None,
}
# Exit codes that are part of what is shown; every other command ends with 0.
CODES = {
    "dualstack explain '[::]:80' '10.0.0.1:80'": 1,
    "dualstack explain '[::]:80' '10.0.0.1:80' --os freebsd": 0,
    "dualstack explain '[::]:80' '0.0.0.0:80' --os freebsd": 0,
    "dualstack explain 'tcp [::]:80": 1,
    "dualstack explain --config gateway.toml --os openbsd": 0,
    "dualstack doctor compose.yaml": 1,
    "dualstack doctor pg_hba.conf": 1,
    "dualstack explain '[::]:80' '127.0.0.1:80' --live": 1,
    "dualstack relay '*:7007' 127.0.0.1:7007": 78,
    "dualstack relay '*:7007' 192.0.2.1:7007": 69,
    "dualstack ping mail.example": 1,
    "dualstack ping far.example -s": 0,
    "dualstack ping fe80::1": 78,
    "dualstack ping fe80::1%eth0": 0,
    "dualstack ping fe80::1 -I": 0,
    "setpriv": 77,
    "dualstack console": 78,
    "dualstack doctor --command": 1,
}
# The page's own servers, by a word of the block that needs them.
SERVERS = {
    "mail.example imap": ("mail mail.example 143",),
    "www.example 80": ("web www.example 80",),
    "irc.example": ("echo irc.example 6667",),
    "curl": ("web ipv6-only.example 80", "web example.org 80", "tls example.org 443"),
}
# Pages whose programs go on from block to block; elsewhere a block's end ends them.
ONE_STORY = {"docs/tutorial/first-gateway.md", "docs/how-to/domino.md"}
# A page that is about this machine's own labs, and makes them.
# The heading below which a reader is told to end the last program.
ENDED_BY_HAND = "What stands in the way is foreseen"
LAB = "docs/how-to/lab.md"
# What a page's host has for addresses beside those of the names.
OWN = {"docs/how-to/domino.md": ("192.0.2.1", "2001:db8::1")}
NAMES = "docs/how-to/lookup-with-a-limit.md"
PING = "docs/how-to/ping.md"
# What takes seconds and shows nothing is run once for all pages.
LONG = ("--verify", "lab matrix")
DONE: set[str] = set()
# The gateway's log, which is on standard error.
LOGGED = r"\d{4}-\d\d-\d\dT\S+Z (info|warning) "
SHELLS = [
    block
    for block in BLOCKS
    if block.language in {"", "console"} and not any(block.name.startswith(start) for start in NOT_RUN)
]


class Page:
    """A page's host, its directory, and the programs that its commands have left running."""

    def __init__(self, name: str, network: Network, directory: Path) -> None:
        self.name, self.directory = name, directory
        self._host = None if name == LAB else made_for(name, network)
        if name == NAMES and self._host is not None:
            deaf_name_server(self._host)
        self.serving = ExitStack()
        self._programs: list[Program] = []
        self._served: set[str] = set()
        self._code = 0

    def run(self, block: Block) -> None:
        for word, servers in SERVERS.items():
            if self._host is not None and word in block.text and word not in self._served:
                serve(self._host, self.directory, *servers)
                self._served.add(word)
        if block.heading == ENDED_BY_HAND and self._programs:
            self._programs.pop().end()
        if any(block.name.startswith(start) for start in SAID_BY):
            self._show(block)
            return
        for shown in block.commands:
            self._run(shown, block)
        if self.name not in ONE_STORY:
            self.end()

    def end(self) -> None:
        self.serving.close()
        self._programs.clear()

    def _show(self, block: Block) -> None:
        command = next(command for start, command in SAID_BY.items() if block.name.startswith(start))
        if command is not None:
            said: Sequence[str] = self._ask(command, "")
        else:
            self._ask("echo hello | dualstack connect ::1 7007", "")
            said = [self._programs[0].out.until(" over IPv4 to ")]
        assert difference(block.text.splitlines(), said) is None, said

    def _run(self, shown: Shown, block: Block) -> None:
        command = instead(shown.command)
        if not shown.lines and any(word in command for word in LONG):
            if command.partition("#")[0].strip() in DONE:
                return
            DONE.add(command.partition("#")[0].strip())
        if command.startswith("setpriv") and os.geteuid() != 0:
            return  # an ordinary user's host has no other user
        said = self._serve(command, block) if serves(shown) else self._ask(command, typed(shown))
        lines = [line for line in shown.lines if not line.startswith("> ")]
        wrong = difference(lines, said) if lines else None
        assert wrong is None, f"{self.name}, line {block.line}: {command}\n{wrong}\nall of it:\n" + "\n".join(said)

    def _ask(self, command: str, stdin: str) -> list[str]:
        words = ["bash", "-c", f"{{ (exit {self._code}); {command}\n}} 2>&1"]
        if self._host is not None:
            done = self._host.run(words, check=False, timeout=60, stdin=stdin)
        else:
            done = subprocess.run(words, input=stdin, text=True, stdout=-1, timeout=60, check=False)
        self._code = done.returncode
        expected = next((code for start, code in reversed(CODES.items()) if command.startswith(start)), 0)
        assert "Traceback" not in done.stdout, done.stdout
        assert done.returncode == expected, f"{self.name}: {command}: {done.returncode}\n{done.stdout}"
        return done.stdout.splitlines()

    def _serve(self, command: str, block: Block) -> list[str]:
        command = re.sub(r"\s#.*$", "", command).rstrip(" &")
        program = self.serving.enter_context(Program("bash", "-c", f"exec {command} 2>&1", host=self._host))
        self._programs.append(program)
        if self.name == LAB:
            until(lambda: ":80 " in self._listening(), lambda: f"{command} does not listen")
        else:
            program.out.until("listening on" if " listen " in command else "ready; Ctrl-C ends it")
        assert "Traceback" not in "".join(program.out.said), block.name
        return [line for line in program.out.said if not re.match(LOGGED, line)]

    def _listening(self) -> str:
        return "\n".join(self._ask("dualstack lab exec server -- ss -Hltn", ""))


def made_for(page: str, network: Network) -> Host:
    return routed_host(network) if page == PING else plain_host(network, OWN.get(page, ()))


def instead(command: str) -> str:
    for part, (other, _) in INSTEAD.items():
        if command.startswith(part) or part.startswith(("-", "/")):
            command = command.replace(part, other)
    return command


def serves(shown: Shown) -> bool:
    """Whether it goes on until a signal ends it."""
    words = shlex.split(shown.command, comments=True)
    if words[-1] == "&":
        return True
    if words[0] != "dualstack" or (shown.lines and shown.lines[0].startswith("dualstack: ")):
        return False
    ends = {"--check", "--to-toml", "--help-config", "--unit", "--help", "--once"}
    return words[1] in {"relay", "proxy", "listen", "gateway", "demo"} and not ends & set(words)


def typed(shown: Shown) -> str:
    """What a person types at a prompt."""
    return "".join(f"{line[2:]}\n" for line in shown.lines if line.startswith("> "))


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as made:
        yield made


@pytest.fixture
def page(
    request: pytest.FixtureRequest, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Page]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("DUALSTACK_LABS", str(tmp_path / "labs"))
    monkeypatch.setenv("CURL_HOME", str(tmp_path))
    for variable in ("DUALSTACK_RUN", "DUALSTACK_CONTROL"):
        monkeypatch.delenv(variable, raising=False)
    write_files(tmp_path)
    made = Page(request.param, network, tmp_path)
    with made.serving:
        yield made


def write_files(directory: Path) -> None:
    """The files that the pages speak of: those that they show, and a user's own."""
    for block in BLOCKS:
        if block.language == "ini":
            (directory / "notes.ini").write_text(block.text)
        elif block.language == "toml" and block.text.startswith("# gateway.toml"):
            (directory / "gateway.toml").write_text(block.text)
        elif block.page == LAB and block.language == "toml":
            (directory / "slow-resolver.toml").write_text(block.text)
        elif block.text.startswith('{"os"'):
            (directory / "cases.jsonl").write_text(block.text.replace("\n", " ") + "\n")
    (directory / ".curlrc").write_text("silent\ninsecure\n")  # example.org's certificate is our own
    (directory / "my_client.py").write_text(
        "import socket, sys\n"
        "with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as sock:\n"
        "    sock.sendall(b'hello\\n')\n"
        "    print(sock.recv(100).decode(), end='')\n"
    )


@pytest.mark.timeout(400)  # twenty commands and more, on a machine that may be busy
@pytest.mark.parametrize("page", sorted({block.page for block in SHELLS}), indirect=True)
def test_the_commands_of_a_page_do_what_it_says(page: Page) -> None:
    for block in SHELLS:
        if block.page == page.name:
            page.run(block)


def test_what_is_not_run_or_is_run_otherwise_is_there_and_few() -> None:
    names = [block.name for block in BLOCKS]
    for start in (*NOT_RUN, *SAID_BY):
        assert [name for name in names if name.startswith(start)], start
    commands = "\n".join(shown.command for block in SHELLS for shown in block.commands)
    for part in INSTEAD:
        assert part in commands
    assert len(NOT_RUN) + len(INSTEAD) <= 15
