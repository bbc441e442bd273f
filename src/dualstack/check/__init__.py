"""What ties a program's source to one family: where, why, and what to write instead.

Reads Python by its syntax tree and C by its tokens; runs nothing, asks no name and opens no socket.
"""

from dualstack.check.files.source import SourceFile, check_paths, check_source
from dualstack.check.findings.finding import Finding
from dualstack.check.findings.kinds import KINDS, Kind

__all__ = ["KINDS", "Finding", "Kind", "SourceFile", "check_paths", "check_source"]
