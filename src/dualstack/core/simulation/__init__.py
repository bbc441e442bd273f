"""Plays hosts, ports and connections in memory by the oracle's rules; never decides one by itself."""
