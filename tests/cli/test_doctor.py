"""`dualstack doctor` as it is called: exit codes, the contract's JSON, the edit, and input that is wrong."""

import json
from pathlib import Path

import pytest

from support.command import Run

NGINX = "events {}\nhttp {\n  server {\n    listen 80;\n  }\n}\n"


@pytest.fixture
def nginx(tmp_path: Path) -> Path:
    path = tmp_path / "nginx.conf"
    path.write_text(NGINX)
    return path


def test_a_file_is_told_with_its_line_and_the_edit(run: Run, nginx: Path) -> None:
    code, out, err = run("doctor", str(nginx), "--json")
    report = json.loads(out)
    (daemon,), (first, *_) = report["daemons"], report["findings"]
    assert (code, err, report["version"]) == (1, "", 1)
    assert daemon["sockets"] == [
        {"proto": "tcp", "address": "0.0.0.0", "port": 80, "v6only": None, "file": str(nginx), "line": 4}
    ]
    assert (daemon["starts"], daemon["reach"]) == (True, {"ipv4": "yes", "ipv6": "no"})
    assert (first["code"], first["severity"], first["line"]) == ("DS102", "warning", 4)
    assert "+    listen 80; listen [::]:80;" in daemon["fix"]
    assert nginx.read_text() == NGINX


def test_the_edit_alone_is_a_diff(run: Run, nginx: Path) -> None:
    _, out, _ = run("doctor", str(nginx), "--fix")
    assert out.startswith(f"--- a{nginx}\n+++ b{nginx}\n")


def test_the_version_the_sysctl_and_the_kernel_count(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "my.cnf"
    path.write_text("[mysqld]\nbind-address = ::\n")

    def v6only(*more: str) -> object:
        daemon = json.loads(run("doctor", str(path), *more, "--json")[1])["daemons"][0]
        return daemon["sockets"][0]["v6only"] if daemon["starts"] is True else daemon["why"]

    assert v6only("--as", "mariadb@10.5") is False
    assert v6only("--as", "mariadb@10.11") is True
    assert "Address family not supported" in str(v6only("--as", "mariadb", "--assume", "ipv6=absent"))


def test_where_all_is_well_nothing_but_that_is_said(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sshd_config"
    path.write_text("ListenAddress 127.0.0.1\nListenAddress ::1\n")
    code, out, _ = run("doctor", str(path))
    assert (code, "DS" in out) == (0, False)
    assert "DS107 note" in run("doctor", str(path), "-v")[1]


def test_a_command_line_is_enough(run: Run) -> None:
    code, out, _ = run("doctor", "--command", "uvicorn --host '' app:app")
    assert code == 0
    assert "tcp 0.0.0.0:8000, tcp [::]:8000 v6only=1" in out
    code, out, _ = run("doctor", "--command", "SOCAT_DEFAULT_LISTEN_IP=6 socat TCP-LISTEN:8000 EXEC:cat", "--json")
    assert json.loads(out)["daemons"][0]["sockets"][0]["address"] == "::"


def test_a_dockerfile_is_what_its_last_stage_starts(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(
        'FROM python AS build\nCMD ["x"]\nFROM python\nENV FLASK_RUN_HOST=0.0.0.0 A=b\n'
        'ENTRYPOINT ["flask", "--app", "a"]\nCMD ["run", \\\n  "--port", "80"]\n'
    )
    code, out, _ = run("doctor", str(path), "--json")
    (daemon,) = json.loads(out)["daemons"]
    assert (code, daemon["daemon"], daemon["reach"]) == (1, "flask", {"ipv4": "yes", "ipv6": "no"})
    assert (daemon["sockets"][0]["address"], daemon["sockets"][0]["port"]) == ("0.0.0.0", 80)


def test_a_root_is_looked_through_with_its_names(run: Run, tmp_path: Path) -> None:
    (tmp_path / "etc" / "nginx").mkdir(parents=True)
    (tmp_path / "etc" / "ssh").mkdir()
    (tmp_path / "etc" / "hosts").write_text("192.0.2.7 web.example\n2001:db8::7 web.example\n")
    (tmp_path / "etc" / "nginx" / "nginx.conf").write_text(NGINX.replace("listen 80", "listen web.example:80"))
    (tmp_path / "etc" / "ssh" / "sshd_config").write_text("AddressFamily any\n")
    _, out, _ = run("doctor", "--root", str(tmp_path), "--json")
    found = {each["daemon"]: [s["address"] for s in each["sockets"]] for each in json.loads(out)["daemons"]}
    assert found == {"nginx": ["2001:db8::7", "192.0.2.7"], "sshd": ["0.0.0.0", "::"]}


def test_a_root_has_many_units_and_each_is_told(run: Run, tmp_path: Path) -> None:
    units = tmp_path / "etc" / "systemd" / "system"
    units.mkdir(parents=True)
    for name, text in (
        ("a", "ListenStream=1"),
        ("b", "ListenStream=2\nBindIPv6Only=both"),
        ("c", "ListenStream=/run/x"),
    ):
        (units / f"{name}.socket").write_text(f"[Socket]\n{text}\n")
    _, out, _ = run("doctor", "--root", str(tmp_path), "--json")
    daemons = json.loads(out)["daemons"]
    assert [each["files"][0].rpartition("/")[2] for each in daemons] == ["a.socket", "b.socket", "c.socket"]
    assert [[s["v6only"] for s in each["sockets"]] for each in daemons] == [[False], [False], []]


def test_what_is_not_understood_is_unknown_and_no_failure(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text(NGINX.replace("listen 80", "listen $port"))
    code, out, _ = run("doctor", str(path), "--json")
    report = json.loads(out)
    assert (code, report["daemons"][0]["starts"], report["daemons"][0]["sockets"]) == (0, "unknown", "unknown")
    assert (report["findings"][0]["code"], report["findings"][0]["line"]) == ("DS120", 4)


def test_a_file_that_nobody_named_is_no_default(run: Run) -> None:
    code, out, _ = run("doctor", "--as", "nginx", "--json")
    assert (code, json.loads(out)["daemons"][0]["starts"]) == (0, "unknown")


def test_includes_in_a_loop_are_a_finding(run: Run, tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("include loop.conf;\n")
    (tmp_path / "loop.conf").write_text("include loop.conf;\n")
    code, out, err = run("doctor", str(tmp_path / "nginx.conf"))
    assert (code, err) == (0, "")
    assert "includes itself" in out


def test_a_baseline_leaves_what_was_known(run: Run, nginx: Path, tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    before.write_text(run("doctor", str(nginx), "--json")[1])
    code, out, _ = run("doctor", str(nginx), "--baseline", str(before), "--json")
    assert (code, json.loads(out)["findings"]) == (0, [])


def test_sarif_has_the_rules_and_the_line(run: Run, nginx: Path) -> None:
    (ran,) = json.loads(run("doctor", str(nginx), "--sarif")[1])["runs"]
    assert {rule["id"] for rule in ran["tool"]["driver"]["rules"]} >= {"DS101", "DS102"}
    assert ran["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 4}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--assume", "bindv6only=1"], "this host is as it is"),
        (["--as", "ngnix"], "did you mean nginx?"),
        (["--as", "nginx", "--assume", "ipv6=maybe"], "give ipv6=on|off|absent"),
        (["--as", "nginx", "--assume", "colour=red"], "give one of bindv6only, ipv6, addresses, names"),
        (["--as", "nginx", "--assume", "addresses=1.2.3"], "1.2.3"),
        (["--command", "nginx 'x"], "No closing quotation"),
        (["--explain", "DS999"], "DS10"),
    ],
)
def test_wrong_options_are_one_line(run: Run, arguments: list[str], expected: str) -> None:
    code, out, err = run("doctor", *arguments)
    assert (code, out) == (78, "")
    assert expected in err
    assert err.count("\n") == 1
