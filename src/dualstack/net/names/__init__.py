"""Asks for names: the system's resolver, name servers, the hosts file, each within a limit; never what to do with the
addresses.
"""
