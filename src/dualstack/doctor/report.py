"""The report: filled first and printed after, as JSON, as SARIF, or by the command as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dualstack.doctor.assumed_host import AssumedHost
from dualstack.doctor.examine import Answer
from dualstack.doctor.findings import KINDS, Finding, Severity
from dualstack.doctor.listening import Place

__all__ = ["Examined", "Report"]

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note", Severity.UNKNOWN: "none"}


@dataclass(frozen=True, slots=True)
class Examined:
    """One daemon: the answer, and the diff that serves both families where one is known."""

    answer: Answer
    fix: str | None

    def as_json(self) -> dict[str, object]:
        """The daemon as JSON has it."""
        answer = self.answer
        opened = answer.opened
        return {
            "daemon": answer.question.daemon.name,
            "version": answer.question.version or None,
            "files": list(answer.files),
            "starts": "unknown" if opened is None else opened.starts,
            "why": answer.why,
            "sockets": "unknown"
            if opened is None
            else [
                {
                    "proto": each.proto,
                    "address": str(each.address),
                    "port": each.port,
                    "v6only": each.v6only,
                    **_where(each.place),
                }
                for each in opened.sockets
            ],
            "reach": dict(answer.reach),
            "fix": self.fix,
        }


def _where(place: Place | None) -> dict[str, object]:
    return {"file": None if place is None else place.file, "line": None if place is None else place.line}


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found: on which host, of which daemons; of one that runs, its network and sockets, as for JSON."""

    host: AssumedHost
    daemons: Sequence[Examined]
    findings: Sequence[Finding]
    network: Mapping[str, object] = field(default_factory=dict)
    listeners: Sequence[Mapping[str, object]] = ()

    @property
    def worst(self) -> Severity:
        """The worst that was found."""
        return max((each.kind.severity for each in self.findings), default=Severity.UNKNOWN)

    def as_json(self) -> dict[str, object]:
        """The document without its version."""
        interfaces = self.host.interfaces
        return {
            "host": {
                "bindv6only": self.host.bindv6only,
                "ipv6": self.host.ipv6.value,
                "addresses": None if interfaces is None else [str(a) for each in interfaces.values() for a in each],
                **self.network,
            },
            "daemons": [each.as_json() for each in self.daemons],
            "listeners": list(self.listeners),
            "findings": [each.as_json() for each in self.findings],
        }

    def as_sarif(self) -> dict[str, object]:
        """The findings as SARIF 2.1.0 (OASIS)."""
        rules = [
            {
                "id": kind.code,
                "shortDescription": {"text": kind.title},
                "fullDescription": {"text": kind.meaning},
                "help": {"text": kind.remedy},
            }
            for kind in KINDS.values()
        ]
        driver = {"name": "dualstack doctor", "rules": rules}
        results = [_result(each) for each in self.findings]
        return {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "results": results}],
        }


def _result(finding: Finding) -> dict[str, object]:
    said = f"{finding.subject}: {finding.kind.title}: {finding.evidence}"
    result: dict[str, object] = {
        "ruleId": finding.kind.code,
        "level": _LEVELS[finding.kind.severity],
        "message": {"text": said},
    }
    if finding.place is not None:
        physical = {
            "artifactLocation": {"uri": finding.place.file},
            "region": {"startLine": max(1, finding.place.line)},
        }
        result["locations"] = [{"physicalLocation": physical}]
    return result
