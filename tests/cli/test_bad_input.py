"""Bad input: one line that says what, where, why and the remedy, the right exit code, and never a trace of Python."""

import socket
from pathlib import Path

import pytest

from support.command import Run


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["relay", "*:99999", "127.0.0.1:1"], 78, "port 99999 is over 65535"),
        (["relay", "*", "127.0.0.1:1"], 78, "port"),
        (["relay", "[::1]x", "127.0.0.1:1"], 78, "text after the bracket"),
        (["relay", "*:0", "127.1:80"], 78, "if 127.0.0.1 is meant, write that"),
        (["relay", "*:0", "127.0.0.1"], 78, "port"),
        (["relay", "*:0", "exec:"], 78, "names no command"),
        (["relay", "--udp", "*:0", "exec:/bin/cat"], 78, "exec:/bin/cat takes connections, and UDP has none"),
        (["relay", "--udp", "*:0", "unix:/run/x.sock"], 78, "unix:/run/x.sock takes connections, and UDP has none"),
        (["relay", "--udp", "*:99999", "127.0.0.1:1"], 78, "port 99999 is over 65535"),
        (["relay", "--udp", "*:8", "127.0.0.1:8"], 78, "would connect to itself"),
        (["relay", "*:0", "127.0.0.1:1", "--access", "permit any"], 78, "access rule 'permit any'"),
        (["relay", "[fe80::1%nope0]:0", "127.0.0.1:1"], 78, "nope0 here; name one that `ip link` lists"),
        (["relay", "192.0.2.77:0", "127.0.0.1:1"], 78, "no interface of this host has 192.0.2.77"),
        (["relay", "*:0", "127.0.0.1:9", "-6"], 78, "127.0.0.1:9 is IPv4, and IPv6 alone is asked for"),
        (["relay", "*:0", "[::1]:9", "-4"], 78, "[::1]:9 is IPv6, and IPv4 alone is asked for"),
        (["relay", "*:8", "127.0.0.1:8"], 78, "would connect to itself"),
        (["relay", "no-such-host.invalid:8", "127.0.0.1:1"], 78, "has no address"),
        (["relay"], 2, "Missing argument 'LISTEN'"),
        (["relay", "*:0", "h:1", "--idle-timeout", "0"], 2, "--idle-timeout"),
        (["relay", "*:0", "h:1", "-4", "-6"], 2, "-4 and -6 go not together"),
        (["listen", "*:0", "-6", "-4"], 2, "-4 and -6 go not together"),
        (["lookup", "localhost", "-4", "-6"], 2, "-4 and -6 go not together"),
        (["ping", "localhost", "-4", "-6"], 2, "-4 and -6 go not together"),
        (["ping"], 2, "Missing argument 'HOST'"),
        (["ping", "::1", "--count", "0"], 2, "--count"),
        (["ping", "::1", "--interval", "0"], 2, "--interval"),
        (["ping", "::1", "--timeout", "nan"], 2, "'nan' is not a number of seconds"),
        (["ping", "::1", "--timeout", "inf"], 78, "timeout_s: inf: expected seconds from 0.001 on"),
        (["ping", "::1", "--size", "65508"], 2, "--size"),
        (["ping", "::1", "--ttl", "256"], 2, "--ttl"),
        (["ping", "*"], 78, "write one host"),
        (["ping", "0x7f.1"], 78, "if 127.0.0.1 is meant, write that"),
        (["ping", "::"], 78, ":: names no host; ::1 is this one"),
        (["ping", "fe80:2::1"], 78, "write fe80::1%2"),
        (["ping", "fe80::1%nope0"], 78, "there is no interface nope0"),
        (["ping", "fe80::1%"], 78, "fe80::1%"),
        (["ping", "::1", "-I", "nope0"], 78, "interface: there is no interface nope0"),
        (["ping", "::1", "--source", "x"], 78, "'x'"),
        (["ping", "::1", "--source", "127.0.0.1"], 78, "127.0.0.1 is IPv4, and ::1 has no such address"),
        (["ping", "127.0.0.1", "-6"], 69, "an IPv4 address, and IPv6 is asked for"),
        (["lookup", "localhost", "--timeout", "nan"], 2, "'nan' is not a number of seconds"),
        (["ports", "stop", "a", "--drain", "NaN", "--control", "/x"], 2, "'NaN' is not a number of seconds"),
        (["relay", "*:0", "h:1", "--drain", "nan"], 2, "'nan' is not a number of seconds"),
        (["relay", "*:0", "h:1", "--colour"], 2, "No such option"),
        (["listen", "5", "--port", "abc"], 2, "--port"),
        (["listen", "1.2.3.4.5:80"], 78, "1.2.3.4.5"),
        (["gateway", "--config", "/nonexistent.toml"], 78, "cannot be read: No such file or directory"),
        (["gateway", "--config", "/", "--check"], 78, "cannot be read: Is a directory"),
        (["gateway", "--os", "linux"], 2, "go with --check"),
        (["gateway", "--check", "--os", "plan9"], 2, "plan9"),
        (["ports", "stop", "--control", "/x"], 2, "stop needs the name of a port"),
        (["ports", "stop", "", "--control", "/x"], 2, "stop needs the name of a port"),
        (["ports", "list", "--control", "/nonexistent.sock"], 69, "there is no such socket"),
        (["ports", "explode"], 2, "explode"),
        (["ports", "stopp", "a"], 2, "Did you mean 'stop'?"),
        (["frobnicate"], 2, "No such command 'frobnicate'. There are demo, relay, "),
        (["gatewy"], 2, "No such command 'gatewy'. Did you mean 'gateway'?"),
        (["LOOKUP", "localhost"], 2, "Did you mean 'lookup'?"),
        (["lab", "exce", "x"], 2, "No such command 'exce'. Did you mean 'exec'?"),
        (["lab", "matrix", "--variant", "forwrd"], 2, "Did you mean 'forward'?"),
        (["run", "--publish", "80:x", "--", "true"], 78, "--publish: 80:x: auto, none, or OUT[:IN], numbers of ports"),
        (["run", "--reach", "permit any", "--", "true"], 78, "access rule 'permit any'"),
        (["run", "--"], 2, "Missing argument 'PROGRAM"),
        (["run", "--relay", "true"], 2, "--relay is no option of run; a program follows --"),
        (["run", "--", "no-such-program-here"], 127, "no-such-program-here: there is no such program"),
        (["relay", "*:0", "h:1", "--acess", "allow any"], 2, "'--access'"),
        (["explain", "[::]:80", "--os", "freebds"], 2, "Did you mean 'freebsd'?"),
        (["lab", "exec", "--timeout", "5", "client", "--"], 2, "what to run is missing"),
        (["lab", "exec", "client", "--timeout", "5", "--", "true"], 2, "options of exec come before HOST"),
    ],
)
def test_bad_input_is_one_clear_line(run: Run, arguments: list[str], code: int, expected: str) -> None:
    ended, out, err = run(*arguments)
    assert ended == code
    assert expected in err
    assert "Traceback" not in err
    assert out == ""
    assert code == 2 or err.count("\n") == 1


def test_an_address_in_use_is_told_by_whom(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        for verb in (["relay", f"*:{number}", "127.0.0.1:1"], ["listen", f"127.0.0.1:{number}"]):
            code, _, err = run(*verb)
            assert code == 69
            assert f"address in use by 127.0.0.1:{number}" in err


def test_a_link_local_address_without_scope_names_the_interfaces(run: Run) -> None:
    code, _, err = run("relay", "[fe80::1]:0", "127.0.0.1:1")
    assert code == 78
    assert "fe80::1 is link-local and needs its interface: fe80::1%" in err


def test_a_wrong_key_is_named_with_its_file(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "g.toml"
    config.write_text("[[services]]\nname='a'\nto='h:1'\nlisten='*:1'\nprot=1\n")
    code, _, err = run("gateway", "--config", str(config), "--check")
    why = "services[0] (a).prot: unknown key; did you mean port? (at line 5, column 1)"
    assert (code, err) == (78, f"dualstack: {config}: {why}\n")


@pytest.mark.parametrize("verb", ["demo", "relay", "gateway", "ports", "listen", "lookup", "ping", "address", "access"])
def test_every_verb_helps_with_examples(run: Run, verb: str) -> None:
    code, out, err = run(verb, "--help")
    assert (code, err) == (0, "")
    assert "Examples:" in out
    assert f"dualstack {verb}" in out


def test_the_command_lists_its_verbs(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "gateway" in out
    assert run("--version")[1].startswith("dualstack, version ")
