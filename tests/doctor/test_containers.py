"""Compose files and Kubernetes' objects: over which family something is published, and what runs behind it."""

from pathlib import Path

import pytest

from dualstack.doctor.assumed_host import assumed_host
from dualstack.doctor.diagnose import Asked, diagnose
from dualstack.doctor.report import Report
from dualstack.net import extras

COMPOSE = "services:\n  web:\n    image: web\n    ports:\n      - {}\n"


def report_of(place: Path, name: str, text: str) -> Report:
    (place / name).write_text(text)
    return diagnose(Asked([str(place / name)], "", "", "", assumed_host(())))


def told(report: Report) -> list[tuple[str, str, int]]:
    return [(each.kind.code, each.subject, each.place.line if each.place else 0) for each in report.findings]


@pytest.mark.parametrize(
    ("port", "is_one_sided"),
    [
        ('"8080:80"', False),
        ('"80"', False),
        ('"0.0.0.0:8080:80"', True),
        ('"[::]:8080:80"', True),
        ('"0.0.0.0:8080-8081:80-81/udp"', True),
        ('"127.0.0.1:8080:80"', False),
        ('"192.0.2.1:8080:80"', False),
        ('"${HOST}:8080:80"', False),
        ("{target: 80, published: 8080, host_ip: 0.0.0.0}", True),
        ("{target: 80, published: 8080}", False),
        ('"0.0.0.0:8080:80"\n      - "[::]:8080:80"', False),
        ('"0.0.0.0:8080:80"\n      - "[::]:8081:80"', True),
    ],
)
def test_a_port_with_an_address_is_open_over_its_family_alone(tmp_path: Path, port: str, *, is_one_sided: bool) -> None:
    found = told(report_of(tmp_path, "compose.yaml", COMPOSE.format(port)))
    assert found[:1] == ([("DS180", "service web", 5)] if is_one_sided else [])


@pytest.mark.parametrize("said", ["network_mode: host", "network_mode: 'service:vpn'", "extends: {service: x}"])
def test_what_is_not_published_or_not_all_is_not_judged(tmp_path: Path, said: str) -> None:
    text = COMPOSE.format('"0.0.0.0:8080:80"')
    assert told(report_of(tmp_path, "compose.yaml", f"{text}    {said}\n")) == []


def test_the_remedy_says_what_to_write(tmp_path: Path) -> None:
    (finding,) = report_of(tmp_path, "docker-compose.yml", COMPOSE.format('"0.0.0.0:8080:80"')).findings
    assert finding.evidence == "0.0.0.0:8080:80: IPv4 alone"
    assert finding.remedy == "write 8080:80, or add [::]:8080:80"


def test_anchors_and_merges_are_followed(tmp_path: Path) -> None:
    base = "x-base: &base\n  ports: ['0.0.0.0:80:80']\n"
    text = f"{base}services:\n  a:\n    <<: *base\n  b:\n    <<: [*base]\n    ports: []\n"
    assert told(report_of(tmp_path, "compose.yaml", text)) == [("DS180", "service a", 2)]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("gunicorn -b 127.0.0.1:8000 app:wsgi", [("DS182", "service app", 5)]),
        ('["gunicorn", "-b", "localhost:8000", "app:wsgi"]', [("DS182", "service app", 5)]),
        ("gunicorn -b 0.0.0.0:8000 app:wsgi", []),
        ("gunicorn -b 127.0.0.1:9000 app:wsgi", []),
        ("some-program --port 8000", []),
        ("'unclosed \" quote'", []),
    ],
)
def test_what_is_published_must_not_listen_on_its_loopback(
    tmp_path: Path, command: str, found: list[tuple[str, str, int]]
) -> None:
    text = f"services:\n  app:\n    ports: ['80:8000']\n    environment: [A=b]\n    command: {command}\n"
    assert told(report_of(tmp_path, "compose.yaml", text)) == found


SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports: [{port: 80}]\n"


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("", 5),
        ("  ipFamilyPolicy: SingleStack\n", 6),
        ("  ipFamilies: [IPv4]\n", 6),
        ("  ipFamilyPolicy: PreferDualStack\n", 0),
        ("  ipFamilyPolicy: RequireDualStack\n  ipFamilies: [IPv6, IPv4]\n", 0),
        ("  type: ExternalName\n", 0),
        ("  clusterIP: None\n  selector: {app: web}\n", 5),
        ("  clusterIP: None\n", 0),
        ("  clusterIP: None\n  ipFamilyPolicy: SingleStack\n", 7),
    ],
)
def test_a_service_asks_for_both_families(tmp_path: Path, more: str, line: int) -> None:
    report = report_of(tmp_path, "web.yaml", f"# all\n---\n{SERVICE}{more}")
    assert told(report) == ([("DS181", "Service web", line + 2)] if line else [])


def test_pods_are_examined_by_their_command(tmp_path: Path) -> None:
    text = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  template:\n    spec:\n      containers:\n"
        "      - name: c\n        command: [gunicorn]\n        args: [-b, '0.0.0.0:8000', 'app:wsgi']\n"
        "        ports: [{containerPort: 8000, hostPort: 80, hostIP: 0.0.0.0}]\n"
    )
    report = report_of(tmp_path, "d.yml", text)
    assert told(report) == [("DS180", "Deployment d, c", 11), ("DS102", "Deployment d, c, gunicorn", 9)]
    assert [each.answer.reach for each in report.daemons] == [{"ipv4": "yes", "ipv6": "no"}]
    element = SERVICE.replace("\n", "\n  ")
    report = report_of(tmp_path, "l.yaml", f"apiVersion: v1\nkind: List\nitems:\n- {element}")
    assert told(report) == [("DS181", "Service web", 8)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: [", [("DS120", 1)]),
        ("a: &a [*a]\n", [("DS121", 0)]),
        ("[" * 3000, [("DS120", 1)]),
        ("- x\n" * 70_000, [("DS120", 1)]),
        ("hello\n", [("DS121", 0)]),
        ("", [("DS121", 0)]),
        ("kind: List\napiVersion: v1\nitems: &i\n- {apiVersion: v1, kind: List, items: *i}\n", []),
        ("kind: &k {<<: *k}\napiVersion: v1\n", []),
        ("!!python/object/apply:os.system ['touch ran']\n", [("DS121", 0)]),
    ],
)
def test_what_is_none_of_them_is_said_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, found: list[tuple[str, int]]
) -> None:
    monkeypatch.chdir(tmp_path)
    report = report_of(tmp_path, "x.yaml", text)
    assert [(code, line) for code, _, line in told(report)] == found
    assert [path.name for path in tmp_path.iterdir()] == ["x.yaml"]


def test_a_bomb_of_aliases_is_small(tmp_path: Path) -> None:
    bomb = "a0: &a0 {ports: ['0.0.0.0:1:1']}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 9)
    )
    assert told(report_of(tmp_path, "compose.yaml", f"{bomb}services:\n  s:\n    <<: *a8\n")) is not None


def test_without_pyyaml_it_is_said_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "missing_packages", lambda _: ["pyyaml"])
    with pytest.raises(extras.NotInstalled, match="a YAML file needs pyyaml, not installed here: "):
        report_of(tmp_path, "compose.yaml", "services: {}\n")
