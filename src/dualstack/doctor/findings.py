"""What the doctor finds: a table of codes with severity, title, meaning and what to do; and one finding as a value.

A cause hides its consequences: `caused_by` names the finding that explains another.
"""

from dataclasses import dataclass

from dualstack.doctor.access_kinds import ACCESS_KINDS
from dualstack.doctor.container_kinds import CONTAINER_KINDS
from dualstack.doctor.host_kinds import HOST_KINDS
from dualstack.doctor.kinds import Kind, Severity
from dualstack.doctor.listening import Place

__all__ = ["KINDS", "Finding", "Kind", "Severity", "findings_page"]


_ROWS = (
    Kind(
        "DS101",
        Severity.ERROR,
        "does not start",
        "With these settings the daemon ends before it serves anybody.",
        "Change the setting that it refuses.",
    ),
    Kind(
        "DS102",
        Severity.WARNING,
        "IPv6 clients are not served",
        "No socket of it receives IPv6: a client that has IPv6 alone is refused, another waits before it tries IPv4.",
        "Let it listen on :: too.",
    ),
    Kind(
        "DS103",
        Severity.WARNING,
        "IPv4 clients are not served",
        "No socket of it receives IPv4, not even as mapped addresses: IPV6_V6ONLY is set.",
        "Let it listen on 0.0.0.0 too.",
    ),
    Kind(
        "DS104",
        Severity.WARNING,
        "whom it serves hangs on net.ipv6.bindv6only",
        "It leaves IPV6_V6ONLY to the system, so that the same settings serve other clients on a host with the other "
        "value of the sysctl.",
        "Set the option in its settings, or listen on one wildcard of each family.",
    ),
    Kind(
        "DS105",
        Severity.WARNING,
        "goes on without a socket",
        "An address of its settings cannot be opened, and only a line in its log says so.",
        "Remove the address, or what stands in its way.",
    ),
    Kind(
        "DS106",
        Severity.ERROR,
        "runs without any socket",
        "It starts and nobody can reach it.",
        "Let it listen on an address that the host has.",
    ),
    Kind(
        "DS107",
        Severity.NOTE,
        "some addresses of the host are not served",
        "It listens on some of the host's addresses alone, such as the loopback's.",
        "Nothing where that is meant.",
    ),
    Kind(
        "DS108",
        Severity.NOTE,
        "would not start where IPv6 is off",
        "In a container with disable_ipv6, or on a kernel without AF_INET6, the same settings keep it from starting.",
        "Leave IPv6 addresses out of the settings of such hosts.",
    ),
    Kind(
        "DS120",
        Severity.UNKNOWN,
        "a setting is not understood",
        "What the daemon makes of it is not known, and nothing is guessed.",
        "Say what is missing with --assume, or look at its sockets on a host where it runs.",
    ),
    Kind(
        "DS121",
        Severity.WARNING,
        "no daemon is known by this",
        "Neither the file's name nor the command's program belongs to a daemon of the table.",
        "Say which it is with --as.",
    ),
    *HOST_KINDS,
    *ACCESS_KINDS,
    *CONTAINER_KINDS,
)

KINDS: dict[str, Kind] = {kind.code: kind for kind in _ROWS}


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding: its kind, about whom, where, by what it is seen, the edit, and the code that caused it."""

    kind: Kind
    subject: str
    evidence: str
    place: Place | None = None
    remedy: str = ""
    caused_by: str | None = None

    def as_json(self) -> dict[str, object]:
        """The finding as JSON has it."""
        return {
            "code": self.kind.code,
            "severity": self.kind.severity.name.casefold(),
            "title": f"{self.subject}: {self.kind.title}",
            "file": None if self.place is None else self.place.file,
            "line": None if self.place is None else self.place.line,
            "evidence": self.evidence,
            "meaning": self.kind.meaning,
            "remedy": self.remedy or self.kind.remedy,
            "caused_by": self.caused_by,
        }


def findings_page() -> str:
    """The reference page of the table, as Markdown."""
    lines = [
        "# What the doctor finds",
        "",
        "`dualstack doctor --explain CODE` says the same of one. Exit status 1 where one is a warning or an error.",
        "",
        "| code | severity | finding | what it means | what to do |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {kind.code} | {kind.severity.name.casefold()} | {kind.title} | {kind.meaning} | {kind.remedy} |"
        for kind in _ROWS
    ]
    return "\n".join(lines) + "\n"
