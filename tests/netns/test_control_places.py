"""`dualstack ports` finds the gateway that runs, wherever its control socket is (daemons of their own)."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualstack.errors import ControlError
from dualstack.gateway.control.places import default_control_path
from support.command import Run
from support.directory import open_directory
from support.ordinary import Ordinary, ordinary_user
from support.program import Dualstack, Program

CONFIG = "[[services]]\nname = '{}'\nlisten = 'localhost:0'\nto = '127.0.0.1:9'\n"


@pytest.fixture(scope="module")
def user() -> Iterator[Ordinary]:
    with ordinary_user() as ordinary:
        yield ordinary


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of this user's control sockets, empty."""
    directory = tmp_path / "run"
    directory.mkdir()
    monkeypatch.setenv("DUALSTACK_RUN", str(directory))
    return directory


def config(directory: Path, name: str, control: Path | None = None) -> Path:
    file = directory / f"{name}.toml"
    file.write_text((f"control = '{control}'\n" if control else "") + CONFIG.format(name))
    return file


def ports(run: Run, *options: str) -> list[str]:
    code, out, err = run("ports", "list", "--json", *options)
    assert code == 0, err
    return [port["name"] for port in json.loads(out)["ports"]]


def test_a_gateway_at_the_users_own_place_is_found(place: Path, tmp_path: Path, run: Run) -> None:
    with Dualstack("gateway", "--config", config(tmp_path, "own")):
        assert (place / "dualstack.sock").is_socket()
        assert ports(run) == ["own"]


def test_a_gateway_whose_file_names_a_control_socket_is_found(place: Path, tmp_path: Path, run: Run) -> None:
    with Dualstack("gateway", "--config", config(tmp_path, "filed", tmp_path / "c.sock")):
        assert ports(run) == ["filed"]
        assert run("console", "show", "port", "filed")[0] == 0
    assert list(place.iterdir()) == []
    code, _, err = run("ports", "list")
    assert (code, err.count("\n")) == (69, 1)
    assert f"{place}/dualstack.sock: no such socket" in err
    assert "start one, or name its socket with --control PATH or DUALSTACK_CONTROL" in err


def test_of_several_gateways_one_must_be_named(
    place: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "1.sock", tmp_path / "2.sock"
    with (
        Dualstack("gateway", "--config", config(tmp_path, "first", first)),
        Dualstack("gateway", "--config", config(tmp_path, "second"), "--control", second) as killed,
    ):
        code, _, err = run("ports", "list")
        assert code == 69
        assert "which gateway? " in err
        assert {str(first), str(second)} <= set(err.replace(",", " ").split())
        assert ports(run, "--control", str(first)) == ["first"]
        monkeypatch.setenv("DUALSTACK_CONTROL", str(second))
        assert ports(run) == ["second"]
        monkeypatch.delenv("DUALSTACK_CONTROL")
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert second.is_socket()
        assert ports(run) == ["first"]
        assert len(list((place / "dualstack.d").iterdir())) == 1
        killed.end = lambda: 0  # type: ignore[method-assign] # it was killed


def test_the_users_own_gateway_goes_before_others(place: Path, tmp_path: Path, run: Run) -> None:
    with (
        Dualstack("gateway", "--config", config(tmp_path, "other", tmp_path / "c.sock")),
        Dualstack("gateway", "--config", config(tmp_path, "own")),
    ):
        assert ports(run) == ["own"]
    assert list(place.iterdir()) == []


def test_a_variable_names_the_socket_of_the_gateway_too(
    place: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUALSTACK_CONTROL", str(tmp_path / "v.sock"))
    with Dualstack("gateway", "--config", config(tmp_path, "named")):
        assert (tmp_path / "v.sock").is_socket()
        assert ports(run) == ["named"]
        monkeypatch.delenv("DUALSTACK_CONTROL")
        assert ports(run) == ["named"]
    assert list(place.iterdir()) == []


def test_a_socket_left_by_a_gateway_that_was_killed_is_said_to_be_left(place: Path, run: Run) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place / "dualstack.sock"))
    code, _, err = run("ports", "stop", "a")
    assert (code, err.count("\n")) == (69, 1)
    assert f"{place}/dualstack.sock: left by one that has ended" in err


def test_an_ordinary_user_without_a_session_has_a_gateway_and_finds_it(user: Ordinary) -> None:
    with open_directory() as directory:
        words = [*user.words, "-m", "dualstack"]
        env = {name: value for name, value in user.env.items() if name != "XDG_RUNTIME_DIR"}
        program = ["env", "-i", *(f"{name}={value}" for name, value in env.items()), *words]
        file = config(directory, "mine")
        with Program(*program, "gateway", "--config", file, "--json") as gateway:
            gateway.out.until('"ready"')
            with Program(*program, "ports", "list", "--json") as asked:
                assert [each["name"] for each in json.loads(asked.out.until("ports"))["ports"]] == ["mine"]
                assert asked.wait() == 0
            place = Path(f"/tmp/dualstack-{os.geteuid() or 65534}")  # noqa: S108 - it is checked
            assert place.stat().st_mode & 0o777 == 0o700
            assert gateway.end() == 0


@pytest.mark.parametrize(
    ("user", "variables", "expected"),
    [
        (0, {}, "/run/dualstack.sock"),
        (0, {"XDG_RUNTIME_DIR": "/run/user/0"}, "/run/dualstack.sock"),
        (1000, {"XDG_RUNTIME_DIR": "/run/user/1000"}, "/run/user/1000/dualstack.sock"),
        (61234, {"RUNTIME_DIRECTORY": "/run/dualstack:/run/more"}, "/run/dualstack/control.sock"),
        (0, {"RUNTIME_DIRECTORY": "/run/dualstack", "DUALSTACK_CONTROL": "/srv/c.sock"}, "/srv/c.sock"),
    ],
)
def test_a_gateways_place_is_its_users_or_its_service_managers(
    user: int, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    for name in ("XDG_RUNTIME_DIR", "RUNTIME_DIRECTORY", "DUALSTACK_CONTROL", "DUALSTACK_RUN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert default_control_path() == expected


def test_a_place_in_tmp_that_is_somebody_elses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes the directory first would be asked, and answer, in the gateway's place."""
    stranger = 4242424
    place = Path(f"/tmp/dualstack-{stranger}")  # noqa: S108 - as above
    monkeypatch.setattr("os.geteuid", lambda: stranger)
    monkeypatch.delenv("DUALSTACK_RUN")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    place.mkdir(mode=0o700)
    try:
        with pytest.raises(ControlError, match=f"{place} is not this user's alone; remove it, or name"):
            default_control_path()
    finally:
        place.rmdir()


@pytest.mark.root
def test_a_gateway_of_another_user_is_a_matter_of_rights(user: Ordinary, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_directory() as place:
        monkeypatch.setenv("DUALSTACK_RUN", str(place))
        ask = ["env", f"DUALSTACK_RUN={place}", *user.words, "-m", "dualstack", "ports", "list"]
        with Dualstack("gateway", "--config", config(place, "roots")):
            told = subprocess.run(ask, env=user.env, capture_output=True, text=True, timeout=60, check=False)
        assert (told.returncode, told.stderr.count("\n")) == (77, 1), told.stderr
        assert f"no right to ask the gateway at {place}/dualstack.sock: be the user who runs it, or root" in told.stderr
