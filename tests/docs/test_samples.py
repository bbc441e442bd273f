"""Every Python sample of the documents runs as it stands, on a host that has what it speaks of.

Those of `in-your-client.md` and `in-your-server.md` run with the real libraries: tests/kernel/test_client_pages.py and
test_server_pages.py. Settings and cases that are shown are read by what reads them.
"""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from dualstack.cli.main import cli
from dualstack.core.oracle.case_json import prediction_document, read_case
from dualstack.core.oracle.oracle import predict
from dualstack.gateway.config.toml import parse
from dualstack.lab import declaration
from dualstack.lab.host import Host
from dualstack.lab.network import Network, why_no_network
from support.document_hosts import plain_host, routed_host, serve
from support.documents import ROOT, Block, blocks_of, pages
from support.program import Program, until
from support.tls import CERTIFICATE

pytestmark = pytest.mark.skipif(bool(why_no_network()), reason=why_no_network() or "there are namespaces")

BLOCKS = [block for page in pages() for block in blocks_of(page)]
ELSEWHERE = ("docs/how-to/in-your-client.md", "docs/how-to/in-your-server.md", "docs/how-to/lab.md")
SAMPLES = [each for each in BLOCKS if each.language == "python" and each.page not in ELSEWHERE]
INSTEAD = {
    '"www.example", 443': '"tls.example", 443',  # the certificate that the tests have is this name's
    '["allow public"]': '["allow any"]',  # addresses of documents are not public
}
# Runs a sample as a page's reader does in a Python that awaits (python -m asyncio).
READER = """
import ast, asyncio, inspect, sys
from types import FunctionType
code = compile(open(sys.argv[1]).read(), "sample.py", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
ran = FunctionType(code, {"__name__": "__main__"})()
if inspect.iscoroutine(ran):
    asyncio.run(ran)
"""


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Host]]:
    directory = tmp_path_factory.mktemp("samples")
    (directory / "ca.pem").write_text(CERTIFICATE)
    with Network() as network:
        plain, routed = plain_host(network), routed_host(network)
        serve(plain, directory, "mail 192.0.2.25 143", "tls tls.example 443")
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("SSL_CERT_FILE", str(directory / "ca.pem"))
            yield lambda page: routed if page.endswith("ping.md") else plain


def goes_on(sample: Block) -> str | None:
    """What shows that a server of a sample serves; None where the sample ends by itself."""
    if "serve_forever" in sample.text:
        return ":8080 "
    return ":5353 " if "open_datagram" in sample.text else None


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.page} line {sample.line}")
def test_a_sample_runs_as_it_stands(sample: Block, hosts: Callable[[str], Host], tmp_path: Path) -> None:
    host, file = hosts(sample.page), tmp_path / "sample.py"
    text = sample.text
    for part, other in INSTEAD.items():
        text = text.replace(part, other)
    file.write_text(text)
    listens = goes_on(sample)
    if listens is None:
        told = host.run([sys.executable, "-c", READER, file], timeout=60)
        assert "Traceback" not in told.stderr
        assert_comments_hold(sample, host)
        return
    with Program(sys.executable, file, host=host) as program:
        until(lambda: listens in host.run(["ss", "-Hlntu"]).stdout, lambda: "it does not listen")
        for address in ("127.0.0.1", "::1"):
            answer = host.run([sys.executable, "-c", ASK, address, listens.strip(" :"), str("5353" in listens)])
            assert answer.stdout.startswith("hello"), answer
            assert "::ffff:" not in answer.stdout
        program.process.kill()


ASK = """
import socket, sys
address, port, is_udp = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
sock = socket.socket(family, socket.SOCK_DGRAM if is_udp == "True" else socket.SOCK_STREAM)
sock.settimeout(20)
sock.connect((address, int(port)))
sock.send(b"there")
print(sock.recv(100).decode())
"""


def assert_comments_hold(sample: Block, host: Host) -> None:
    """`expression  # value`, or the value on the next line, where a value is shown."""
    shown = re.search(r"^(\S.*?)(?:  |\n)# ((?:Outcome|Decision)\(.*\))$", sample.text, flags=re.MULTILINE)
    if shown is None:
        return
    code = sample.text.replace(shown[0], f"print(repr({shown[1]}))")
    said = host.run([sys.executable, "-c", code]).stdout.strip()
    pattern = ".*".join(map(re.escape, shown[2].split("...")))
    assert re.fullmatch(pattern, said), f"{said} is not {shown[2]}"


def test_the_sample_for_pytest_is_a_test_that_passes(tmp_path: Path) -> None:
    (sample,) = (each for each in BLOCKS if each.language == "python" and each.page == "docs/how-to/lab.md")
    (tmp_path / "test_sample.py").write_text(sample.text)
    for name, text in {
        "my-server": "import socket\n"
        'server = socket.create_server(("::", 7007), family=socket.AF_INET6)\n'
        'while True:\n    with server.accept()[0] as sock:\n        sock.sendall(b"hello\\n")\n',
        "my-client": "import dualstack, sys\n"
        "sock = dualstack.create_connection((sys.argv[1], int(sys.argv[2])), timeout=4)\n"
        'print(sock.recv(100).decode(), end="")\n',
    }.items():
        (tmp_path / name).write_text(f"#!{sys.executable}\n{text}")
        (tmp_path / name).chmod(0o755)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "dualstack.lab.pytest", "-p", "no:cacheprovider", "."]
    path = {"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"}
    told = subprocess.run(words, cwd=tmp_path, env=path, capture_output=True, text=True, timeout=100, check=False)
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize(
    "block", [each for each in BLOCKS if each.language == "toml"], ids=lambda block: f"{block.page} line {block.line}"
)
def test_a_file_that_is_shown_is_read(block: Block) -> None:
    """A part of a file with what it speaks of around it."""
    if block.page == "docs/how-to/lab.md":
        assert declaration.parse(block.text, block.page).programs
        return
    text = block.text
    if "[ports.tcpip]" not in text and "tcpip" in text:
        text += "[ports.tcpip]\n[ports.tcpip6]\n"
    if "[[services]]" not in text:
        text += '[[services]]\nname = "s"\nlisten = "*:1"\nto = "127.0.0.1:2"\n'
    assert parse(text, block.page).services


def test_a_case_that_is_shown_has_the_answer_that_is_shown() -> None:
    asked, answered = (
        json.loads(each.text) for each in BLOCKS if each.page == "docs/reference/explain.md" and each.language == "json"
    )
    case = read_case(asked)
    assert prediction_document(case, predict(case), [to for to, _ in asked["to"]]) == answered


def inline_commands() -> Iterator[tuple[str, str]]:
    for page in pages():
        text = (ROOT / page).read_text(encoding="utf-8")
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        for found in re.findall(r"`(dualstack [^`]+)`", prose):
            yield page, found


def test_every_command_in_a_sentence_is_a_verb_with_options_that_it_has() -> None:
    context = cli.make_context("dualstack", [], resilient_parsing=True)
    seen = 0
    for page, text in inline_commands():
        words = shlex.split(text.replace("\\|", "|").partition(" -- ")[0])[1:]
        group: click.Command = cli
        while isinstance(group, click.Group) and words and words[0][:1].isalpha():
            names = words.pop(0).split("|")
            assert all(group.get_command(context, name) for name in names if name != "..."), (page, text)
            group = group.get_command(context, names[0]) or group
        known = {option for each in group.params for option in (*each.opts, *each.secondary_opts)} | {
            "--help",
            "--version",
        }
        assert {word.partition("=")[0] for word in words if re.match(r"--?[a-z46]", word)} <= known, (page, text)
        seen += 1
    assert seen > 50
