"""The Debian package: the program in an environment of its own, on the system's Python."""

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

from dualstack.gateway.config.first_file import first_file
from release.tree import FIRST, PYTHONS

_PROGRAM = """\
#!/usr/lib/dualstack/bin/python3 -I
import sys

from dualstack.cli import main

sys.exit(main())
"""
_VENV = "home = /usr/bin\ninclude-system-site-packages = false\n"
_CONTROL = """\
Package: dualstack
Version: {version}
Architecture: {architecture}
Maintainer: The dualstack authors <dualstack@localhost>
Installed-Size: {size}
Depends: python3 (>= {first}), python3 (<< {after}), adduser
Recommends: iproute2
Section: net
Priority: optional
Description: every client reaches every server, over IPv4 and IPv6
 A gateway, a relay and a proxy between IPv4 and IPv6, a connector that races
 the families, and a command that explains what the kernel does with sockets.
"""


def make_deb(version: str, tree: Path, project: Path, staging: Path, output: Path) -> Path:
    """Lay the files out under `staging` and pack them; the package's path."""
    packaging = project / "packaging"
    home = staging / "usr/lib/dualstack"
    shutil.copytree(tree, home / f"lib/python{FIRST}/site-packages")
    for other in PYTHONS[1:]:
        (home / f"lib/python{other}").symlink_to(f"python{FIRST}")
    (home / "bin").mkdir()
    (home / "bin/python3").symlink_to("/usr/bin/python3")
    _write(home / "pyvenv.cfg", _VENV)
    _write(home / "bin/dualstack", _PROGRAM, 0o755)
    (staging / "usr/bin").mkdir()
    (staging / "usr/bin/dualstack").symlink_to("../lib/dualstack/bin/dualstack")
    for unit in sorted((packaging / "systemd").iterdir()):
        text = unit.read_text().replace("DynamicUser=yes", "User=_dualstack\nLogsDirectory=dualstack")
        _write(staging / "usr/lib/systemd/system" / unit.name, text)
    for page in sorted((packaging / "man").glob("man?/*")):
        _zip(staging / "usr/share/man" / page.parent.name / f"{page.name}.gz", page.read_bytes())
    completion = packaging / "completion"
    shares = staging / "usr/share"
    shutil.copytree(completion / "bash-completion", shares / "bash-completion")
    shutil.copytree(completion / "fish", shares / "fish")
    shutil.copytree(completion / "zsh/site-functions", shares / "zsh/vendor-completions")
    _zip(shares / "doc/dualstack/changelog.gz", (project / "CHANGELOG.md").read_bytes())
    _write(shares / "doc/dualstack/copyright", (project / "LICENSE").read_text())
    for name, place in (("logrotate", "etc/logrotate.d"), ("apparmor", "usr/share/dualstack/apparmor")):
        _write(staging / place / "dualstack", (packaging / name / "dualstack").read_text())
    _write(staging / "etc/dualstack/gateway.toml", first_file("first", "*:8080", "127.0.0.1:80"))
    (staging / "etc/dualstack/dualstack.d").mkdir()
    return _pack(version, packaging / "debian", staging, output)


def _pack(version: str, debian: Path, staging: Path, output: Path) -> Path:
    files = [path for path in staging.rglob("*") if path.is_file() and not path.is_symlink()]
    architecture = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    first, last = PYTHONS[0], PYTHONS[-1]
    major, _, minor = last.partition(".")
    control = _CONTROL.format(
        version=version,
        architecture=architecture,
        size=sum(path.stat().st_size for path in files) // 1024,
        first=first,
        after=f"{major}.{int(minor) + 1}",
    )
    _write(staging / "DEBIAN/control", control)
    conffiles = sorted(f"/{path.relative_to(staging)}" for path in files if path.is_relative_to(staging / "etc"))
    _write(staging / "DEBIAN/conffiles", "\n".join(conffiles) + "\n")
    for script in ("postinst", "prerm", "postrm"):
        _write(staging / "DEBIAN" / script, (debian / script).read_text(), 0o755)
    _same_times_and_modes(staging)
    made = output / f"dualstack_{version}_{architecture}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "--threads-max=1", "--build", str(staging), str(made)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return made


def _same_times_and_modes(staging: Path) -> None:
    """Whatever the umask and the clock were."""
    when = int(os.environ["SOURCE_DATE_EPOCH"])
    for path in (staging, *staging.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (when, when), follow_symlinks=False)


def debian_version(version: str) -> str:
    """PEP 440 in Debian's order: what is before a release sorts before it.

    >>> debian_version("1.2.0rc1"), debian_version("1.2.0")
    ('1.2.0~rc1', '1.2.0')
    """
    return re.sub(r"\.?(a|b|rc|dev)(\d+)", r"~\1\2", version)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _zip(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0))
