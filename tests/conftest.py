"""What all tests share: reasons to skip, none of them where DUALSTACK_NO_SKIPS=1, and hosts of their own."""

import os
import shutil
import signal
import sys
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import pytest
from hypothesis import settings

from dualstack.cli import main
from dualstack.lab.host import Host
from dualstack.lab.network import Network
from support.command import Run

# Debian's package of a program, where it has another name.
PACKAGES = {
    "bipmkpw": "bip",
    "dig": "bind9-dnsutils",
    "dnsmasq": "dnsmasq-base",
    "dovecot": "dovecot-imapd",
    "nft": "nftables",
    "nginx": "nginx-light, libnginx-mod-stream",
    "ntpdig": "ntpsec-ntpdig",
    "setpriv": "util-linux",
    "setsid": "util-linux",
    "systemd-analyze": "systemd",
    "systemd-socket-activate": "systemd",
    "telnet": "inetutils-telnet",
    "unshare": "util-linux",
    "/usr/sbin/telnetd": "inetutils-telnetd",
}

# Laws are about what holds, not about how busy the machine is; CI's cases are the same each time, so that what fails
# there fails again.
settings.register_profile("laws", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("DUALSTACK_NO_SKIPS") == "1" else "laws")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def pytest_configure() -> None:
    """What tests start hears SIGINT and SIGQUIT, also in the background of a shell, which ignores them."""
    for number, action in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, action)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for why in _reasons_to_skip(item):
            item.add_marker(pytest.mark.skip(reason=why))


def _reasons_to_skip(item: pytest.Item) -> Iterator[str]:
    if item.get_closest_marker("root") and os.geteuid() != 0:
        yield "needs root"
    for marker in item.iter_markers("daemon"):
        missing = [program for program in marker.args if shutil.which(program) is None]
        if missing:
            yield f"not installed: {', '.join(f'{name} (Debian: {PACKAGES.get(name, name)})' for name in missing)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _without_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _without_skip((yield))


def _without_skip(report: Report) -> Report:
    """CI on a machine with root must run everything: there, a skip is a failure with the skip's reason."""
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("DUALSTACK_NO_SKIPS") == "1":
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, and DUALSTACK_NO_SKIPS=1 allows none: {why}"
    return report


class MakeNamespace(Protocol):
    """How tests ask for a host; the arguments are those of `Network.namespace`."""

    def __call__(
        self,
        *,
        hosts: str = ...,
        resolv_conf: str = ...,
        sysctls: Mapping[str, int | str] | None = ...,
        loopback: bool = ...,
    ) -> Host: ...


@pytest.fixture
def namespace(network: Network) -> MakeNamespace:
    """Makes a host that is linked to nothing: `namespace(sysctls={...}).run([...])`."""
    return network.namespace


@pytest.fixture(scope="session", autouse=True)
def place_of_control_sockets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Gateways of tests are found by tests alone, and find no other."""
    with pytest.MonkeyPatch.context() as environment:
        place = tmp_path_factory.mktemp("run")
        environment.setenv("DUALSTACK_RUN", str(place))
        environment.delenv("DUALSTACK_CONTROL", raising=False)
        yield place


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("relay", ...)` is the command; gives its exit code, standard output and standard error."""

    def called(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dualstack", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return called
