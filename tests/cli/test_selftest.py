"""The selftest passes here, says what fails and what cannot be tried, and is heard by its exit code."""

import json
from dataclasses import replace

import pytest

from dualstack.cli import self_checks
from dualstack.core.host.facts import HostFacts
from dualstack.kernel.facts import read_facts
from support.command import Run


def test_all_that_is_here_works_here(run: Run) -> None:
    code, out, _ = run("selftest", "--json")
    checks = json.loads(out)["checks"]
    assert [(each["check"], each["passed"]) for each in checks] == [
        ("addresses", True),
        ("plan", True),
        ("race", True),
        ("oracle", True),
        ("gateway", True),
    ]
    assert code == 0
    assert "4 of 4 through it" in checks[-1]["said"]


def test_what_fails_is_named_whatever_it_raises(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: HostFacts) -> str:
        raise ZeroDivisionError("one by none")

    monkeypatch.setattr(self_checks, "_CHECKS", {"broken": broken})
    code, out, err = run("selftest")
    assert code == 1
    assert "broken   FAILS   ZeroDivisionError: one by none" in out
    assert err.startswith("dualstack: broken: see above")


def test_a_kernel_that_does_something_else_is_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = replace(read_facts(), bindv6only=True)
    monkeypatch.setattr(self_checks, "read_facts", lambda: facts)
    monkeypatch.setattr(self_checks, "_WILDCARDS", tuple(replace(each, v6only=None) for each in self_checks._WILDCARDS))
    code, out, _ = run("selftest", "--json")
    failed = {each["check"]: each["said"] for each in json.loads(out)["checks"] if not each["passed"]}
    assert (code, list(failed)) == (1, ["oracle"])
    assert "predicted success, the kernel says EADDRINUSE" in failed["oracle"]


def test_what_cannot_be_tried_here_is_left_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = replace(read_facts(), system="macos", ipv6=False, why_no_ipv6="it is switched off")
    monkeypatch.setattr(self_checks, "read_facts", lambda: facts)
    code, out, _ = run("selftest", "--json")
    left = {each["check"]: each["said"] for each in json.loads(out)["checks"] if each["passed"] is None}
    assert code == 0
    assert left == {
        "oracle": "measured on Linux alone; `dualstack explain --os` has the sources",
        "gateway": "IPv6 is off here: it is switched off",
    }
    monkeypatch.setattr(self_checks, "missing_packages", lambda _: ["uvicorn"])
    _, out, _ = run("selftest")
    assert "needs uvicorn, the extra dualstack[gateway]" in out
