"""The reference pages say what the program says."""

import json
from pathlib import Path

from dualstack.check.report.reference import checks_page
from dualstack.core.domino.keys import KEYS, NRPC, SERVERS
from dualstack.core.explain.systems_page import systems_page
from dualstack.core.planning.planner import RULES
from dualstack.doctor.findings import findings_page
from dualstack.doctor.settings_page import settings_page
from dualstack.gateway.config.schema import configuration_keys, json_schema

DOCS = Path(__file__).parents[2] / "docs"


def test_the_configuration_page_has_every_key_as_it_is() -> None:
    page = (DOCS / "reference" / "configuration.md").read_text()
    assert configuration_keys()
    for key in configuration_keys():
        row = f"| `{key.key}` | {key.type.replace('|', 'or')} | {key.default} | {key.meaning.replace('|', '/')} |"
        assert row in page


def test_the_schema_is_written_from_the_structs() -> None:
    """`dualstack gateway --schema > docs/reference/dualstack.schema.json` writes it anew."""
    text = (DOCS / "reference" / "dualstack.schema.json").read_text()
    assert text == json.dumps(json_schema(), indent=2) + "\n"


def test_the_page_of_systems_is_written_from_the_tables() -> None:
    """`dualstack explain --systems > docs/reference/systems.md` writes it anew."""
    assert (DOCS / "reference" / "systems.md").read_text() == systems_page()


def test_the_page_of_dominos_file_has_every_key_and_server_of_the_tables() -> None:
    page = (DOCS / "reference" / "domino.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [row for row in page.splitlines() if row.startswith("| D6")] == [
        f"| {r} | {why} |" for r, why in RULES.items()
    ]
    assert [row for row in rows if row.startswith(f"| `{NRPC}`")] == [rows[len(KEYS)]]
    assert rows[: len(KEYS)] == [f"| `{key.key}` | {key.meaning} | {key.source} |" for key in KEYS]
    assert [row.split(" | ")[:3] for row in rows[len(KEYS) + 1 :]] == [
        [f"| `{server.name}`", f"`{server.key}`", str(server.number)] for server in SERVERS
    ]


def test_the_page_of_daemons_is_written_from_their_tables() -> None:
    """`dualstack doctor --list daemons > docs/reference/daemons.md` writes it anew."""
    assert (DOCS / "reference" / "daemons.md").read_text(encoding="utf-8") == settings_page()


def test_the_page_of_findings_is_written_from_the_table() -> None:
    """`dualstack doctor --list findings > docs/reference/findings.md` writes it anew."""
    assert (DOCS / "reference" / "findings.md").read_text(encoding="utf-8") == findings_page()


def test_the_page_of_checks_is_written_from_the_kinds() -> None:
    """`dualstack check --kinds > docs/reference/checks.md` writes it anew."""
    assert (DOCS / "reference" / "checks.md").read_text() == checks_page()
