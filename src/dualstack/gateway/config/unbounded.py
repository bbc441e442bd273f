"""Which services let a connection stay for ever without a byte, although nobody has said that they may."""

from collections.abc import Iterator

from dualstack.core.planning.configuration import Configuration
from dualstack.gateway.counters.log import Log

__all__ = ["WHY", "unbounded", "warn_of_unbounded"]

WHY = (
    "no idle_timeout: whoever stays silent keeps a connection, and two descriptors, for ever; set idle_timeout, or"
    " idle_timeout = inf where that is meant"
)


def unbounded(config: Configuration) -> Iterator[str]:
    """The names of these services."""
    return (service.name for service in config.services if service.is_unbounded)


def warn_of_unbounded(log: Log, config: Configuration) -> None:
    """Say so of each."""
    for name in unbounded(config):
        log.warning("no timeout", service=name, why=WHY)
