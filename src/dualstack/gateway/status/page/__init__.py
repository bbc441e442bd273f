"""Draws the status page from a snapshot, in slices; never asks the relay for more."""
