"""What ties a program's source to one family: where, why, and what to write instead.

Reads Python by its syntax tree and C by its tokens; runs nothing, asks no name and opens no socket.
"""

from dualstack.check.finding import Finding
from dualstack.check.kinds import KINDS, Kind
from dualstack.check.source import SourceFile, check_paths, check_source

__all__ = ["KINDS", "Finding", "Kind", "SourceFile", "check_paths", "check_source"]
