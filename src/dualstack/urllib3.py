"""Connections for urllib3, and so for requests, raced."""

from dualstack.net.adapters.urllib3 import urllib3_connection

__all__ = ["urllib3_connection"]
