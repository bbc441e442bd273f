"""Protocols: bytes in, events out. No socket, no clock, no loop."""
