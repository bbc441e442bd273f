"""What this host's own resolver is asked for a connection: its hosts file, then its name servers or whoever it asks.

Where nsswitch.conf has name servers alone behind the hosts file, each full name that a name may mean is asked for with
the root's dot, which the C library's resolver adds nothing to, so that both families can be asked apart and end at one
name. Where others are asked too (multicast DNS, systemd-resolved), who knows no full names but theirs, a name that may
mean several is one question for both families, as it is in the C library.
"""

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from dualstack.core.address.address import Address
from dualstack.core.dial.resolv_conf import ResolvConf, candidates, parse_resolv_conf
from dualstack.errors import LookupFailed
from dualstack.net.names.files import ParsedFile
from dualstack.net.names.hosts_file import HostsFile, addresses_in_hosts_file
from dualstack.net.names.resolver import Resolver
from dualstack.net.names.search import Plain

__all__ = ["RESOLV_CONF", "SYSTEM_NAMES", "SystemNames", "resolv_conf_of_this_host"]

RESOLV_CONF = Path("/etc/resolv.conf")
# resolv.conf(5): how long the C library waits for a server where the file says nothing of it.
_PATIENCE_S = 5.0


def resolv_conf_of_this_host(text: str) -> ResolvConf:
    """What resolv.conf says here."""
    return parse_resolv_conf(text, environ=os.environ, hostname=socket.gethostname())


class SystemNames:
    """The system's resolver, for one family after the other.

    Args:
        resolv_conf: the path of resolv.conf.
        hosts: the hosts file.
        resolver: whoever is asked.
    """

    def __init__(
        self,
        resolv_conf: Path = RESOLV_CONF,
        hosts: HostsFile = addresses_in_hosts_file,
        resolver: Resolver = socket,
    ) -> None:
        self._resolv_conf = ParsedFile(resolv_conf, resolv_conf_of_this_host)
        self._hosts = hosts
        self._plain = Plain(resolver)
        self.files = (self._resolv_conf, *hosts.files)

    def in_hosts_file(self, name: str) -> tuple[Address, ...]:
        """The addresses of a name that nobody is asked for, as of the last look at the files."""
        return self._hosts.at_hand(name)

    def candidates(self, name: str) -> Sequence[str] | None:
        """The full names that it may mean; none where it can mean one alone."""
        conf = self._resolv_conf.at_hand
        found = () if conf is None else candidates(name, conf)
        if len(found) < 2:
            return ()
        return found if self._hosts.is_followed_by_dns_alone else None

    def addresses(self, name: str, family: int) -> tuple[Address, ...]:
        """The addresses of one family; both where it is 0.

        Raises:
            LookupFailed: as `Namer.addresses`. The C library has one number for servers that fail and for such as
                never answer; only for the latter does it wait.
        """
        began = monotonic()
        try:
            return self._plain.addresses(name, family)
        except LookupFailed as error:
            conf = self._resolv_conf.at_hand
            patience_s = _PATIENCE_S if conf is None or conf.timeout_s is None else conf.timeout_s
            error.timed_out = error.errno == socket.EAI_AGAIN and monotonic() - began >= patience_s
            raise


SYSTEM_NAMES = SystemNames()
"""This host's."""
