"""Readers of the formats that daemons' settings are written in; each knows no daemon, and never guesses."""
