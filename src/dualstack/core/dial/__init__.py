"""Decides which address is tried next and when, and what became of each; never opens a socket, reads a file or a
clock.
"""
