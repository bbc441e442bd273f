"""Output that nobody reads, a full disk, streams that are closed: a command ends quietly, or with one line."""

import json
import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from dualstack.lab.network import why_no_network
from support.free_port import free_port
from support.program import DUALSTACK, Program, until

VERBS = [
    ["lab", "--help"],
    ["lookup", "localhost"],
    ["explain", "[::]:80"],
    ["gateway", "--help-config", "--json"],
    ["demo", "--once"],
]
SERVES = ["listen", "localhost:0", "--json"]
READER_GONE = 141


def of_all(verbs: Sequence[Sequence[str]], shell: str, stdout: int = subprocess.DEVNULL) -> list[tuple[str, int, str]]:
    """What each verb says on standard error, and its exit code; a shell has arranged its streams.

    They run side by side; `"$@"` is the command.
    """
    running = [
        (
            verb,
            subprocess.Popen(
                ["sh", "-c", shell, "sh", *DUALSTACK, *verb], text=True, stdout=stdout, stderr=subprocess.PIPE
            ),
        )
        for verb in verbs
    ]
    told = [(" ".join(verb), process.communicate(timeout=60)[1], process) for verb, process in running]
    return [(verb, process.returncode, said) for verb, said, process in told]


def answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_a_reader_that_has_gone_ends_every_verb_quietly() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    try:
        for verb, code, said in of_all([*VERBS, SERVES], 'exec "$@"', writes):
            assert (verb, code, said) == (verb, READER_GONE, "")
    finally:
        os.close(writes)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_one_line_and_no_success() -> None:
    line = "dualstack: standard output: No space left on device; nothing more can be printed\n"
    for verb, code, said in of_all([*VERBS, SERVES], 'exec "$@" >/dev/full'):
        assert (verb, code, said) == (verb, 69, line)


@pytest.mark.parametrize("encoding", ["ascii", "ascii:surrogateescape", "cp1252"])
@pytest.mark.parametrize(
    ("verb", "told"),
    [
        (["explain", "[::]:80", "0.0.0.0:80"], "---"),
        (["gateway", "--help-config"], "---"),
        (["demo", "--once"], "IPv4 > IPv6"),
        (["address", "\N{GREEK SMALL LETTER BETA}\N{GREEK SMALL LETTER OMICRON}"], r"\u03b2\u03bf"),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_a_terminal_without_our_characters_gets_others(encoding: str, verb: list[str], told: str) -> None:
    asked = subprocess.run(
        [*DUALSTACK, *verb],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert asked.stderr == b""
    assert told in asked.stdout.decode(encoding.partition(":")[0])


def test_json_for_a_terminal_without_our_characters_is_json_still() -> None:
    asked = subprocess.run(
        [*DUALSTACK, "address", "--json", "caf\xe9 \N{GRINNING FACE}"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert json.loads(asked.stdout.decode("ascii"))[0]["input"] == "caf\xe9 \N{GRINNING FACE}"


def test_a_closed_standard_output_is_as_good_as_dev_null() -> None:
    for verb, code, said in of_all(VERBS, 'exec "$@" >&-'):
        assert (verb, code, said) == (verb, 0, "")


def test_a_closed_standard_error_hides_the_words_and_not_the_exit_code() -> None:
    for verb, code, _ in of_all([["frobnicate"], ["relay", "*:0", "y"], *VERBS[:1]], 'exec "$@" <&- >&- 2>&-'):
        assert (verb, code) == (verb, {"frobnicate": 2, "relay *:0 y": 78}.get(verb, 0))


def test_a_standard_error_that_is_full_hides_the_words_and_not_the_exit_code() -> None:
    for verb, code, _ in of_all([["frobnicate"], ["relay", "*:0", "y"]], 'exec "$@" 2>/dev/full'):
        assert (verb, code) == (verb, 2 if verb == "frobnicate" else 78)


def test_no_socket_takes_the_number_of_a_closed_stream() -> None:
    """A closed standard output whose number the next socket had would have what is printed sent to a client."""
    port = free_port()
    with Program("sh", "-c", 'exec "$@" >&-', "sh", *DUALSTACK, "listen", f"127.0.0.1:{port}") as listening:
        until(lambda: answers(port), lambda: "it does not listen yet")
        assert Path(f"/proc/{listening.pid}/fd/1").readlink() == Path(os.devnull)


def test_a_program_that_shows_peers_ends_with_its_reader() -> None:
    """What it prints, it prints while clients come and go: no trace of the loop's."""
    port = free_port()
    argv = [*DUALSTACK, "listen", f"127.0.0.1:{port}"]
    with subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == f"listening on 127.0.0.1:{port} (IPv4)\n"
        process.stdout.close()
        subprocess.run([*DUALSTACK, "connect", f"127.0.0.1:{port}", "--json"], capture_output=True, check=True)
        assert (process.stderr.read(), process.wait(20)) == ("", READER_GONE)


@pytest.mark.skipif(bool(why_no_network()), reason=why_no_network() or "there are namespaces")
def test_a_lab_whose_output_nobody_reads_goes_down(tmp_path: Path) -> None:
    """Its programs' lines are printed by threads, and the end is the whole command's."""
    file = tmp_path / "lab.toml"
    file.write_text('hosts.me = "dual"\nrun.me = ["yes"]\n')
    with subprocess.Popen(
        [*DUALSTACK, "lab", "run", str(file)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "me| y\n"
        process.stdout.close()
        assert (process.stderr.read(), process.wait(30)) == ("", READER_GONE)
