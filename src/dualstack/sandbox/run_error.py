"""Why a program cannot be run, as people read it, and the exit code, be it one of a shell's."""

import sys

from dualstack.errors import DualstackError, ExitCode

__all__ = ["RunError", "check_system"]


class RunError(DualstackError):
    """A program that cannot be run.

    Args:
        why: what, where, and the remedy.
        code: of this process.
    """

    def __init__(self, why: str, code: int) -> None:
        super().__init__(why)
        self.exit_code = code  # type: ignore[assignment]  # a shell's numbers are among them


def check_system(platform: str = sys.platform) -> None:
    """Whether this system has what it takes.

    Raises:
        RunError: it has not.
    """
    if platform != "linux":
        why = f"run takes Linux' network namespaces, which {platform} has not: use `dualstack proxy`, or `relay`"
        raise RunError(why, ExitCode.UNAVAILABLE)
