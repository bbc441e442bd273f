"""`dualstack demo`: the main job, with real sockets, as `make run` shows it."""

import json
from pathlib import Path

from support.command import Run


def test_every_client_reaches_every_server_through_the_gateway(run: Run) -> None:
    code, out, err = run("demo", "--once", "--json")
    ready, document = map(json.loads, out.splitlines())
    assert (code, err) == (0, "")
    assert ready["event"] == "ready"
    assert [s["family"] for s in ready["sockets"]] == [4, 6, 4, 6]
    assert [box["server_wire"] for box in document["direct"]] == [4, None, None, 6]
    assert [box["server_wire"] for box in document["gateway"]] == [4, 6, 4, 6]


def test_people_see_a_table(run: Run) -> None:
    code, out, _ = run("demo", "--once")
    assert code == 0
    assert "IPv6 → IPv4" in out
    assert out.endswith("2 of 4 reach their server directly, 4 of 4 through dualstack.\n")
    assert out in (Path(__file__).parents[2] / "README.md").read_text(), "the README shows what one sees"
