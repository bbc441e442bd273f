"""Says what daemons' settings make of both families before they run: sockets, who reaches them, the edit (X6).

Reads files and command lines, never runs anything, and asks this host nothing.
"""

from dualstack.doctor.examine import Question, examine

__all__ = ["Question", "examine"]
