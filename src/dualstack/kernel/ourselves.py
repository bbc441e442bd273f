"""How this program starts Python: every command line of a Python of ours is built here, and nowhere else.

`python -m` and `python -c` put the working directory before all else that is imported: a file `dns.py` that lies where
the user stands would run, as root where the user is root. So each is started with `-P` (Python 3.11, "safe path").
It is no variable of the environment (PYTHONSAFEPATH), because commands of the user's are children of ours too, and
what they import is theirs to say. So is PYTHONPATH, which stays as it is.
"""

import sys

__all__ = ["import_from", "our_code", "our_command_again", "our_module"]

# What this Python was told about where it imports from holds for those it starts (`#!/usr/bin/python3 -Es`).
_OPTIONS = (("isolated", "-I"), ("ignore_environment", "-E"), ("no_user_site", "-s"))


_bundle: str | None = None


def import_from(place: str) -> None:
    """Have the Pythons that we start import from `place` too, where this one was told of it (a zipapp, unpacked).

    It is no variable of the environment, which the commands of the user's would inherit.
    """
    global _bundle  # noqa: PLW0603 - set once, before the program
    _bundle = place


def our_module(name: str, *words: str) -> list[str]:
    """The command that runs a module as `python -m` does.

    >>> our_module("dualstack", "relay", "80", "81")[1:]
    ['-P', '-m', 'dualstack', 'relay', '80', '81']
    """
    if _bundle is None:
        return [*_python(), "-m", name, *words]
    return our_code(f"import runpy; runpy.run_module({name!r}, run_name='__main__', alter_sys=True)", *words)


def our_code(text: str, *words: str) -> list[str]:
    """The command that runs a program given as text, as `python -c` does."""
    if _bundle is not None:
        text = f"import sys\nsys.path.insert(0, {_bundle!r})\n{text}"
    return [*_python(), "-c", text, *words]


def our_command_again() -> tuple[str, list[str]]:
    """The program that runs here and the words that it was started with, to start it once more."""
    name, *words = sys.orig_argv
    return sys.executable, [name, *([] if "-P" in words[:1] else ["-P"]), *words]


def _python() -> list[str]:
    return [sys.executable, "-P", *(option for flag, option in _OPTIONS if getattr(sys.flags, flag))]
