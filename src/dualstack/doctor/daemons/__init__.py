"""Daemons as data: where the settings of each are, how they are read and opened; never whom they reach."""
