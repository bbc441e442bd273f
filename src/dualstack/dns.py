"""A resolver that asks name servers instead of the system; needs dnspython, the extra `dns`."""

from dualstack.net.names.dns_resolver import DnsResolver

__all__ = ["DnsResolver"]
