"""Decides what an address, a prefix and an endpoint are and how they are written; never looks a name up or asks this
host.
"""
