"""The access log: what stands in a line, and where it is written."""

import json
import os
from pathlib import Path

import pytest

from dualstack.errors import ConfigError
from dualstack.gateway.counters.access_log import AccessLog, ended, unlinked
from dualstack.gateway.relay.link import Flow, Hop, Link, Reason

MOMENT = 1_700_000_000.25


class Over(Link):
    """A link that is over."""

    def over(self, reason: Reason, errno: int = 0) -> None:
        raise AssertionError(reason, errno)


def link(peer: tuple[str, int, int, int], hop: Hop | None = None) -> Link:
    made = Over(None, peer, 1.0, 10.0)  # type: ignore[arg-type]
    made.hop = hop
    made.client, made.server = Flow(3), Flow(4)
    made.over_at = 12.5
    made.reason = Reason.ENDED
    return made


def written(path: Path, form: str, facts: dict[str, object]) -> str:
    log = AccessLog(str(path), form, clock=lambda: MOMENT)
    log.write(facts)
    log.close()
    return path.read_text()


def test_a_line_of_text_has_both_families_and_the_peer_unmapped(tmp_path: Path) -> None:
    facts = ended(link(("::ffff:192.0.2.1", 4711, 0, 0), Hop(10, ("2001:db8::1", 80, 0, 0))), "web", "tcpip", "name:80")
    assert written(tmp_path / "a", "text", facts) == (
        "2023-11-14T22:13:20.250Z connection service=web port=tcpip client=192.0.2.1:4711 client_family=ipv4 "
        "asked=name:80 target=[2001:db8::1]:80 target_family=ipv6 bytes_up=3 bytes_down=4 duration_s=2.5 "
        'reason="both sides ended"\n'
    )


def test_a_line_of_json_has_numbers_and_nulls(tmp_path: Path) -> None:
    facts = unlinked(("2001:db8::7", 9, 0, 0), "web", "web", "exec:/bin/x", 0.25, "the command has ended")
    assert json.loads(written(tmp_path / "a", "json", facts)) == {
        "time": "2023-11-14T22:13:20.250Z",
        "event": "connection",
        "service": "web",
        "port": "web",
        "client": "[2001:db8::7]:9",
        "client_family": "ipv6",
        "asked": "exec:/bin/x",
        "target": None,
        "target_family": "none",
        "bytes_up": None,
        "bytes_down": None,
        "duration_s": 0.25,
        "reason": "the command has ended",
    }


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("name", ["a\nb", 'say "hi"', "x=y", "\x1b[31m", "\u2028", "", "\udc80"])
def test_no_name_makes_two_lines_of_one(tmp_path: Path, form: str, name: str) -> None:
    line = written(tmp_path / "a", form, {"asked": name, "reason": "r"})
    assert line.count("\n") == 1
    assert "\x1b" not in line
    if form == "json":
        assert "asked" in json.loads(line)


def test_a_file_that_was_moved_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(str(path), "json")
    log.write({"n": 1})
    path.rename(tmp_path / "access.log.1")
    log.write({"n": 2})
    log.reopen()
    log.write({"n": 3})
    log.close()
    assert [json.loads(line)["n"] for line in (tmp_path / "access.log.1").read_text().splitlines()] == [1, 2]
    assert json.loads(path.read_text())["n"] == 3


def test_a_file_that_cannot_be_opened_again_is_written_to_as_before(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(str(path), "json")
    path.rename(tmp_path / "moved")
    path.mkdir()
    with pytest.raises(ConfigError, match=r"access_log: .*Is a directory"):
        log.reopen()
    log.write({"n": 1})
    log.close()
    assert (tmp_path / "moved").read_text().count("\n") == 1


def test_what_cannot_be_written_is_in_nobodys_way(tmp_path: Path) -> None:
    log = AccessLog("/dev/full", "text")
    log.write({"n": 1})
    log.close()
    assert log.lost == 1
    with pytest.raises(ConfigError, match="No such file"):
        AccessLog(str(tmp_path / "none" / "a"), "text")


def test_standard_error_stays_open(capfd: pytest.CaptureFixture[str]) -> None:
    log = AccessLog("-", "text")
    log.reopen()
    log.close()
    log.write({"n": 1})
    log.close()
    os.fstat(2)
    assert capfd.readouterr().err.endswith(" connection n=1\n")
