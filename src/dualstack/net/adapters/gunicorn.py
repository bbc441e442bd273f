"""Sockets for gunicorn's own file of settings. Imports nothing of gunicorn."""

import os
from functools import cache

from dualstack.net.listen import bind_sockets

__all__ = ["gunicorn_bind"]


@cache
def gunicorn_bind(where: str | int, *, port: int | None = None) -> list[str]:
    """What `bind` is in a gunicorn.conf.py: a socket for each family, made once.

    gunicorn reads that file again at SIGHUP, and at SIGUSR2 in a new process that has inherited the sockets: then there
    is nothing left to bind.

    Args:
        where: as for `bind_sockets`.
        port: likewise.

    Raises:
        AddressError, ConfigError, ListenError: as `bind_sockets` says.
    """
    if "GUNICORN_FD" in os.environ:
        return []
    return [f"fd://{sock.detach()}" for sock in bind_sockets(where, port=port)]
