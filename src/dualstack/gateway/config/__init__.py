"""Turns files into a Configuration, and says what is wrong in them; never opens or changes anything."""
