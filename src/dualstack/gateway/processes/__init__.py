"""Runs the gateway as one process or many, through reloads and upgrades; never handles a connection."""
