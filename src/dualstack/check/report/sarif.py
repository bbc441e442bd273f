"""Findings as SARIF 2.1.0, which code hosts and editors show (OASIS, section 3)."""

from collections.abc import Iterable
from pathlib import PurePath
from urllib.parse import quote

from dualstack.check.findings.finding import Finding
from dualstack.check.findings.kinds import KINDS

__all__ = ["sarif"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(findings: Iterable[Finding], version: str) -> dict[str, object]:
    """The document of one run.

    Args:
        findings: what was found.
        version: of the program.
    """
    rules = [
        {
            "id": kind.code,
            "name": kind.name,
            "shortDescription": {"text": kind.sentence},
            "help": {"text": f"{kind.law}. Instead: {kind.replacement}."},
            "defaultConfiguration": {"level": "warning"},
        }
        for kind in KINDS
    ]
    driver = {"name": "dualstack", "version": version, "rules": rules}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(each) for each in findings]}],
    }


def _uri(path: str) -> str:
    """A path as RFC 3986 writes it: relative as it was named, absolute with its scheme."""
    plain = quote(PurePath(path).as_posix())
    return f"file://{plain}" if plain.startswith("/") else plain


def _result(finding: Finding) -> dict[str, object]:
    place = {
        "artifactLocation": {"uri": _uri(finding.path)},
        "region": {"startLine": finding.line, "startColumn": finding.column},
    }
    return {
        "ruleId": finding.code,
        "level": "warning",
        "message": {"text": f"{finding.message} Instead: {finding.replacement}."},
        "locations": [{"physicalLocation": place}],
    }
