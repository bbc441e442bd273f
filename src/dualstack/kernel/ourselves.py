"""How this program starts Python: every command line of a Python of ours is built here, and nowhere else.

`python -m` and `python -c` put the working directory before all else that is imported: a file `dns.py` that lies where
the user stands would run, as root where the user is root. So each is started with `-P` (Python 3.11, "safe path").
It is no variable of the environment (PYTHONSAFEPATH), because commands of the user's are children of ours too, and
what they import is theirs to say. So is PYTHONPATH, which stays as it is.
"""

import sys

__all__ = ["our_code", "our_command_again", "our_module"]

# What this Python was told about where it imports from holds for those it starts (`#!/usr/bin/python3 -Es`).
_OPTIONS = (("isolated", "-I"), ("ignore_environment", "-E"), ("no_user_site", "-s"))


def our_module(name: str, *words: str) -> list[str]:
    """The command that runs a module as `python -m` does.

    >>> our_module("dualstack", "relay", "80", "81")[1:]
    ['-P', '-m', 'dualstack', 'relay', '80', '81']
    """
    return [*_python(), "-m", name, *words]


def our_code(text: str, *words: str) -> list[str]:
    """The command that runs a program given as text, as `python -c` does."""
    return [*_python(), "-c", text, *words]


def our_command_again() -> tuple[str, list[str]]:
    """The program that runs here and the words that it was started with, to start it once more."""
    name, *words = sys.orig_argv
    return sys.executable, [name, *([] if "-P" in words[:1] else ["-P"]), *words]


def _python() -> list[str]:
    return [sys.executable, "-P", *(option for flag, option in _OPTIONS if getattr(sys.flags, flag))]
