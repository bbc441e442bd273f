"""Decides what Domino's words and a notes.ini mean here; never reads the file or runs what it asks for."""
