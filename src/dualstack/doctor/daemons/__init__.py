"""Daemons as data: a file for each program, with where its settings are, how they are read and opened."""
