"""Rights and limits of the process: as many descriptors as are allowed, and no more rights than are needed."""

import importlib
import os
from contextlib import suppress

from dualstack.errors import ConfigError
from dualstack.gateway.config.user_entry import user_entry
from dualstack.gateway.relay.stream.choose import plane_of_this_system

__all__ = ["become", "import_what_is_needed_later", "raise_descriptor_limit"]

# What is imported where it is first needed: by a reload, a lookup, a connection or its failure, a port that cannot
# start, a question on the control socket. A test reads the imports within functions and compares.
_NEEDED_LATER = (
    *("concurrent.futures.thread", "difflib", "encodings.idna", "pwd", "resource"),
    *("dualstack.core.address.inet_aton", "dualstack.core.address.narrowing", "dualstack.core.dial.no_connection"),
    *("dualstack.gateway.forward.http", "dualstack.gateway.status.aggregate", "dualstack.gateway.status.collect"),
    *("dualstack.gateway.status.slices", "dualstack.kernel.sockdiag", "dualstack.net.dial.asyncio_calls"),
    *("dualstack.net.dial.asyncio_literal", "dualstack.net.dial.by_name", "dualstack.net.extras"),
    *("dualstack.net.names.dns_asyncio", "dualstack.net.names.getaddrinfo"),
)
_NEEDED_LATER_WHERE_INSTALLED = ("idna", "dualstack.net.names.dns_resolver")


def import_what_is_needed_later() -> None:
    """Import it now: later there may be no descriptor to read it by, or no right to."""
    plane_of_this_system()
    for name in _NEEDED_LATER:
        importlib.import_module(name)
    for name in _NEEDED_LATER_WHERE_INSTALLED:
        # Whoever asks for it where it is not is told so then.
        with suppress(ModuleNotFoundError):
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
