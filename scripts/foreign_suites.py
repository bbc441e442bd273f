"""`make foreign-suites`: other people's tests of the functions whose place ours take, as they are and with ours.

Each suite runs with ours in an environment of its own, from the source distribution of its release, CPython's from the
running Python; what has failed then runs again as it is. What fails with ours alone is printed, and what of it is no
departure that `departures.txt` names is this program's failure. Nothing of theirs is kept but the folder `.foreign`.
"""

import argparse
import fnmatch
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from dataclasses import dataclass
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
    """

    name: str
    swaps: str
    tests: str
    needs: str = ""
    options: tuple[str, ...] = ()


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
        "tests/test_client_functional.py tests/test_client_session.py tests/test_client_ws_functional.py"
        " tests/test_connector.py tests/test_leaks.py tests/test_proxy.py tests/test_proxy_functional.py"
        " tests/test_test_utils.py tests/test_web_functional.py tests/test_web_sendfile_functional.py",
        "blockbuster brotli freezegun isal proxy.py>=2.4.4rc5 pytest-codspeed pytest-cov pytest-mock pytest-xdist"
        " re-assert trustme zlib_ng",
        ("-o", "addopts="),
    ),
)


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

    def outcomes(self, name: str, *, swapped: bool, limit_s: int, again: bool) -> dict[str, str]:
        """What became of each test; with `again`, of those that failed last."""
        report = self.folder / f"{name}.xml"
        report.unlink(missing_ok=True)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "PYTHONPATH": str(ROOT / "scripts" / "foreign"),
            "DUALSTACK_SWAP": self.suite.swaps if swapped else "",
            "DUALSTACK_SUITE": self.suite.name,
            "NO_PROXY": "*",
        }
        command = [str(self.python), "-m", "pytest", "-p", "dualstack_swap", "-q", "--tb=short"]
        command += ["-o", f"cache_dir={self.folder / 'cache'}", f"--timeout={limit_s}", f"--junitxml={report}"]
        command += ["--last-failed", "--last-failed-no-failures=none"] if again else ["--cache-clear"]
        command += [*self.suite.options, *self.suite.tests.split()]
        with report.with_suffix(".log").open("w") as log:
            subprocess.run(
                [*_with_our_hosts(), *command], cwd=self.source, env=environment, check=False, stdout=log, stderr=log
            )
        return _read(report)


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


def compare(suite: Suite, limit_s: int) -> bool:
    """Run it both ways, print the difference; whether every failure of ours alone is a departure."""
    place = Place(suite)
    place.prepare()
    swapped = place.outcomes("swapped", swapped=True, limit_s=limit_s, again=False)
    # Whoever fails now and then fails by chance here too: what counts is what fails twice.
    twice = place.outcomes("twice", swapped=True, limit_s=limit_s, again=True) if FAILED in swapped.values() else {}
    failed = [name for name, outcome in twice.items() if outcome == FAILED]
    plain = place.outcomes("plain", swapped=False, limit_s=limit_s, again=True) if failed else {}
    worse = sorted(name for name in failed if plain.get(name) == PASSED)
    patterns = [pattern for name, pattern in departures() if name == suite.name]
    unknown = [name for name in worse if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    passed = [*swapped.values()].count(PASSED)
    print(
        f"{suite.name}: {passed} pass with ours; {len(failed) - len(worse)} fail here with or without them; "
        f"{len(worse) - len(unknown)} are departures"
    )
    for name in unknown:
        print(f"  fails with ours alone: {name}")
    return bool(passed) and not unknown


def main() -> int:
    """Compare the suites that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", choices=[suite.name for suite in SUITES], help="this suite alone")
    parser.add_argument("--limit", type=int, default=60, metavar="SECONDS", help="for one test")
    options = parser.parse_args()
    chosen = [suite for suite in SUITES if not options.only or suite.name in options.only]
    told = [compare(suite, options.limit) for suite in chosen]
    return 0 if all(told) else 1


if __name__ == "__main__":
    sys.exit(main())
