"""Connections, ours beside the peers'."""
