"""The names of this host's hosts file, read again when it changes."""

from pathlib import Path

from dualstack.core.address.address import Address
from dualstack.core.dial.hosts_file import Hosts, comes_first, is_followed_by_dns_alone, parse_hosts
from dualstack.net.names.files import ParsedFile

__all__ = ["HostsFile", "addresses_in_hosts_file"]


class HostsFile:
    """What the hosts file says, where nsswitch.conf has it asked first.

    Args:
        hosts: its path.
        nsswitch: the path of nsswitch.conf.
    """

    def __init__(self, hosts: Path = Path("/etc/hosts"), nsswitch: Path = Path("/etc/nsswitch.conf")) -> None:
        self._names: ParsedFile[Hosts] = ParsedFile(hosts, parse_hosts)
        self._sources = ParsedFile(nsswitch, lambda text: (comes_first(text), is_followed_by_dns_alone(text)))
        self.files = (self._names, self._sources)

    def __call__(self, name: str) -> tuple[Address, ...]:
        """The addresses of a name; none where the file does not have it, or is not asked first."""
        self._look()
        return self.at_hand(name)

    def of(self, name: str) -> tuple[Address, ...]:
        """The addresses of a name, whatever nsswitch.conf says."""
        self._look()
        return self.of_at_hand(name)

    def at_hand(self, name: str) -> tuple[Address, ...]:
        """As `__call__`, as of the last look at the files."""
        sources = self._sources.at_hand
        return self.of_at_hand(name) if sources is not None and sources[0] else ()

    def of_at_hand(self, name: str) -> tuple[Address, ...]:
        """As `of`, as of the last look at the files."""
        names = self._names.at_hand
        return () if names is None else names.get(name.lower().removesuffix("."), ())

    @property
    def is_followed_by_dns_alone(self) -> bool:
        """Whether name servers alone are asked for what the file has not, as of the last look at the files."""
        sources = self._sources.at_hand
        return sources is not None and sources[1]

    def _look(self) -> None:
        for file in self.files:
            file()


addresses_in_hosts_file = HostsFile()
