"""What connections go by of this host, whoever is asked for names: whether IPv6 is on, and its policy table.

Each is looked at beforehand, as the files are, so that no connection waits for a look.
"""

from collections.abc import Callable
from os import PathLike
from time import monotonic

from dualstack.core.dial.policy_table import DEFAULT_TABLE, PolicyTable, parse_gai_conf
from dualstack.net.names.looks import FRESH_S

__all__ = ["LOOKS", "Ipv6Here", "SystemTable", "ipv6_here", "see_ipv6", "system_table"]

_GAI_CONF = "/etc/gai.conf"
_IPV6_STATUS_S = 1.0


def _is_ipv6_on() -> bool:
    from dualstack.kernel.facts import ipv6_status  # who connects to no name does not pay for it

    return ipv6_status().ipv6


class Ipv6Here:
    """Whether IPv6 is on, looked at once a second at most.

    Args:
        look: finds it out.
    """

    def __init__(self, look: Callable[[], bool] = _is_ipv6_on) -> None:
        self._look = look
        self._looked_at = float("-inf")
        self._is_on = True

    def __call__(self, now: float) -> bool:
        """Whether it is, as of the last look."""
        if now - self._looked_at >= _IPV6_STATUS_S:
            self._looked_at = now
            try:
                self._is_on = self._look()
            except OSError:
                self._is_on = True  # not known: asking costs less than not asking
        return self._is_on


ipv6_here = Ipv6Here()


def see_ipv6() -> None:
    """Look whether IPv6 is on, so that nobody has to within the time that a look at files counts."""
    ipv6_here(monotonic() + 2 * FRESH_S)


class SystemTable:
    """The policy table of this host, read once, as the C library does (gai.conf(5): reload is off by default).

    Args:
        path: of the file that an administrator may write.
    """

    def __init__(self, path: str | PathLike[str] = _GAI_CONF) -> None:
        self._path = path
        self._table: PolicyTable | None = None

    def __call__(self) -> PolicyTable:
        """The table; the default one where no file says otherwise."""
        if self._table is None:
            try:
                with open(self._path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - pathlib takes 4 ms
                    self._table = parse_gai_conf(file.read())
            except OSError:
                self._table = DEFAULT_TABLE
        return self._table


system_table = SystemTable()

LOOKS: tuple[Callable[[], object], ...] = (see_ipv6, system_table)
"""What every connection goes by, whoever is asked for names."""
