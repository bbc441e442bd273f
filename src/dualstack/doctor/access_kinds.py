"""What the doctor finds of access lists and packet filters: a part of the table of findings."""

from dualstack.doctor.kinds import Kind, Severity

__all__ = ["ACCESS_KINDS"]

ACCESS_KINDS = (
    Kind(
        "DS170",
        Severity.WARNING,
        "lets in one family alone",
        "Peers that come over the other family are turned away, be they the same hosts: a client with both tries IPv6 "
        "first (RFC 6724) and is refused.",
        "Name the prefixes that these hosts have in the other family, too.",
    ),
    Kind(
        "DS171",
        Severity.NOTE,
        "keeps out one family alone",
        "Whoever is not named comes in: the hosts that are kept out come in over the other family.",
        "Name the prefixes that these hosts have in the other family, too, or let in by name and deny the rest.",
    ),
    Kind(
        "DS172",
        Severity.NOTE,
        "lets in one loopback address alone",
        "A program of this host that connects to localhost begins with ::1 where the hosts file has it.",
        "Let in 127.0.0.0/8 and ::1.",
    ),
    Kind(
        "DS173",
        Severity.WARNING,
        "guards one family alone",
        "What it drops over one family comes in over the other: whatever listens on :: is open to it.",
        "Use a table of the family inet, or the same rules for the other family.",
    ),
)
