"""The program and all it needs in one folder, for each Python that it runs on: what zipapp and Debian package hold."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13")
FIRST = PYTHONS[0]


def make_tree(wheel: Path, tree: Path) -> None:
    """Install `wheel` with all its extras into `tree`; what is compiled in it, for each of `PYTHONS`."""
    _pip("--python-version", FIRST, "--target", str(tree), f"{wheel}[all]")
    pinned = [
        "==".join(record.parent.name.removesuffix(".dist-info").rsplit("-", 1))
        for record in sorted(tree.glob("*.dist-info/RECORD"))
        if ".so," in record.read_text()
    ]
    for version in PYTHONS[1:]:
        with tempfile.TemporaryDirectory() as other:
            _pip("--python-version", version, "--no-deps", "--target", other, *pinned)
            for each in Path(other).rglob("*.so"):
                shutil.copy2(each, tree / each.relative_to(other))
    for each in (tree / "bin", tree / "share"):
        shutil.rmtree(each, ignore_errors=True)
    for record in tree.glob("*.dist-info/RECORD"):
        _forget_where_it_came_from(record)


def installed(tree: Path) -> dict[str, str]:
    """The distributions in it and their versions."""
    said = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--path", str(tree), "--format", "freeze", "--disable-pip-version-check"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return {name.lower(): version for name, _, version in (line.partition("==") for line in said.split())}


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    subprocess.run([*command, "--only-binary=:all:", "--implementation", "cp", *words], check=True)


def _forget_where_it_came_from(record: Path) -> None:
    """The path of our own wheel, and the programs that are gone, have no place in what others install."""
    (record.parent / "direct_url.json").unlink(missing_ok=True)
    gone = ("direct_url.json", "../")
    lines = [line for line in record.read_text().splitlines() if not any(word in line.split(",")[0] for word in gone)]
    record.write_text("\n".join(lines) + "\n")
