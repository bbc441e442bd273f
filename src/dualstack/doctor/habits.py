"""Ways of opening sockets that several daemons share; what one of them does otherwise stands with it."""

from dataclasses import replace

from dualstack.doctor.listening import Ends, Habits, Names

__all__ = ["ASYNCIO", "DUAL", "GO", "LENIENT", "STRICT", "SYSCTL"]

STRICT = Habits()
"""IPV6_V6ONLY set, each address of a name, and the first that fails ends it: nginx."""

SYSCTL = replace(STRICT, v6only=None)
"""The same with IPV6_V6ONLY left to the system."""

DUAL = replace(STRICT, v6only=False)
"""The same with IPV6_V6ONLY cleared."""

LENIENT = replace(STRICT, no_family=Ends.SKIPPED, no_address=Ends.SKIPPED, in_use=Ends.SKIPPED, none_left=Ends.SKIPPED)
"""What fails is passed over, and only nothing at all is fatal: sshd."""

GO = Habits(v6only=False, names=Names.IPV4, falls_back=True)
"""net.Listen (net/ipsock_posix.go favoriteAddrFamily): any wildcard is `::` with IPV6_V6ONLY cleared."""

ASYNCIO = replace(STRICT, passive=True, no_family=Ends.SKIPPED, none_left=Ends.SKIPPED, nothing=Ends.SKIPPED)
"""asyncio's create_server: no AF_INET6 is passed over in silence, an address that is not there is fatal."""
