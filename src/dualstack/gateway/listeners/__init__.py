"""Holds named ports and their sockets: opened, activated, inherited, stopped; never reads from a client."""
