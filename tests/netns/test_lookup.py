"""Lookups on hosts whose resolver never answers, or whose hosts file lacks what one would expect (U9, N2)."""

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import MakeNamespace
    from dualstack.lab.host import Host

DUALSTACK = shutil.which("dualstack", path=Path(sys.executable).parent) or "dualstack"

# What becomes of a question to the name server of this host.
SILENT = "kept = ask, who"
NXDOMAIN = "server.sendto(ask[:2] + bytes([0x81, 0x83]) + ask[4:], who)"
SERVER = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("up", flush=True)
while True:
    ask, who = server.recvfrom(4096)
    {answer}
"""


@contextmanager
def name_server(host: "Host", answer: str) -> Iterator[None]:
    server = host.popen([sys.executable, "-c", SERVER.format(answer=answer)])
    assert server.stdout is not None
    assert server.stdout.readline() == "up\n"
    yield
    assert server.poll() is None


@pytest.fixture
def deaf(namespace: "MakeNamespace") -> Iterator["Host"]:
    """A host whose resolver never answers, and would be waited for longer than any test waits."""
    host = namespace(resolv_conf="nameserver 127.0.0.1\noptions timeout:30 attempts:3\n")
    with name_server(host, SILENT):
        yield host


def lookup(host: "Host", *argv: str) -> CompletedProcess[str]:
    """It ends by itself, and long before its resolver's first question is given up."""
    return host.run([DUALSTACK, "lookup", *argv], check=False, timeout=20)


def test_an_address_is_printed_and_the_command_gone_with_its_limit_not_the_resolvers(deaf: "Host") -> None:
    started = time.monotonic()
    done = lookup(deaf, "192.0.2.1", "--timeout", "0.5")
    assert time.monotonic() - started >= 0.5
    assert (done.returncode, done.stdout) == (0, "192.0.2.1\n")
    assert "no answer within 0.5 s" in done.stderr


def test_a_name_without_an_answer_in_time_is_exit_code_75(deaf: "Host") -> None:
    done = lookup(deaf, "mail.example", "--timeout", "0.1")
    assert (done.returncode, done.stdout) == (75, "")
    assert done.stderr == "dualstack: lookup of 'mail.example': no answer within 0.1 s\n"


def test_the_json_says_that_the_form_is_numeric_and_why(deaf: "Host") -> None:
    done = lookup(deaf, "fe80::1%lo", "--timeout", "0.1", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 0
    assert said.pop("elapsed_s") >= 0.1
    assert said == {
        "version": 1,
        "query": "fe80::1%lo",
        "canonical": "fe80::1%lo",
        "addresses": ["fe80::1%lo"],
        "names": [],
        "numeric_only": True,
        "error": "lookup of 'fe80::1%lo': no answer within 0.1 s",
    }


def timeo() -> dict[str, object]:
    import socket
    import time

    from dualstack.errors import LookupFailed
    from dualstack.net.names.getaddrinfo import getnameinfo_timeo

    started = time.monotonic()
    texts = [getnameinfo_timeo(("192.0.2.1", 80), 0, 0.5), getnameinfo_timeo(("fe80::1%lo", 80), 0, 0.1)]
    elapsed_s = time.monotonic() - started
    try:
        getnameinfo_timeo(("192.0.2.1", 80), socket.NI_NAMEREQD, 0.1)
    except LookupFailed as error:
        raised = [error.timed_out, error.errno == socket.EAI_AGAIN]
    return {"texts": texts, "raised": raised, "is_in_time": 0.6 <= elapsed_s < 20}


def test_timeo_in_python_keeps_its_limit(deaf: "Host") -> None:
    # The interpreter's end waits for none of the three: their resolver would take minutes.
    assert deaf.call(timeo, timeout=25) == {
        "texts": [["192.0.2.1", "80"], ["fe80::1%lo", "80"]],
        "raised": [True, True],
        "is_in_time": True,
    }


def limits_in_asyncio() -> dict[str, object]:
    import asyncio
    import time

    from dualstack.net.names.getaddrinfo import getaddrinfo_async

    async def ask() -> dict[str, object]:
        started = time.monotonic()
        asked = (getaddrinfo_async(f"{n}.example", 80, timeout=0.3) for n in range(100))
        failed = await asyncio.gather(*asked, return_exceptions=True)
        kinds = sorted({type(error).__name__ for error in failed})
        return {"kinds": kinds, "is_in_time": 0.3 <= time.monotonic() - started < 20}

    return asyncio.run(ask())


def test_a_hundred_lookups_at_once_all_keep_their_limit_in_asyncio(deaf: "Host") -> None:
    assert deaf.call(limits_in_asyncio) == {"kinds": ["LookupFailed"], "is_in_time": True}


def test_a_name_that_does_not_exist_is_exit_code_69(namespace: "MakeNamespace") -> None:
    host = namespace()
    with name_server(host, NXDOMAIN):
        done = lookup(host, "mail.example")
        assert (done.returncode, done.stdout) == (69, "")
        assert done.stderr.startswith("dualstack: lookup of 'mail.example': ")
        # That an address has no name is an answer.
        done = lookup(host, "192.0.2.1")
        assert (done.returncode, done.stdout, done.stderr) == (0, "192.0.2.1\n", "")


HOSTS = """\
127.0.0.1 localhost
192.0.2.1 mail.example mail
2001:db8::1 mail.example
2001:db8::2 six.example
"""


def test_the_hosts_file_answers_both_ways(namespace: "MakeNamespace") -> None:
    host = namespace(hosts=HOSTS)
    assert sorted(lookup(host, "mail.example").stdout.split()) == ["192.0.2.1", "2001:db8::1"]
    assert lookup(host, "mail.example", "-4").stdout == "192.0.2.1\n"
    assert lookup(host, "mail.example", "-6").stdout == "2001:db8::1\n"
    assert lookup(host, "192.0.2.1").stdout == "mail.example\n"
    assert lookup(host, "::ffff:192.0.2.1").stdout == "mail.example\n"
    said = json.loads(lookup(host, "mail", "--json").stdout)
    assert (said["canonical"], said["addresses"]) == ("mail.example", ["192.0.2.1"])
    said = json.loads(lookup(host, "192.0.2.1", "--json").stdout)
    assert (said["names"], said["numeric_only"], said["error"]) == (["mail.example"], False, None)
    # Of the other family the C library asks the name servers, and here is none.
    assert lookup(host, "six.example", "-4", "--timeout", "20").returncode == 75


def test_localhost_is_both_loopbacks_where_the_hosts_file_lacks_one(namespace: "MakeNamespace") -> None:
    host = namespace(hosts="127.0.0.1 localhost\n")
    assert lookup(host, "localhost").stdout == "::1\n127.0.0.1\n"
    code = "from dualstack.net.names.getaddrinfo import resolve; print(*resolve('localhost'))"
    assert host.python(code).stdout == "::1 127.0.0.1\n"


def test_a_zone_is_an_interface_of_this_host(namespace: "MakeNamespace") -> None:
    host = namespace()
    assert lookup(host, "fe80::1%1", "--numeric").stdout == "fe80::1%lo\n"
    done = lookup(host, "fe80::1%eth9", "--numeric")
    assert (done.returncode, done.stderr) == (
        69,
        "dualstack: lookup of 'fe80::1%eth9': no interface is called eth9\n",
    )
