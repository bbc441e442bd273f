"""A release: built twice it is the same, and each part of it works where nothing else of ours is."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualstack.lab.network import why_no_network
from support.directory import open_directory

HERE = Path(__file__).parents[2]
PYTHONS = [
    # Not a shim, which finds its own by the environment.
    subprocess.check_output([found, "-c", "import sys; print(sys.executable)"], text=True).strip()
    for version in ("3.11", "3.12", "3.13")
    if (found := subprocess.check_output([HERE / "scripts/find-python", version], text=True).strip())
]


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """What `make release` leaves, and in `again` what it leaves under another umask and in another place."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("a release is built by Python 3.11")
    with open_directory() as place:
        for name, umask in (("dist", 0o022), ("again", 0o077)):
            subprocess.run(
                ["make", "-s", "release", f"ARGS=--trial --output {place / name}"],
                cwd=HERE, check=True, umask=umask, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        yield place


def sums(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}


def test_a_second_build_is_the_same_and_all_is_there(made: Path) -> None:
    first = sums(made / "dist")
    assert first == sums(made / "again")
    kinds = {"".join(Path(name).suffixes[-1:]) for name in first}
    assert kinds >= {".whl", ".gz", ".pyz", ".json", ".deb", ""}
    listed = dict(reversed(line.split("  ")) for line in (made / "dist/SHA256SUMS").read_text().splitlines())
    assert listed == {name: found for name, found in first.items() if name != "SHA256SUMS"}


def test_wheel_and_sdist_hold_units_pages_completion_and_licence(made: Path) -> None:
    (wheel,), (sdist,) = (made / "dist").glob("*.whl"), (made / "dist").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as whole:
        names = whole.namelist()
    for end in (
        "share/man/man1/dualstack-gateway.1",
        "share/man/man5/dualstack.toml.5",
        "share/bash-completion/completions/dualstack",
        "share/dualstack/systemd/dualstack.service",
        "licenses/LICENSE",
    ):
        assert sum(name.endswith(end) for name in names) == 1, end
    with tarfile.open(sdist) as packed:
        names = packed.getnames()
    assert any(name.endswith("/packaging/systemd/dualstack.socket") for name in names)
    assert any(name.endswith("/LICENSE") for name in names)


def test_nothing_tells_where_it_was_built(made: Path) -> None:
    with zipfile.ZipFile(made / "dist/dualstack.pyz") as whole:
        assert not [name for name in whole.namelist() if name.endswith(("direct_url.json", ".pyc"))]
    bill = json.loads((made / "dist/dualstack.cdx.json").read_text())
    names = {each["name"] for each in bill["components"]}
    assert {"click", "msgspec", "uvicorn", "dnspython"} <= names
    assert str(HERE) not in json.dumps(bill)


@pytest.mark.parametrize("python", PYTHONS, ids=[Path(each).name for each in PYTHONS])
def test_the_zipapp_runs_with_each_python_and_from_any_directory(made: Path, tmp_path: Path, python: str) -> None:
    (tmp_path / "click.py").write_text("raise SystemExit('the working directory was imported from')")
    alone = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SHIV_ROOT": str(tmp_path / "unpacked")}
    ran = subprocess.run(
        [python, "-P", str(made / "dist/dualstack.pyz"), "selftest", "--json"],
        cwd=tmp_path, env=alone, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [each["passed"] for each in json.loads(ran.stdout)["checks"]] == [True] * 5
    if why_no_network():
        return
    # Which starts a Python of its own, in a namespace.
    asked = [python, "-P", str(made / "dist/dualstack.pyz"), "explain", "--live", "--json", "[::]:80", "0.0.0.0:80"]
    ran = subprocess.run(asked, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)
    assert json.loads(ran.stdout)["ports"][0]["differences"] == [], ran.stderr


@pytest.mark.root
@pytest.mark.skipif(bool(why_no_network()), reason=why_no_network() or "there are namespaces")
@pytest.mark.daemon("dpkg-deb", "apt-get", "man")
def test_the_debian_package_is_installed_upgraded_under_load_and_purged(made: Path) -> None:
    (older,) = (made / "dist").glob("*.deb")
    newer, unpacked = made / "newer.deb", made / "unpacked"
    subprocess.run(["dpkg-deb", "-R", str(older), str(unpacked)], check=True)
    control = unpacked / "DEBIAN/control"
    version = next(line.split()[1] for line in control.read_text().splitlines() if line.startswith("Version:"))
    control.write_text(control.read_text().replace(f"Version: {version}", f"Version: {version}+newer"))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", str(unpacked), str(newer)], check=True, capture_output=True)
    place = made / "copy"
    place.mkdir()
    apart = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    trial = [sys.executable, str(Path(__file__).with_name("deb_trial.py")), str(older), str(newer), str(place)]
    ran = subprocess.run([*apart, *trial], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "version": version,
        "selftest": [True] * 5,
        "page": "/usr/share/man/man1/dualstack-gateway.1.gz",
        "listening": 0,
        "check": "{",
        "families": ["ok", "ok"],
        "upgraded": [0, f"{version}+newer"],
        "clients": {"enough": True, "failed": []},
        "kept": True,
        "left": [],
        "user": False,
    }
