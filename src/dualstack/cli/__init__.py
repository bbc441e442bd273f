"""The `dualstack` command: arguments in, exit code out; one file per verb, imported when it is called.

Nothing is decided here. Results go to standard output, talk to standard error.
"""

from dualstack.cli.main import main

__all__ = ["main"]
