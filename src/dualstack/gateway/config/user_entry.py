"""The user that a configuration names, as this system knows it."""

from typing import TYPE_CHECKING

from dualstack.errors import ConfigError

if TYPE_CHECKING:
    from pwd import struct_passwd

__all__ = ["user_entry"]


def user_entry(user: str, where: str) -> "struct_passwd":
    """What this system knows of `user`.

    Raises:
        ConfigError: there is no such user.
    """
    try:
        import pwd
    except ModuleNotFoundError:
        raise ConfigError(where, "user", "this system has no user ids; leave the key out") from None
    try:
        return pwd.getpwnam(user)
    except (KeyError, ValueError):
        raise ConfigError(where, "user", f"there is no user {user!r}; name one of getent passwd") from None
