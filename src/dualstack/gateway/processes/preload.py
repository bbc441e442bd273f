"""Rights and limits of the process: as many descriptors as are allowed, and no more rights than are needed."""

import importlib
import os

from dualstack.errors import ConfigError
from dualstack.gateway.config.user_entry import user_entry

__all__ = ["become", "import_what_is_needed_later", "raise_descriptor_limit"]

# What is imported where it is first needed: by a reload, a lookup, a connection, a port that cannot start.
_NEEDED_LATER = (
    *("concurrent.futures.thread", "encodings.idna", "dualstack.kernel.sockdiag", "dualstack.net.names.getaddrinfo"),
    *("dualstack.net.dial.asyncio_calls", "dualstack.net.dial.asyncio_literal", "dualstack.gateway.forward.http"),
)


def import_what_is_needed_later() -> None:
    """Import it now: later there may be no descriptor to read it by, or no right to."""
    for name in _NEEDED_LATER:
        importlib.import_module(name)


def raise_descriptor_limit() -> int | None:
    """Raise the soft limit of open files to the hard one; the limit, or None on a system without."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except ValueError:
            # macOS says "unlimited" and takes no more than OPEN_MAX (setrlimit(2), COMPATIBILITY).
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(10240, hard), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def become(user: str, where: str) -> None:
    """Give up root for `user`: groups, group and user id, for good.

    Raises:
        ConfigError: no such user, or this process may not become another.
    """
    entry = user_entry(user, where)
    if os.geteuid() == entry.pw_uid:
        return
    if os.geteuid() != 0:
        raise ConfigError(where, "user", f"only root may become {user!r}; start as root or leave the key out")
    import_what_is_needed_later()
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
