"""Speaks with clients who say where to: SOCKS, CONNECT, plain HTTP, UDP associations; never connects by itself."""
