"""Puts the dialler and the listener in the place of other libraries' own; never decides how a connection is made."""
