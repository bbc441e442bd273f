"""Says what daemons' settings make of both families before they run: sockets, who reaches them, the edit (X6).

Reads files and command lines and never runs anything; of this host itself `doctor.host` alone asks something.
"""

from dualstack.doctor.examine import Question, examine

__all__ = ["Question", "examine"]
