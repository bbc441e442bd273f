"""`make foreign-suites`: other people's tests of the functions whose place ours take, as they are and with ours.

Each suite runs with ours in an environment of its own, from the source distribution of its release, CPython's from the
running Python; what has failed then runs again as it is. What fails with ours alone is printed, and what of it is no
departure that `departures.txt` names is this program's failure. Nothing of theirs is kept but the folder `.foreign`.

It goes file by file, says how each went, and keeps what it has found: begun again, it goes on behind the last file that
was done, unless our own sources have changed since. A test that hangs fails after `--limit`, a file that hangs after
`--file-limit`.
"""

import argparse
import fnmatch
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
import venv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parent.parent
HERE = ROOT / ".foreign"
DEPARTURES = ROOT / "scripts" / "foreign" / "departures.txt"
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True)
class Suite:
    """Somebody's tests.

    Args:
        name: as on PyPI, or cpython.
        swaps: what of `dualstack_swap` is put in place.
        tests: which, from the top of the source; a test that needs a network of its own is left out.
        needs: what they import.
        options: for pytest.
        only_with: a file in which this is not found is left out: it makes no connection and serves none.
    """

    name: str
    swaps: str
    tests: str
    needs: str = ""
    options: tuple[str, ...] = ()
    only_with: str = ""


SUITES = (
    Suite("cpython", "standard", "test_ssl.py test_asyncio/test_streams.py test_asyncio/test_server.py"),
    Suite(
        "anyio",
        "standard,anyio",
        "tests/test_sockets.py tests/streams/test_tls.py",
        "blockbuster exceptiongroup hypothesis psutil pytest-mock trio trustme truststore uvloop",
        ("-k", "TCP or TLS or connect_tcp"),
    ),
    Suite(
        "urllib3",
        "standard,urllib3",
        "test/test_connection.py test/test_connectionpool.py test/test_util.py test/with_dummyserver",
        "anyio[trio] cryptography h2 httpx hypercorn idna pyopenssl pysocks pytest-socket quart quart-trio trio"
        " trustme",
        ("-m", "not requires_network"),
    ),
    Suite(
        "requests",
        "standard,urllib3",
        "tests",
        "httpbin~=0.10.0 pysocks pytest-httpbin==2.1.0 pytest-mock trustme",
    ),
    Suite(
        "aiohttp",
        "standard,aiohttp",
        "tests",
        "blockbuster brotli freezegun isal proxy.py>=2.4.4rc5 pytest-codspeed pytest-cov pytest-mock pytest-xdist"
        " re-assert trustme zlib_ng",
        ("-o", "addopts=", "-m", "not dev_mode and not internal"),
        only_with=r"aiohttp_(client|server)\b|TCPConnector|ClientSession\(|TestServer|TCPSite|run_app|create_connection",
    ),
)

# Benchmarks, and what runs in a container of its own.
_OTHER = re.compile("benchmark|autobahn")


@dataclass
class Found:
    """What became of the tests of one file.

    Args:
        sources: what ours were then.
        passed: how many do with ours.
        skipped: how many are left out, by themselves.
        either: those that fail with or without ours.
        alone: those that fail with ours alone.
        chance: how many failed with ours once, and not again.
    """

    sources: str
    passed: int = 0
    skipped: int = 0
    chance: int = 0
    either: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)


@cache
def our_sources() -> str:
    """A number that changes with any of our files that this is about."""
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "scripts" / "foreign").glob("*.py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()


class Place:
    """Where one suite is: its environment and its source."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.folder = HERE / suite.name
        self.python = self.folder / "venv" / "bin" / "python"

    def prepare(self) -> None:
        """Make the environment, and unpack the source; what is there already stays."""
        ready = self.folder / "ready"
        if ready.exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        venv.create(self.folder / "venv", with_pip=True)
        own = () if self.suite.name == "cpython" else (self.suite.name,)
        self.pip(
            "install", "-e", str(ROOT), "pytest", "pytest-timeout", "trio", "dnspython", *own, *self.suite.needs.split()
        )
        if own:
            self.unpack()
        ready.touch()

    def pip(self, *arguments: str) -> None:
        """Run it here."""
        command = [str(self.python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
        subprocess.run(command, check=True)

    def unpack(self) -> None:
        """The source of the very release that is installed."""
        show = [str(self.python), "-c", f"import importlib.metadata as m; print(m.version({self.suite.name!r}))"]
        version = subprocess.run(show, check=True, capture_output=True, text=True).stdout.strip()
        archives = self.folder / "archives"
        wanted = f"{self.suite.name}=={version}"
        self.pip("download", "--no-deps", "--no-binary", ":all:", "--dest", str(archives), wanted)
        with tarfile.open(next(archives.glob("*.tar.gz"))) as archive:
            archive.extractall(self.folder / "source", filter="data")
        # Their own package stays where it is installed: its source has not been compiled.
        for package in (self.source / self.suite.name, self.source / "src"):
            shutil.rmtree(package, ignore_errors=True)

    @property
    def source(self) -> Path:
        """The folder that the tests are run from."""
        if self.suite.name == "cpython":
            return Path(sysconfig.get_path("stdlib"), "test")
        return next((self.folder / "source").iterdir())

    def files(self) -> list[str]:
        """Those of the suite, from the top of its source."""
        found: list[Path] = []
        for test in self.suite.tests.split():
            path = self.source / test
            found += sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
        wanted = re.compile(self.suite.only_with)
        names = [str(file.relative_to(self.source)) for file in found if wanted.search(file.read_text())]
        return [name for name in names if not _OTHER.search(name)]

    def compare(self, file: str, limit_s: int, file_limit_s: int) -> Found:
        """Run one file both ways, or read what that gave before."""
        kept = self.folder / "found" / f"{file.replace('/', '.')}.json"
        if kept.exists():
            found = Found(**json.loads(kept.read_text()))
            if found.sources == our_sources():
                return found
        run = Run(self, file, limit_s, file_limit_s)
        swapped = run.outcomes("swapped", swapped=True, again=False)
        # Whoever fails now and then fails by chance here too: what counts is what fails twice.
        twice = run.outcomes("twice", swapped=True, again=True) if FAILED in swapped.values() else {}
        failed = [name for name, outcome in swapped.items() if outcome == FAILED == twice.get(name, FAILED)]
        plain = run.outcomes("plain", swapped=False, again=True) if failed else {}
        counts = [*swapped.values()]
        # What pytest does not run again, such as a part of a test, is held against ours.
        alone = sorted(name for name in failed if plain.get(name) != FAILED)
        found = Found(
            our_sources(),
            passed=counts.count(PASSED),
            skipped=counts.count(SKIPPED),
            chance=counts.count(FAILED) - len(failed),
            either=sorted({*failed} - {*alone}),
            alone=alone,
        )
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(asdict(found), indent=1))
        return found


@dataclass(frozen=True)
class Run:
    """One file's tests, run by pytest.

    Args:
        place: where the suite is.
        file: from the top of its source.
        limit_s: for one test.
        file_limit_s: for all of them.
    """

    place: Place
    file: str
    limit_s: int
    file_limit_s: int

    def outcomes(self, name: str, *, swapped: bool, again: bool) -> dict[str, str]:
        """What became of each test; with `again`, of those that failed last."""
        place = self.place
        report = place.folder / "reports" / f"{self.file.replace('/', '.')}.{name}.xml"
        report.parent.mkdir(exist_ok=True)
        report.unlink(missing_ok=True)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "PYTHONPATH": str(ROOT / "scripts" / "foreign"),
            "DUALSTACK_SWAP": place.suite.swaps if swapped else "",
            "DUALSTACK_SUITE": place.suite.name,
        }
        command = [*_with_our_hosts(), str(place.python), "-m", "pytest", "-p", "dualstack_swap", "-q", "--tb=short"]
        cache_dir = report.parent / f"{report.name.split('.py')[0]}.cache"
        command += ["-o", f"cache_dir={cache_dir}", f"--timeout={self.limit_s}", f"--junitxml={report}"]
        command += ["--last-failed", "--last-failed-no-failures=none"] if again else ["--cache-clear"]
        with report.with_suffix(".log").open("w") as log:
            try:
                subprocess.run(
                    [*command, *place.suite.options, self.file],
                    cwd=place.source,
                    env=environment,
                    check=False,
                    stdout=log,
                    stderr=log,
                    timeout=self.file_limit_s,
                )
            except subprocess.TimeoutExpired:
                return {f"{self.file}::its end, within {self.file_limit_s} s": FAILED}
        return _read(report) if report.exists() else {f"{self.file}::its end, with a report": FAILED}


def _with_our_hosts() -> list[str]:
    """`localhost` is both loopbacks, which these suites expect and not every machine has; it takes root."""
    if os.geteuid() or not shutil.which("unshare"):
        return []
    hosts = HERE / "hosts"
    hosts.write_text("127.0.0.1 localhost\n::1 localhost\n")
    inside = f'mount --bind {shlex.quote(str(hosts))} /etc/hosts && exec "$@"'
    return ["unshare", "--mount", "--", "sh", "-c", inside, "sh"]


def _read(report: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest has written it
        name = f"{case.get('classname')}::{case.get('name')}"
        kinds = {child.tag for child in case}
        outcome = FAILED if kinds & {"failure", "error"} else SKIPPED if "skipped" in kinds else PASSED
        found[name] = FAILED if FAILED in {outcome, found.get(name)} else outcome
    return found


def departures() -> list[tuple[str, str]]:
    """Patterns of tests that fail with ours on purpose, each with its suite."""
    lines = DEPARTURES.read_text().splitlines()
    return [(words[0], words[1]) for line in lines if (words := line.split()) and not line.startswith("#")]


def compare(suite: Suite, files: str, limit_s: int, file_limit_s: int) -> bool:
    """Run it both ways, print the difference; whether every failure of ours alone is a departure."""
    place = Place(suite)
    place.prepare()
    chosen = [file for file in place.files() if fnmatch.fnmatchcase(file, files)]
    results = []
    for number, file in enumerate(chosen, 1):
        began = time.monotonic()
        found = place.compare(file, limit_s, file_limit_s)
        results.append(found)
        took = f"{time.monotonic() - began:.0f} s"
        print(f"{suite.name} {number}/{len(chosen)} {file}: {_told([found])}; {took}", flush=True)
    print(f"{suite.name}: {_told(results)}")
    patterns = [pattern for name, pattern in departures() if name == suite.name]
    worse = [name for found in results for name in found.alone]
    unknown = [name for name in worse if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    print(f"{suite.name}: {len(worse) - len(unknown)} of those that fail with ours alone are departures")
    for name in unknown:
        print(f"  fails with ours alone, and is none: {name}")
    return any(found.passed for found in results) and not unknown


def _told(results: Iterable[Found]) -> str:
    found = list(results)
    return (
        f"{sum(each.passed for each in found)} pass with ours, {sum(len(each.alone) for each in found)} fail with ours "
        f"alone, {sum(len(each.either) for each in found)} with or without, "
        f"{sum(each.chance for each in found)} once and not again, {sum(each.skipped for each in found)} are skipped"
    )


def main() -> int:
    """Compare the suites that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", choices=[suite.name for suite in SUITES], help="this suite alone")
    parser.add_argument("--files", default="*", metavar="PATTERN", help="these files of it alone")
    parser.add_argument("--limit", type=int, default=60, metavar="SECONDS", help="for one test")
    parser.add_argument("--file-limit", type=int, default=1800, metavar="SECONDS", help="for one file")
    options = parser.parse_args()
    chosen = [suite for suite in SUITES if not options.only or suite.name in options.only]
    told = [compare(suite, options.files, options.limit, options.file_limit) for suite in chosen]
    return 0 if all(told) else 1


if __name__ == "__main__":
    sys.exit(main())
