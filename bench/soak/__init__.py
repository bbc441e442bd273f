"""A gateway under clients of all kinds while it is disturbed, for as long as is wanted: `python -m bench.soak`."""
