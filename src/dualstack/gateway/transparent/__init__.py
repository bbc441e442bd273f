"""Clients that were told of no proxy: the first packet of each connection, and what is answered in another's name."""
