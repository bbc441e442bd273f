"""`make release`: build everything into dist/, twice the same; `--output DIR` puts it elsewhere."""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from release.deb import debian_version, make_deb
from release.tree import FIRST, installed, make_tree

PROJECT = Path(__file__).resolve().parents[2]
PREAMBLE = Path(__file__).with_name("zipapp_preamble.py")


def main() -> None:
    """Build, check, and say what was made."""
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("--output", type=Path, default=PROJECT / "dist", help="where to put it (dist)")
    parser.add_argument("--date", help="of the release, in the changelog's heading (that of the last commit)")
    parser.add_argument("--trial", action="store_true", help="leave the changelog as it is")
    asked = parser.parse_args()
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    when, day = _time_of_last_commit()
    os.environ |= {"SOURCE_DATE_EPOCH": when, "PYTHONHASHSEED": "0"}
    os.umask(0o022)
    if not asked.trial and date_heading(PROJECT / "CHANGELOG.md", version, asked.date or day):
        _say(f"CHANGELOG.md: {version} has its date; commit that, and tag it v{version}")
    output: Path = asked.output.resolve()
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="dualstack-release-") as place:
        made = _build(version, Path(place), output)
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in made)
    (output / "SHA256SUMS").write_text(sums)
    sys.stdout.write(sums)


def _build(version: str, place: Path, output: Path) -> list[Path]:
    _run("hatchling", "build", "-d", str(output))
    (wheel,), (sdist,) = output.glob("*.whl"), output.glob("*.tar.gz")
    _run("twine", "check", "--strict", str(wheel), str(sdist))
    tree = place / "tree"
    make_tree(wheel, tree)
    made = [wheel, sdist, _pyz(tree, output), _sbom(tree, output)]
    if shutil.which("dpkg-deb"):
        made.append(make_deb(debian_version(version), tree, PROJECT, place / "deb", output))
    else:
        _say("no Debian package: there is no dpkg-deb here")
    return sorted(made)


def _pyz(tree: Path, output: Path) -> Path:
    made = output / "dualstack.pyz"
    words = ["--site-packages", str(tree), "--entry-point", "dualstack.cli.main:main", "--preamble", str(PREAMBLE)]
    _run("shiv.cli", *words, "--reproducible", "--compressed", "--output-file", str(made))
    return made


def _sbom(tree: Path, output: Path) -> Path:
    """What is in the zipapp and the Debian package, as CycloneDX has it."""
    made = output / "dualstack.cdx.json"
    pinned = "".join(f"{name}=={its}\n" for name, its in sorted(installed(tree).items()) if name != "dualstack")
    words = ["requirements", "-", "--pyproject", str(PROJECT / "pyproject.toml"), "--output-reproducible"]
    words += ["--output-format", "JSON", "--output-file", str(made)]
    subprocess.run(
        [sys.executable, "-W", "ignore::UserWarning", "-m", "cyclonedx_py", *words], input=pinned, text=True, check=True
    )
    return made


def date_heading(changelog: Path, version: str, day: str) -> bool:
    """Give the version its date in the changelog; whether it had none."""
    text = changelog.read_text()
    dated, count = re.subn(rf"^## {re.escape(version)}, unreleased$", f"## {version}, {day}", text, flags=re.MULTILINE)
    if count:
        changelog.write_text(dated)
    elif f"\n## {version}, " not in text:
        sys.exit(f"make release: CHANGELOG.md has no heading for {version}; write `## {version}, unreleased`")
    return bool(count)


def _time_of_last_commit() -> tuple[str, str]:
    said = subprocess.check_output(["git", "log", "-1", "--format=%ct %cs"], cwd=PROJECT, text=True)
    seconds, day = said.split()
    return seconds, day


def _run(module: str, *words: str) -> None:
    subprocess.run([sys.executable, "-m", module, *words], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)


def _say(text: str) -> None:
    sys.stderr.write(f"make release: {text}\n")


if __name__ == "__main__":
    assert sys.version_info[:2] == tuple(map(int, FIRST.split("."))), f"a release is built by Python {FIRST}"
    main()
