"""The doctor against what real daemons opened, run by run.

`tests/data/daemons.jsonl.gz`: for each setting the runs that were measured on Debian 11, 12 and 13 and with packages
from the index, each `[version, bindv6only, ipv6, started, sockets, reach over IPv4, reach over IPv6]`, on a host
with one interface v0 (10.64.2.16, fd64:2::16). Ports that the kernel chose and link-local addresses are left
out.
"""

import gzip
import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from dualstack.doctor.assumed_host import assumed_host
from dualstack.doctor.examine import Answer, Question, examine
from dualstack.doctor.registry import daemon_named
from dualstack.doctor.tree import Tree

DATA = Path(__file__).parents[1] / "data" / "daemons.jsonl.gz"
CASES = [json.loads(line) for line in gzip.decompress(DATA.read_bytes()).splitlines()]
DAEMONS = sorted({case["daemon"] for case in CASES})
HOST = (
    "addresses=10.64.2.16%v0,fd64:2::16%v0",
    "names=dual.lan:10.64.2.16+fd64:2::16,v4.lan:10.64.2.16,v6.lan:fd64:2::16,testhost:127.0.1.1,testhost.lan:127.0.1.1",
)
# Measured as reached from the loopback alone although it listens on every address: it ends what it has not set up.
REACH_ASIDE = {"quassel-core"}


def answered(case: Mapping[str, object], version: str, bindv6only: int, ipv6: str) -> Answer:
    texts = dict(case.get("others", {}))  # type: ignore[call-overload]
    if "text" in case and "path" in case:
        texts[case["path"]] = case["text"]
    host = assumed_host([*HOST, f"bindv6only={bindv6only}", f"ipv6={ipv6}"])
    daemon, argv = daemon_named(str(case["daemon"])), tuple(case["argv"])  # type: ignore[arg-type]
    tree = Written(texts)
    return examine(
        Question(daemon, tree, host, str(case.get("path", "")), version, argv, dict(case.get("environ", {})))
    )  # type: ignore[call-overload]


class Written(Tree):
    """Files that are texts alone."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__("/nonexistent", texts)

    def has(self, path: str) -> bool:
        return path in self._changed

    def matches(self, pattern: str) -> list[str]:
        return sorted(path for path in self._changed if fnmatchcase(path, pattern))


@pytest.mark.parametrize("daemon", DAEMONS)
def test_every_run_is_foretold(daemon: str) -> None:
    wrong = []
    for case in (each for each in CASES if each["daemon"] == daemon):
        for version, bindv6only, ipv6, started, sockets, ipv4_reach, ipv6_reach in case["runs"]:
            answer = answered(case, version, bindv6only, ipv6)
            where = (case["case"], version, bindv6only, ipv6)
            if answer.opened is None or answer.opened.starts is not started:
                wrong.append((*where, answer.why))
                continue
            found = {(each.proto, str(each.address), each.port, each.v6only) for each in answer.opened.sockets}
            seen = {(proto, a, port, None if v6only is None else bool(v6only)) for proto, a, port, v6only in sockets}
            if {each for each in found if each[2] < 32768 or each[2] in {64738, 51413}} != seen:
                wrong.append((*where, found, seen))
            elif daemon not in REACH_ASIDE and answer.reach != {"ipv4": ipv4_reach, "ipv6": ipv6_reach}:
                wrong.append((*where, answer.reach, ipv4_reach, ipv6_reach))
    assert wrong == []


def test_the_measurements_are_whole() -> None:
    assert len(DAEMONS) >= 100
    assert sum(len(case["runs"]) for case in CASES) > 2500
