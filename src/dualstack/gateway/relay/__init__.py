"""Moves bytes behind gates, by streams and by datagrams; knows no service, no policy and no log."""
